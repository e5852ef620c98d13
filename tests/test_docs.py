"""What the documents show is run; what they list is complete."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from cluster_r1.core.settings import Settings, parse_settings
from cluster_r1.llm.weights import registry

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(language: str) -> list[object]:
    pattern = re.compile(rf"^```{language}\n(.*?)^```", re.DOTALL | re.MULTILINE)
    return [
        pytest.param(code, id=f"{page.stem}-{n}")
        for page in PAGES
        for n, code in enumerate(pattern.findall(page.read_text(encoding="utf-8")))
    ]


@pytest.mark.parametrize("code", blocks("python"))
def test_python_in_the_documents_runs(code: str) -> None:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("code", blocks("yaml"))
def test_settings_in_the_documents_are_valid(code: str) -> None:
    parse_settings(yaml.safe_load(code))


def test_links_between_the_documents_lead_somewhere() -> None:
    for page in [*PAGES, ROOT / "CONTRIBUTING.md"]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_files_that_the_paper_map_names_exist() -> None:
    text = (ROOT / "docs" / "paper-map.md").read_text(encoding="utf-8")
    for path in re.findall(
        r"`((?:core|reports|corpora|llm|agents|graphs|annotation|benchmark|training|eval|cli|tests)/[\w./-]+)`", text
    ):
        assert (ROOT / path).exists(), path


def test_every_setting_is_listed() -> None:
    text = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    for section, field in Settings.model_fields.items():
        assert f"`{section}`" in text or f"## {section}" in text, section
        for name in getattr(field.annotation, "model_fields", {}):
            assert f"`{name}`" in text, f"{section}.{name}"


def test_every_local_model_is_listed() -> None:
    text = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in text for name in registry())
