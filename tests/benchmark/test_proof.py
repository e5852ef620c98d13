"""The proof: a clean benchmark is sealed, every kind of planted leak is caught by the checks it breaks and no other."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from cluster_r1.benchmark.files import MANIFEST, POOLS, SPLITS, TEXTS, Benchmark, Check, ExampleRecord, Split, TextRow
from cluster_r1.benchmark.proof import assert_sealed, local_counter, prove
from cluster_r1.core.build_settings import BenchmarkSettings
from cluster_r1.core.errors import BenchmarkError, LeakError
from cluster_r1.core.taxonomy import Cluster
from cluster_r1.core.tokenizer import load_tokenizer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_benchmark import COLOURS, SmallBenchmark, small_texts

Plant = Callable[[SmallBenchmark], None]
SHAPES = {"red": "round", "green": "square", "blue": "flat"}


@pytest.fixture
def sealed(small: SmallBenchmark) -> SmallBenchmark:
    """The small benchmark, its held-out tasks with cluster names of their own."""
    return with_shapes(small)


def with_shapes(small: SmallBenchmark) -> SmallBenchmark:
    held_out = {task.id for task in small.tasks if task.held == "held-out"}
    for place, task in enumerate(small.tasks):
        if task.id in held_out:
            clusters = tuple(Cluster(name=SHAPES[c.name], description=c.description) for c in task.clusters)
            pools = {SHAPES[name]: inside for name, inside in task.pools.items()}
            small.tasks[place] = task.model_copy(update={"clusters": clusters, "pools": pools})
    small.pools = [row._replace(cluster=SHAPES[row.cluster]) if row.task in held_out else row for row in small.pools]
    small.splits["c2"] = [
        record._replace(labels=tuple(SHAPES[label] for label in record.labels)) for record in small.splits["c2"]
    ]
    return small


def broken(folder: Path) -> set[str]:
    return {check.name for check in prove(folder) if check.leaks}


def found(folder: Path, name: str) -> Check:
    return next(check for check in prove(folder) if check.name == name)


def change(small: SmallBenchmark, split: Split, place: int, **fields: object) -> ExampleRecord:
    small.splits[split][place] = small.splits[split][place]._replace(**fields)  # type: ignore[arg-type]
    return small.splits[split][place]


def swap_text(small: SmallBenchmark, split: Split, place: int, text: int, at: int = 0) -> None:
    texts = list(small.splits[split][place].texts)
    texts[at] = text
    change(small, split, place, texts=tuple(texts))


def new_text(small: SmallBenchmark, text: str) -> int:
    small.texts.append(TextRow(f"new-{len(small.texts)}", "court", 10, text))
    return len(small.texts) - 1


def reword(small: SmallBenchmark, number: int, text: str) -> None:
    small.texts[number] = small.texts[number]._replace(text=text)


def reask(small: SmallBenchmark, task: str, **fields: object) -> None:
    place = next(place for place, known in enumerate(small.tasks) if known.id == task)
    small.tasks[place] = small.tasks[place].model_copy(update=fields)


def cleaned(text: str) -> str:
    """The same words in another case, Unicode form and white space."""
    return "  " + text.upper().replace("A", "\uff21").replace(" ", "\n ") + "\t"


def a_text_of_training_in_c1(small: SmallBenchmark) -> None:
    swap_text(small, "c1", 0, small.splits["train"][0].texts[0])


def a_text_of_distillation_in_c2(small: SmallBenchmark) -> None:
    reds = [n for n in small.splits["distill"][0].texts if n not in small.splits["train"][0].texts]
    swap_text(small, "c2", 0, reds[0])


def a_copy_of_a_training_text_in_c1(small: SmallBenchmark) -> None:
    reword(small, small.splits["c1"][0].texts[0], cleaned(small.texts[small.splits["train"][0].texts[0]].text))


def a_near_copy_of_a_training_text_in_c2(small: SmallBenchmark) -> None:
    text = small.texts[small.splits["train"][0].texts[0]].text
    reword(small, small.splits["c2"][0].texts[0], f"{text} ago")


def a_c0_example_of_training(small: SmallBenchmark) -> None:
    trained = small.splits["train"][0]
    shuffled = list(zip(trained.texts, trained.labels, strict=True))[::-1]
    change(small, "c0", 0, texts=tuple(t for t, _ in shuffled), labels=tuple(c for _, c in shuffled))


def a_c0_example_of_training_in_copies(small: SmallBenchmark) -> None:
    trained = small.splits["train"][0]
    copies = [new_text(small, cleaned(small.texts[n].text)) for n in trained.texts]
    for number, copy, label in zip(trained.texts, copies, trained.labels, strict=True):
        row = next(row for row in small.pools if row.text == number)
        small.pools.append(row._replace(text=copy, cluster=label))
    change(small, "c0", 0, texts=tuple(copies), labels=trained.labels)


def a_c0_example_with_other_labels(small: SmallBenchmark) -> None:
    trained = small.splits["train"][0]
    labels = tuple("red" if label == "green" else label for label in trained.labels)
    change(small, "c0", 0, texts=trained.texts, labels=labels)


def a_held_out_task_in_training(small: SmallBenchmark) -> None:
    flat = {number: label for record in small.splits["c2"][2:3] for number, label in
            zip(record.texts, record.labels, strict=True)}  # fmt: skip
    task = small.splits["c2"][2].task
    by_label: dict[str, list[int]] = {}
    for row in small.pools:
        if row.task == task and row.text not in flat:
            by_label.setdefault(row.cluster, []).append(row.text)
    small.add("c1", task, {label: numbers[-2:] for label, numbers in by_label.items()})


def a_held_in_task_in_c2(small: SmallBenchmark) -> None:
    task = small.splits["c1"][0].task
    rows = [row for row in small.pools if row.task == task and row.pool == "eval"]
    small.add("c2", task, {c: [row.text for row in rows if row.cluster == c][1:] for c in COLOURS})


def a_held_in_instruction_held_out(small: SmallBenchmark) -> None:
    said = next(task.instruction for task in small.tasks if task.id == "chat-0")
    reask(small, "court-2", instruction=said.upper().replace(" ", "  ").replace(".", "!"))


def held_in_names_held_out(small: SmallBenchmark) -> None:
    names = ["Round", "square?", "FLAT"]
    reask(small, "court-1", clusters=tuple(Cluster(name=name, description="x") for name in names))
    others = dict(zip(COLOURS, names, strict=True))
    small.pools = [r._replace(cluster=others[r.cluster]) if r.task == "court-1" else r for r in small.pools]
    for split in SPLITS:
        for place, record in enumerate(small.splits[split]):
            if record.task == "court-1":
                change(small, split, place, labels=tuple(others[label] for label in record.labels))


def a_text_in_both_pools(small: SmallBenchmark) -> None:
    row = next(row for row in small.pools if row.task == "court-0" and row.pool == "eval")
    small.pools.append(row._replace(task="chat-1", pool="train"))


def a_copy_in_the_other_pool(small: SmallBenchmark) -> None:
    row = next(row for row in small.pools if row.task == "court-0" and row.pool == "train")
    copy = new_text(small, cleaned(small.texts[row.text].text))
    small.pools.append(row._replace(task="chat-2", cluster="flat", text=copy, pool="eval"))


def a_near_copy_in_the_other_pool(small: SmallBenchmark) -> None:
    row = next(row for row in small.pools if row.task == "court-0" and row.pool == "train")
    copy = new_text(small, f"{small.texts[row.text].text} ago")
    small.pools.append(row._replace(task="chat-2", cluster="flat", text=copy, pool="eval"))


def an_evaluation_text_in_c0(small: SmallBenchmark) -> None:
    swap_text(small, "c0", 0, next(r.text for r in small.pools if r.task == "court-0" and r.pool == "eval"))


def an_evaluation_text_in_training_that_no_split_tests(small: SmallBenchmark) -> None:
    tested = {text for split in ("c1", "c2") for record in small.splits[split] for text in record.texts}  # type: ignore[index]
    rows = (r for r in small.pools if r.task == "court-0" and r.pool == "eval" and r.cluster == "red")
    swap_text(small, "train", 0, next(row.text for row in rows if row.text not in tested))


def a_pool_row_twice(small: SmallBenchmark) -> None:
    small.pools.append(small.pools[0])


def a_pool_row_of_no_cluster(small: SmallBenchmark) -> None:
    row = next(row for row in small.pools if row.task == "court-0" and row.pool == "train")
    copy = new_text(small, "a text of its own and of nobody else")
    small.pools.append(row._replace(cluster="violet", text=copy))


def a_wrong_label(small: SmallBenchmark) -> None:
    labels = small.splits["c1"][0].labels
    change(small, "c1", 0, labels=("blue" if labels[0] == "red" else "red", *labels[1:]))


def an_unknown_label(small: SmallBenchmark) -> None:
    change(small, "c1", 0, labels=("violet", *small.splits["c1"][0].labels[1:]))


def an_unknown_task(small: SmallBenchmark) -> None:
    change(small, "c1", 0, task="nobody")


def a_text_that_does_not_exist(small: SmallBenchmark) -> None:
    swap_text(small, "c1", 0, 10_000)


def a_text_twice_in_an_example(small: SmallBenchmark) -> None:
    swap_text(small, "c1", 0, small.splits["c1"][0].texts[1])


def a_label_too_few(small: SmallBenchmark) -> None:
    change(small, "c1", 0, labels=small.splits["c1"][0].labels[:-1])


def a_single_cluster(small: SmallBenchmark) -> None:
    pairs = zip(small.splits["c1"][0].texts, small.splits["c1"][0].labels, strict=True)
    reds = tuple(text for text, label in pairs if label == "red")
    change(small, "c1", 0, texts=reds, labels=("red",) * len(reds))


def an_example_twice_in_a_split(small: SmallBenchmark) -> None:
    record = small.splits["c1"][0]
    turned = {"texts": record.texts[::-1], "labels": record.labels[::-1]}
    small.splits["c1"].append(record._replace(id="c1/again", **turned))


def an_example_in_train_and_distill(small: SmallBenchmark) -> None:
    small.splits["distill"].append(small.splits["train"][0]._replace(id="distill/again"))


def an_id_twice(small: SmallBenchmark) -> None:
    change(small, "c2", 1, id=small.splits["train"][0].id)


def a_prompt_too_long(small: SmallBenchmark) -> None:
    change(small, "train", 0, tokens=28_001)


def a_prompt_longer_than_it_says(small: SmallBenchmark) -> None:
    reword(small, small.splits["c1"][0].texts[0], " ".join(f"word{n}" for n in range(20_000)))


@pytest.mark.parametrize(
    ("plant", "checks"),
    [
        (a_text_of_training_in_c1, {"training-texts", "split-pools"}),
        (a_text_of_distillation_in_c2, {"training-texts", "split-pools", "labels"}),
        (a_copy_of_a_training_text_in_c1, {"training-contents", "pool-contents"}),
        (a_near_copy_of_a_training_text_in_c2, {"near-duplicates", "pool-near-duplicates"}),
        (a_c0_example_of_training, {"c0-combinations"}),
        (a_c0_example_of_training_in_copies, {"c0-contents"}),
        (a_c0_example_with_other_labels, {"c0-text-sets", "labels"}),
        (a_held_out_task_in_training, {"held-out-tasks", "held-out-splits"}),
        (a_held_in_task_in_c2, {"held-out-tasks", "held-out-splits"}),
        (a_held_in_instruction_held_out, {"held-out-instructions"}),
        (held_in_names_held_out, {"held-out-clusters"}),
        (a_text_in_both_pools, {"pool-texts"}),
        (a_copy_in_the_other_pool, {"pool-contents"}),
        (a_near_copy_in_the_other_pool, {"pool-near-duplicates"}),
        (an_evaluation_text_in_c0, {"split-pools"}),
        (an_evaluation_text_in_training_that_no_split_tests, {"split-pools"}),
        (a_pool_row_twice, {"pools"}),
        (a_pool_row_of_no_cluster, {"pools"}),
        (a_wrong_label, {"labels"}),
        (an_unknown_label, {"well-formed", "labels"}),
        (an_unknown_task, {"well-formed", "labels"}),
        (a_text_that_does_not_exist, {"well-formed"}),
        (a_text_twice_in_an_example, {"well-formed"}),
        (a_label_too_few, {"well-formed"}),
        (a_single_cluster, {"well-formed"}),
        (an_example_twice_in_a_split, {"repeated"}),
        (an_example_in_train_and_distill, {"repeated"}),
        (an_id_twice, {"ids"}),
        (a_prompt_too_long, {"prompt-tokens"}),
        (a_prompt_longer_than_it_says, {"prompt-tokens"}),
    ],
)
def test_every_planted_leak_is_caught_by_its_checks(
    sealed: SmallBenchmark, tmp_path: Path, plant: Plant, checks: set[str]
) -> None:
    plant(sealed)
    sealed.write(tmp_path)
    assert broken(tmp_path) - {"counts"} == checks
    with pytest.raises(LeakError, match="what to do: "):
        assert_sealed(prove(tmp_path))


def test_a_clean_benchmark_is_sealed(sealed: SmallBenchmark, tmp_path: Path) -> None:
    sealed.write(tmp_path)
    proof = prove(tmp_path)
    assert_sealed(proof)
    assert all(check.looked_at for check in proof if check.name != "files")
    assert len({check.name for check in proof}) == len(proof) == 22


def test_a_leak_is_told_with_task_examples_number_and_words(sealed: SmallBenchmark, tmp_path: Path) -> None:
    a_text_of_training_in_c1(sealed)
    number = sealed.splits["train"][0].texts[0]
    sealed.write(tmp_path)
    (words,) = found(tmp_path, "training-texts").examples
    assert words.startswith(f'text {number} "{sealed.texts[number].text[:40]}')
    assert "train example 'train/court-0/00000' (task 'court-0')" in words
    assert "c1 example 'c1/court-0/00000' (task 'court-0')" in words
    with pytest.raises(LeakError) as caught:
        assert_sealed(prove(tmp_path))
    assert words in str(caught.value)
    assert caught.value.exit_code == 8


def test_many_leaks_are_counted_and_the_first_told(sealed: SmallBenchmark, tmp_path: Path) -> None:
    for record in sealed.splits["c1"]:
        sealed.splits["train"].append(record._replace(id=f"train/{record.id}"))
    sealed.write(tmp_path)
    check = found(tmp_path, "training-texts")
    assert check.leaks == sum(len(record.texts) for record in sealed.splits["c1"]) > len(check.examples) == 5
    with pytest.raises(LeakError, match=f"and {check.leaks - 5} more"):
        assert_sealed([check])


def test_changed_and_missing_files_are_noticed(sealed: SmallBenchmark, tmp_path: Path) -> None:
    benchmark = sealed.write(tmp_path)
    data = (TEXTS, POOLS, *(f"{split}.parquet" for split in SPLITS))
    known = {name: hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() for name in data}
    write_manifest(benchmark, sha256=known)
    assert found(tmp_path, "files").looked_at == len(data)
    assert broken(tmp_path) == set()
    sealed.splits["c1"].pop()
    sealed.write(tmp_path)
    write_manifest(benchmark, sha256=known | {"reward.py": "0"})
    assert broken(tmp_path) == {"files", "counts"}
    assert [words.split()[0] for words in found(tmp_path, "files").examples] == ["c1.parquet", "reward.py"]
    assert found(tmp_path, "counts").examples == ("3 c1 examples, and 4 in manifest.json",)


def write_manifest(benchmark: Benchmark, **fields: object) -> None:
    (benchmark.folder / MANIFEST).write_text(benchmark.manifest.model_copy(update=fields).model_dump_json())


def test_without_a_threshold_only_equal_texts_are_looked_for(sealed: SmallBenchmark, tmp_path: Path) -> None:
    a_near_copy_of_a_training_text_in_c2(sealed)
    benchmark = sealed.write(tmp_path)
    write_manifest(benchmark, settings=BenchmarkSettings(tokenizer="estimate", near_duplicate=None))
    assert not {check.name for check in prove(tmp_path)} & {"near-duplicates", "pool-near-duplicates"}
    assert broken(tmp_path) == set()


def test_a_tokenizer_that_is_not_here_is_said(sealed: SmallBenchmark, tmp_path: Path) -> None:
    benchmark = sealed.write(tmp_path)
    write_manifest(benchmark, tokenizer="nobody/has-this-one")
    assert "'nobody/has-this-one' is not here" in found(tmp_path, "prompt-tokens").says
    checks = prove(tmp_path, load_tokenizer("estimate"))
    assert "counted anew" in next(check.says for check in checks if check.name == "prompt-tokens")
    assert local_counter("no name of a tokenizer / at all") is None


@pytest.mark.parametrize("name", ["c1.parquet", TEXTS, POOLS])
def test_a_damaged_or_missing_file_is_an_error_and_no_leak(sealed: SmallBenchmark, tmp_path: Path, name: str) -> None:
    sealed.write(tmp_path)
    (tmp_path / name).write_bytes(b"nothing of the kind")
    with pytest.raises(BenchmarkError, match="damaged"):
        prove(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(BenchmarkError, match="there is no"):
        prove(tmp_path)


def test_a_split_with_other_columns_is_an_error(sealed: SmallBenchmark, tmp_path: Path) -> None:
    sealed.write(tmp_path)
    (tmp_path / "c1.parquet").write_bytes((tmp_path / POOLS).read_bytes())
    with pytest.raises(BenchmarkError, match="split 'c1' is not one of examples"):
        prove(tmp_path)


def export(benchmark: Benchmark, folder: Path) -> Path:
    """Rows as `export --to jsonl` writes them."""
    folder.mkdir()
    for split in SPLITS:
        rows = []
        for record, example in zip(benchmark.records(split), benchmark.examples(split), strict=True):
            known = {"id": record.id, "split": split, "task": record.task, "domain": record.domain}
            texts = {"document_ids": example.document_ids, "texts": example.texts, "labels": example.clusters}
            rows.append(orjson.dumps({**known, "instruction": example.instruction, **texts}))
        (folder / f"{split}.jsonl").write_bytes(b"\n".join(rows) + b"\n")
    return folder


@pytest.mark.parametrize(
    ("plant", "checks"),
    [
        (lambda _: None, set()),
        (a_text_of_training_in_c1, {"training-texts"}),
        (a_copy_of_a_training_text_in_c1, {"training-contents"}),
        (a_near_copy_of_a_training_text_in_c2, {"near-duplicates"}),
        (a_c0_example_of_training, {"c0-combinations"}),
        (a_c0_example_of_training_in_copies, {"c0-contents"}),
        (a_c0_example_with_other_labels, {"c0-text-sets"}),
        (a_held_out_task_in_training, {"held-out-tasks", "held-out-clusters"}),
        (a_held_in_instruction_held_out, {"held-out-instructions"}),
        (held_in_names_held_out, {"held-out-clusters"}),
        (a_text_twice_in_an_example, {"well-formed"}),
        (a_single_cluster, {"well-formed"}),
        (an_example_twice_in_a_split, {"repeated"}),
        (an_id_twice, {"ids"}),
    ],
)
def test_an_export_is_proven_by_content(sealed: SmallBenchmark, tmp_path: Path, plant: Plant, checks: set[str]) -> None:
    plant(sealed)
    folder = export(sealed.write(tmp_path / "benchmark"), tmp_path / "export")
    assert broken(folder) - {"counts"} == checks


def test_an_exports_texts_are_told_as_a_benchmarks(sealed: SmallBenchmark, tmp_path: Path) -> None:
    a_text_of_training_in_c1(sealed)
    text = sealed.texts[sealed.splits["train"][0].texts[0]].text
    folder = export(sealed.write(tmp_path / "benchmark"), tmp_path / "export")
    assert f'"{text[:40]}' in found(folder, "training-texts").examples[0]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{not json", "train.jsonl, line 2 is not JSON"),
        ("[1, 2]", "line 2 is no object but list"),
        ('{"id": "a", "task": "t", "instruction": "i", "texts": ["a", 1], "labels": ["b", "c"]}', "'texts' is missing"),
        ('{"prompt": "a"}', "'id' is missing"),
    ],
)
def test_an_export_that_cannot_be_read_says_where(
    sealed: SmallBenchmark, tmp_path: Path, line: str, message: str
) -> None:
    folder = export(sealed.write(tmp_path / "benchmark"), tmp_path / "export")
    first, _, rest = (folder / "train.jsonl").read_text().partition("\n")
    (folder / "train.jsonl").write_text(f"{first}\n{line}\n{rest}")
    with pytest.raises(BenchmarkError, match=message):
        prove(folder)


def test_a_folder_that_is_neither_says_so(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="is no benchmark"):
        prove(tmp_path)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6), split=st.sampled_from(["c1", "c2"]), clean=st.booleans())
def test_random_benchmarks_pass_and_a_random_planted_text_never_does(
    tmp_path_factory: pytest.TempPathFactory, seed: int, split: Split, clean: bool
) -> None:
    rng = random.Random(seed)
    small = random_benchmark(rng)
    folder = tmp_path_factory.mktemp("random")
    if not clean:
        trained = rng.choice(rng.choice([*small.splits["train"], *small.splits["distill"]]).texts)
        tested = rng.choice(small.splits[split])
        text = small.texts[trained].text
        leaked = new_text(small, rng.choice([text, cleaned(text), text.title()])) if rng.random() < 0.6 else trained
        change(small, split, small.splits[split].index(tested), texts=(*tested.texts[:-1], leaked))
    small.write(folder)
    caught = broken(folder) - {"counts"}
    assert caught == set() if clean else caught & {"training-texts", "training-contents"}


def random_benchmark(rng: random.Random) -> SmallBenchmark:
    """The small benchmark's texts and pools under random examples."""
    small = with_shapes(SmallBenchmark())
    taken: set[frozenset[int]] = set()
    for split, records in small.splits.items():
        records.clear()
        for task in small.tasks:
            if (task.held == "held-out") == (split == "c2"):
                add_random(small, split, task.id, rng, taken)
    return small


def add_random(small: SmallBenchmark, split: Split, task: str, rng: random.Random, taken: set[frozenset[int]]) -> None:
    pool = "eval" if split in ("c1", "c2") else "train"
    members: dict[str, list[int]] = {}
    for row in small.pools:
        if row.task == task and row.pool == pool:
            members.setdefault(row.cluster, []).append(row.text)
    for _ in range(rng.randint(1, 4)):
        chosen = rng.sample(sorted(members), rng.randint(2, 3))
        texts = {cluster: rng.sample(members[cluster], rng.randint(1, len(members[cluster]))) for cluster in chosen}
        key = frozenset(text for numbers in texts.values() for text in numbers)
        if key not in taken:
            taken.add(key)
            small.add(split, task, texts)


def test_the_small_texts_are_apart() -> None:
    assert len({text for cluster in range(3) for text in small_texts("court", 0, cluster)}) == 30
