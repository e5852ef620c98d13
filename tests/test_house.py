"""The rules of the house: one import direction, small files, no grab bags, a light start, a complete package list."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import cluster_r1
import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "cluster_r1"
ROOMS = (
    "core",
    "reports",
    "corpora",
    "llm",
    "agents",
    "graphs",
    "annotation",
    "benchmark",
    "training",
    "eval",
    "clustering",
    "cli",
)
ROOT_NAMES = {"__version__"}
"""What a room may import from the root package; all else there is imported lazily from the rooms."""

LONGEST_FILE = 500
LONGEST_FUNCTION = 80
GRAB_BAGS = {"util", "utils", "utilities", "helper", "helpers", "manager", "managers", "misc"}
HEAVY = {"torch", "transformers", "langgraph", "argilla", "langchain_core", "pyarrow", "datasets", "sklearn"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def packages() -> list[Path]:
    """Folders of the package below the root, outermost first."""
    tops = [folder for folder in ROOT.iterdir() if (folder / "__init__.py").is_file()]
    return sorted(init.parent for top in tops for init in top.rglob("__init__.py"))


def room_files() -> list[Path]:
    return sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))


def package_files() -> list[Path]:
    return [*sorted(ROOT.glob("*.py")), *room_files()]


def project_files() -> list[Path]:
    beside = ("tests", "benchmarks", "examples", "docs")
    return [*package_files(), *sorted(path for folder in beside for path in (ROOT / folder).rglob("*.py"))]


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imported(tree: ast.AST, place: str) -> Iterator[tuple[int, str]]:
    """(line, absolute dotted name) of all that a module at `place` (a/b.py) imports, at any depth."""
    package = (PACKAGE, *Path(place).parent.parts)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            parts = (*base, *(node.module or "").split("."))
            module = ".".join(part for part in parts if part)
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def forbidden_imports(source: str, place: str) -> list[str]:
    """Imports of a later room, of an unknown one, or out of the root; root modules may import any room."""
    here = Path(place).parts[0]
    found = []
    for line, name in imported(ast.parse(source), place):
        package, _, rest = name.partition(".")
        target = rest.split(".")[0]
        if package != PACKAGE or target in ROOT_NAMES:
            continue
        allowed = ROOMS if len(Path(place).parts) == 1 else ROOMS[: ROOMS.index(here) + 1]
        if target not in allowed:
            found.append(f"{place}:{line} imports {name}")
    return found


def absolute_imports(source: str, place: str) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(source)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or ""]
        found += [f"{place}:{node.lineno} imports {name}" for name in names if name.split(".")[0] == PACKAGE]
    return found


def long_functions(source: str, place: str) -> list[str]:
    functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, Function)]
    lengths = [(node, (node.end_lineno or node.lineno) - node.lineno + 1) for node in functions]
    return [
        f"{place}:{node.lineno} {node.name} has {length} lines" for node, length in lengths if length > LONGEST_FUNCTION
    ]


def is_grab_bag(path: Path) -> bool:
    return bool(GRAB_BAGS & set(path.stem.lower().strip("_").split("_")))


def test_there_are_files_to_check() -> None:
    assert {"__init__.py", "core/answer.py", "core/workspace.py"} <= set(map(relative, package_files()))


def test_rooms_import_only_rooms_before_them() -> None:
    assert [line for path in package_files() for line in forbidden_imports(path.read_text(), relative(path))] == []


def test_the_package_imports_itself_relatively() -> None:
    assert [line for path in package_files() for line in absolute_imports(path.read_text(), relative(path))] == []


def test_every_room_is_known() -> None:
    assert {folder.relative_to(ROOT).parts[0] for folder in packages()} <= set(ROOMS)


@pytest.mark.parametrize(
    ("place", "source"),
    [
        ("core/a.py", "from ..llm.model import x"),
        ("core/a.py", "from .. import llm"),
        ("core/a.py", "from .. import Taxonomy"),
        ("core/a.py", "def f():\n    from ..reports import x"),
        ("core/a.py", "if TYPE_CHECKING:\n    from ..cli.app import x"),
        ("core/a.py", "import cluster_r1.llm"),
        ("core/a.py", "from cluster_r1.llm import x"),
        ("llm/testing/a.py", "from ...agents.labeling import x"),
        ("llm/a.py", "from ..nowhere import x"),
        ("graphs/a.py", "from ..annotation.pull import x"),
        ("__init__.py", "from .nowhere import x"),
    ],
)
def test_an_import_in_the_wrong_direction_is_found(place: str, source: str) -> None:
    assert len(forbidden_imports(source, place)) == 1


@pytest.mark.parametrize(
    ("place", "source"),
    [
        ("core/a.py", "from .b import x"),
        ("core/a.py", "from . import b"),
        ("core/a.py", "from .. import __version__"),
        ("core/a.py", "import llm, numpy.random\nfrom graphs.llm import x"),
        ("llm/testing/a.py", "from ..model import x\nfrom ...core import y\nfrom ... import reports"),
        ("cli/a.py", "from ..eval.report import x\nfrom ..core.answer import y"),
        ("__init__.py", "from .cli.app import x\nfrom . import core"),
    ],
)
def test_an_import_in_the_right_direction_is_allowed(place: str, source: str) -> None:
    assert forbidden_imports(source, place) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import cluster_r1", 1),
        ("import cluster_r1.core as core", 1),
        ("from cluster_r1.core import answer", 1),
        ("import cluster_r1x\nfrom .cluster_r1 import x", 0),
        ("run([python, '-m', 'cluster_r1.llm.server'])", 0),
    ],
)
def test_absolute_imports_are_found(source: str, found: int) -> None:
    assert len(absolute_imports(source, "core/a.py")) == found


def test_no_file_is_too_long() -> None:
    lengths = {relative(path): len(path.read_text().splitlines()) for path in project_files()}
    assert {place: length for place, length in lengths.items() if length > LONGEST_FILE} == {}


def test_no_function_is_too_long() -> None:
    assert [line for path in project_files() for line in long_functions(path.read_text(), relative(path))] == []


@pytest.mark.parametrize(("lines", "found"), [(LONGEST_FUNCTION, 0), (LONGEST_FUNCTION + 1, 1)])
def test_a_long_function_is_found(lines: int, found: int) -> None:
    body = "    x = 1\n" * (lines - 1)
    assert len(long_functions(f"async def f():\n{body}", "a.py")) == found


def test_no_file_or_folder_is_a_grab_bag() -> None:
    names = {path for path in [*project_files(), *packages()] if is_grab_bag(path)}
    assert sorted(map(relative, names)) == []


@pytest.mark.parametrize("name", ["utils.py", "text_utils.py", "_helpers.py", "LedgerManager_manager.py", "helper"])
def test_a_grab_bag_is_found(name: str) -> None:
    assert is_grab_bag(Path(name))


def loaded_by(code: str, folder: Path) -> set[str]:
    """Top-level modules loaded in a fresh interpreter after the code."""
    tell = "\nimport json, sys\nprint()\nprint(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    done = subprocess.run([sys.executable, "-c", code + tell], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


HELP = """
import sys
from cluster_r1.cli.app import main
sys.argv = ["cluster-r1", "--help"]
try:
    main()
except SystemExit as error:
    assert not error.code, error.code
"""


def test_importing_the_package_loads_nothing_heavy(tmp_path: Path) -> None:
    loaded = loaded_by("import cluster_r1", tmp_path)
    assert PACKAGE in loaded
    assert loaded & (HEAVY | {"numpy", "pydantic"}) == set()


@pytest.mark.skipif(not (ROOT / "cli" / "app.py").exists(), reason="the command line is not written yet")
def test_the_help_of_the_command_line_loads_nothing_heavy(tmp_path: Path) -> None:
    loaded = loaded_by(HELP, tmp_path)
    assert PACKAGE in loaded
    assert loaded & HEAVY == set()


def test_heavy_modules_would_be_noticed(tmp_path: Path) -> None:
    assert "pyarrow" in loaded_by("import pyarrow.parquet", tmp_path)


def test_the_packages_of_pyproject_are_the_folders() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    folders = [".".join((PACKAGE, *folder.relative_to(ROOT).parts)) for folder in packages()]
    assert sorted(listed) == sorted([PACKAGE, *folders])


def test_every_module_of_a_room_lies_in_a_package() -> None:
    assert [relative(path) for path in room_files() if not (path.parent / "__init__.py").is_file()] == []


def test_the_public_names_are_importable_and_listed() -> None:
    assert all(getattr(cluster_r1, name) is not None for name in cluster_r1.__all__)
    assert set(cluster_r1.__all__) <= set(dir(cluster_r1))
    assert cluster_r1.Taxonomy.__module__ == "cluster_r1.core.taxonomy"


def test_a_name_that_is_not_public_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'Taxonmy'"):
        _ = cluster_r1.Taxonmy
