"""What is refused before a weight is loaded: rows, tokenizers, machines; everything wrong at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from cluster_r1.core.answer import Answer, render_answer
from cluster_r1.core.errors import TrainingError
from cluster_r1.core.prompt import example_prompt
from cluster_r1.training.data import TrainingRow
from cluster_r1.training.machine_checks import Machine, disk_bytes, machine_notes, machine_problems, this_machine
from cluster_r1.training.preflight import check_machine, check_stage
from cluster_r1.training.recipe import Recipe, Stage
from cluster_r1.training.recipe_file import load_recipe, parse_recipe
from cluster_r1.training.shapes import KNOWN, model_shape
from cluster_r1.training.tokenizer_checks import tokenizer_problems

Messages = Sequence[dict[str, str]]
PACKAGES = {"torch": "2.13.0+cpu", "transformers": "5.23.0", "trl": "1.16.0", "peft": "0.21.2", "vllm": "0.31.0"}
MACHINE = Machine(8, 79.1, True, PACKAGES | {"flash-attn": "2.8.3"}, 2**40)
CPU = Machine(0, 0.0, False, PACKAGES, 2**40)
TINY = load_recipe("tiny-cpu")


def chatml(messages: Messages, begin: bool) -> str:
    turns = "".join(f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n" for m in messages)
    return turns + ("<|im_start|>assistant\n" if begin else "")


class Bytes:
    """A tokenizer of bytes with a template in Python: it loses what it is told to lose."""

    def __init__(
        self,
        template: Callable[[Messages, bool], str] | None = chatml,
        eos_token: str | None = "<|im_end|>",
        reads: Callable[[str], str] = str,
    ) -> None:
        self.chat_template = template
        self.eos_token = eos_token
        self.eos_token_id = 1
        self._reads = reads

    def apply_chat_template(
        self, conversation: Any, /, *, tokenize: bool, add_generation_prompt: bool, return_dict: bool = False
    ) -> Any:
        assert self.chat_template is not None
        text = self.chat_template(conversation, add_generation_prompt)
        return self.encode(text, add_special_tokens=False) if tokenize else text

    def encode(self, text: str, /, *, add_special_tokens: bool) -> list[int]:
        whole = self._reads(text).split("<|im_end|>")
        return [token for n, part in enumerate(whole) for token in [*([1] if n else []), *part.encode()]]

    def decode(self, token_ids: list[int], /, *, skip_special_tokens: bool) -> str:
        end = "" if skip_special_tokens else "<|im_end|>"
        return "".join(end if token == 1 else chr(token) for token in token_ids)


def row(labels: list[int], completion: str | None = None, texts: int | None = None, name: str = "r1") -> TrainingRow:
    shown = [f"text {n}" for n in range(len(labels) if texts is None else texts)]
    messages = example_prompt("by topic", shown).messages()[1:]
    return TrainingRow(name, "t", messages, labels, completion)


def answer(labels: Sequence[int], think: str = "because") -> str:
    return render_answer(Answer.from_labels(labels), think)


def refused(stage: Stage, rows: Sequence[TrainingRow], tokenizer: Any = None, recipe: Recipe = TINY) -> str:
    with pytest.raises(TrainingError) as caught:
        check_stage(recipe, stage, rows, tokenizer, CPU)
    assert caught.value.exit_code == 2
    return str(caught.value)


def changed(name: str, **sections: dict[str, Any]) -> Recipe:
    content = load_recipe(name).model_dump(mode="json")
    for section, values in sections.items():
        content[section] |= values
    return parse_recipe(content, name)


# rows


def test_good_rows_pass_and_are_counted() -> None:
    labels = [0, 1, 0]
    sft = check_stage(TINY, "sft", [row(labels, answer(labels)), row(labels)], Bytes(), CPU)
    assert (sft.rows, sft.usable, sft.left_out) == (2, 1, {"no completion": 1})
    grpo = check_stage(TINY, "grpo", iter([row(labels)]), Bytes(), CPU)
    assert (grpo.rows, grpo.usable, grpo.left_out) == (1, 1, {})
    assert grpo.longest == len(chatml(row(labels).prompt, True).replace("<|im_end|>", "x"))


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (row([]), "no labels in 1 of 2 rows, the first is 'r1'"),
        (row([0, 1], texts=3), "2 labels for 3 texts"),
    ],
)
def test_rows_without_what_the_reward_needs(bad: TrainingRow, says: str) -> None:
    assert says in refused("grpo", [row([0, 0]), bad])


@pytest.mark.parametrize(
    ("completion", "says"),
    [
        ("no tags", "tags: <think> occurs 0 times"),
        (answer([0, 1, 0]), "missing|items"),
        (answer([0, 1, 0, 0]).replace("[2]\n</answer>", "[2, 2]\n</answer>"), "duplicate"),
        (answer([0, 1, 0, 0]).replace("Total clusters: [2]", "Total clusters: [3]"), "count_mismatch"),
        (answer([0, 1, 0, 1]), "something else than gold"),
    ],
)
def test_completions_that_do_not_answer_their_row(completion: str, says: str) -> None:
    said = refused("sft", [row([0, 1, 0, 0], completion)])
    assert any(part in said for part in says.split("|"))


def test_the_order_of_a_completions_clusters_is_free() -> None:
    other = answer([0, 1, 0]).replace("cluster1: [1, 3]", "cluster1: [2]").replace("cluster2: [2]", "cluster2: [1, 3]")
    assert "cluster2: [1, 3]" in other
    assert check_stage(TINY, "sft", [row([0, 1, 0], other)], None, CPU).usable == 1


def test_a_prompt_of_another_make_is_checked_by_what_it_has() -> None:
    foreign = TrainingRow("x", "", [{"role": "user", "content": "a, b, c"}], [], answer([0, 1, 0]))
    assert check_stage(TINY, "sft", [foreign], Bytes(), CPU).usable == 1
    hole = foreign._replace(completion=answer([0, 1, 0]).replace("[1, 3]", "[1, 4]"))
    assert "no partition" in refused("sft", [hole])


def test_one_line_for_a_fault_however_many_rows_have_it() -> None:
    said = refused("grpo", [row([], name=f"r{n}") for n in range(500)] + [row([0], texts=2)])
    assert said.count("\n") == 2
    assert "no labels in 500 of 501 rows, the first is 'r0'" in said


def test_long_examples_are_refused_and_long_prompts_left_out() -> None:
    long = "x" * 400
    said = refused("sft", [row([0], answer([0], long)), row([0], answer([0]))], Bytes())
    assert "sft.max_tokens: 1 of 2 examples are longer than 256 tokens, the longest has" in said
    wide = row([0])._replace(prompt=[{"role": "user", "content": long}])
    passed = check_stage(TINY, "grpo", [wide, row([0])], Bytes(), CPU)
    assert passed.left_out == {"prompt too long": 1}
    assert "grpo.max_prompt_tokens: all 2 prompts are longer than 400" in refused("grpo", [wide, wide], Bytes())


@pytest.mark.parametrize(
    ("stage", "rows", "says"), [("sft", [], "no rows"), ("grpo", [], "no rows"), ("sft", [row([0])], "distill")]
)
def test_nothing_to_train_on(stage: Stage, rows: Sequence[TrainingRow], says: str) -> None:
    assert says in refused(stage, rows, Bytes())


# tokenizers


def strips_thinking(messages: Messages, begin: bool) -> str:
    return chatml([m | {"content": m["content"].rpartition("</think>")[2]} for m in messages], begin)


def opens_thinking(messages: Messages, begin: bool) -> str:
    return chatml(messages, begin) + ("<think>\n" if begin else "")


def refuses_system(messages: Messages, begin: bool) -> str:
    if messages[0]["role"] == "system":
        raise ValueError("System role not supported")
    return chatml(messages, begin)


def drops_system(messages: Messages, begin: bool) -> str:
    return chatml([m for m in messages if m["role"] != "system"], begin)


def never_begins(messages: Messages, begin: bool) -> str:
    return chatml(messages, begin=False)


@pytest.mark.parametrize(
    ("tokenizer", "says"),
    [
        (Bytes(None), "no chat template"),
        (Bytes(drops_system), "drops the system message: set prompt.system: false"),
        (Bytes(refuses_system), "System role not supported.*prompt.system: false"),
        (Bytes(never_begins), "does not begin an answer"),
        (Bytes(strips_thinking), "loses <think> of an answer"),
        (Bytes(opens_thinking), "writes <think> into the prompt"),
        (Bytes(lambda m, b: chatml(m, b)[::-1]), "changes the user's message"),
        (Bytes(lambda m, b: f"{len(m)}{chatml(m, b)}"), "another way once it is answered"),
        (Bytes(eos_token="<eos>"), "does not end an answer with the tokenizer's end token '<eos>'"),
        (Bytes(eos_token=None), "no end token"),
        (Bytes(reads=lambda text: text.replace("cluster", "")), "drops words"),
        (Bytes(reads=lambda text: text.replace("<think>", "<|im_end|>")), "takes a tag for a special token"),
    ],
)
def test_a_tokenizer_that_loses_something(tokenizer: Bytes, says: str) -> None:
    found = " ".join(f"{problem.key}: {problem.says}" for problem in tokenizer_problems(tokenizer, system=True))
    assert re.search(says, found), found


@pytest.mark.parametrize("template", [chatml, refuses_system, drops_system])
def test_without_a_system_message_its_template_does_not_matter(template: Callable[[Messages, bool], str]) -> None:
    assert tokenizer_problems(Bytes(template), system=False) == []


def test_a_spoilt_tokenizer_and_spoilt_rows_are_told_at_once() -> None:
    said = refused("grpo", [row([])], Bytes(None, eos_token=None))
    assert "3 problem(s)" in said
    for part in ("no chat template", "no end token", "no labels"):
        assert part in said


@pytest.mark.slow
@pytest.mark.parametrize(
    ("template", "system", "says"),
    [
        ("qwen2_5", True, ""),
        ("qwen2_5", False, ""),
        ("qwen3", True, "of an answer"),
        ("deepseek_r1_distill", True, "<think> into the prompt"),
        ("gemma", True, "System role not supported"),
    ],
)
def test_templates_as_trl_ships_them(template: str, system: bool, says: str, tmp_path: Path) -> None:
    trl, transformers = pytest.importorskip("trl"), pytest.importorskip("transformers")
    assert TINY.model.tiny is not None
    build: Any = import_module("cluster_r1.training.tiny").build_tiny
    build(TINY.model.tiny, ["some texts to learn from"] * 3, tmp_path, 0)
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path)
    tokenizer.chat_template = (Path(trl.__file__).parent / "chat_templates" / f"{template}.jinja").read_text()
    found = [problem.says for problem in tokenizer_problems(tokenizer, system)]
    assert any(says in said for said in found) if says else found == []


@pytest.mark.slow
def test_a_tokenizer_of_words_that_was_rebuilt_is_noticed(tmp_path: Path) -> None:
    """AutoTokenizer under model_type qwen2 keeps the vocabulary and loses how text is cut."""
    tokenizers, transformers = pytest.importorskip("tokenizers"), pytest.importorskip("transformers")
    words = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({"<unk>": 0, "<|im_end|>": 1, "cluster": 2}, unk_token="<unk>")
    )
    words.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    saved = transformers.PreTrainedTokenizerFast(tokenizer_object=words, eos_token="<|im_end|>", unk_token="<unk>")
    saved.chat_template = "{% for m in messages %}{{ m['content'] }}<|im_end|>{% endfor %}"
    saved.save_pretrained(tmp_path)
    assert any("drops words" in problem.says for problem in tokenizer_problems(saved, system=False))


# machines


def machine_says(recipe: Recipe, machine: Machine, stage: Stage = "grpo") -> dict[str, str]:
    found = machine_problems(recipe, stage, machine, model_shape(recipe.model))
    return {problem.key: problem.says for problem in found}


@pytest.mark.parametrize("name", ["qwen2.5-3b", "qwen2.5-7b", "qwen2.5-14b", "single-gpu", "tiny-cpu"])
@pytest.mark.parametrize("stage", ["sft", "grpo"])
def test_a_machine_that_has_everything(name: str, stage: Stage) -> None:
    assert check_machine(load_recipe(name), stage, MACHINE) == ()


@pytest.mark.parametrize(
    ("name", "change", "key", "says"),
    [
        ("qwen2.5-7b", {"gpus": 4}, "hardware.gpus", "is 8, torch sees 4: set it to 4"),
        ("qwen2.5-7b", {"gpus": 0}, "hardware.gpus", "set it to 0 to train on the CPU"),
        ("qwen2.5-7b", {"gpu_gib": 47.5}, "hardware.memory_gib", "is 80, a GPU here has 47.5"),
        ("qwen2.5-7b", {"bfloat16": False}, "model.dtype", "float32"),
        ("qwen2.5-7b", {"packages": PACKAGES}, "model.attention", "needs the package flash-attn"),
        ("qwen2.5-7b", {"free_bytes": 2**30}, "keeping.checkpoints", "the disk has 1.0"),
        ("single-gpu", {"packages": {k: v for k, v in PACKAGES.items() if k != "vllm"}}, "grpo.vllm", "not installed"),
        ("single-gpu", {"packages": PACKAGES | {"vllm": "0.21.9rc1"}}, "grpo.vllm", "0.21.9rc1 is too old"),
        ("single-gpu", {"packages": {k: v for k, v in PACKAGES.items() if k != "peft"}}, "model.lora", "peft"),
        ("tiny-cpu", {"packages": {}}, "packages", "pip install 'cluster-r1[train]'"),
        ("tiny-cpu", {"packages": PACKAGES | {"trl": "1.9.0"}}, "packages", "trl 1.9.0 is older than 1.16"),
    ],
)
def test_a_machine_that_lacks_something(name: str, change: dict[str, Any], key: str, says: str) -> None:
    assert says in machine_says(load_recipe(name), MACHINE._replace(**change))[key]


@pytest.mark.parametrize(
    ("recipe", "key", "says"),
    [
        (changed("single-gpu", hardware={"gpus": 0}), "grpo.vllm", "takes a GPU"),
        (changed("qwen2.5-7b", hardware={"gpus": 0, "spread": "single", "offload": False}), "model.attention", "sdpa"),
        (changed("single-gpu", hardware={"memory_gib": 24}), "hardware.memory_gib", "too few"),
        (changed("single-gpu", model={"lora": {"targets": ["query"]}}), "model.lora.targets", "no layer 'query'"),
        (changed("single-gpu", grpo={"max_prompt_tokens": 40_000}), "grpo.max_prompt_tokens", "the model reads 32768"),
    ],
)
def test_a_recipe_that_no_machine_runs(recipe: Recipe, key: str, says: str) -> None:
    assert says in machine_says(recipe, MACHINE)[key]


def test_what_only_grpo_needs_does_not_stop_sft() -> None:
    without = MACHINE._replace(packages={k: v for k, v in MACHINE.packages.items() if k != "vllm"})
    assert machine_says(load_recipe("qwen2.5-7b"), without, "sft") == {}


def test_a_newer_vllm_and_an_unknown_model_are_noted_not_refused() -> None:
    recipe = changed("single-gpu", model={"name": "somebody/model"})
    newer = MACHINE._replace(packages=PACKAGES | {"vllm": "0.33.0"})
    assert machine_problems(recipe, "grpo", newer, None) == []
    notes = machine_notes(recipe, "grpo", newer, None)
    assert any("0.33.0 is newer" in note for note in notes)
    assert any("'somebody/model' is not known" in note for note in notes)


def test_adapters_take_a_small_part_of_the_disk() -> None:
    shape = KNOWN["Qwen/Qwen2.5-7B-Instruct"]
    assert disk_bytes(load_recipe("single-gpu"), shape) < disk_bytes(load_recipe("qwen2.5-7b"), shape) / 10


def test_this_machine_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "kept").write_bytes(b"x" * 1000)
    found = this_machine(tmp_path / "not" / "there")
    assert found.free_bytes > 0
    assert (found.gpus == 0) == (found.gpu_gib == 0)
    assert check_machine(TINY, "grpo", found._replace(packages=PACKAGES)) == ()
