"""Whether a tokenizer and its chat template carry prompts and answers unchanged: what they change is never learnt.

Templates drop system messages, strip or rewrite think blocks, open one themselves, or end an answer with another token
than the one that stops generation; AutoTokenizer may rebuild a tokenizer that drops words. None of it raises by itself:
training goes on, and every reward is 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any, Protocol

from ..core.answer import TAGS, Answer, render_answer
from ..core.prompt import ExamplePrompt
from .problems import Problem, listed

_PROBE = ExamplePrompt(
    "Group the texts and answer in the agreed form.", 'Instruction: by topic\n\n<text id="1">\nOne\n</text>'
)
_ANSWER = render_answer(Answer(((1, 4), (2, 3, 15))), "Texts 1 and 4 ask for a refund; 2, 3 and 15 report an outage.")
_INSTRUCT = "train the model's Instruct version, such as Qwen/Qwen2.5-7B-Instruct"


class ChatTokenizer(Protocol):
    """What the checks use of a transformers tokenizer."""

    chat_template: Any
    eos_token: Any

    def apply_chat_template(self, conversation: Any, /, *, tokenize: bool, add_generation_prompt: bool) -> Any: ...

    def encode(self, text: str, /, *, add_special_tokens: bool) -> list[int]: ...

    def decode(self, token_ids: list[int], /, *, skip_special_tokens: bool) -> Any: ...


def tokenizer_problems(tokenizer: ChatTokenizer, system: bool) -> list[Problem]:
    """Everything that would be lost; `system`: the prompts have a system message."""
    found = listed([_round_trip_problem(tokenizer), _end_problem(tokenizer)])
    if not tokenizer.chat_template:
        return [
            Problem(
                "model.name",
                f"its tokenizer has no chat template: {_INSTRUCT}, or put a chat_template.jinja in the model's folder",
            ),
            *found,
        ]
    try:
        return [*found, *_template_problems(tokenizer, system)]
    except _template_errors() as error:
        advice = "set prompt.system: false" if system else _INSTRUCT
        return [*found, Problem("model.name", f"its chat template refuses the prompt ({error}): {advice}")]


def _template_problems(tokenizer: ChatTokenizer, system: bool) -> Iterator[Problem]:
    messages = _PROBE.messages() if system else _PROBE.messages()[1:]
    prompt = _rendered(tokenizer, messages, begin_answer=True)
    whole = _rendered(tokenizer, [*messages, {"role": "assistant", "content": _ANSWER}], begin_answer=False)
    if system and _PROBE.system not in prompt:
        yield Problem("prompt.system", "the chat template drops the system message: set prompt.system: false")
    if _PROBE.user not in prompt:
        yield Problem("model.name", f"its chat template changes the user's message: {_INSTRUCT}")
    if prompt == _rendered(tokenizer, messages, begin_answer=False):
        yield Problem(
            "model.name",
            "its chat template does not begin an answer (add_generation_prompt changes nothing), so the model would"
            f" write on the user's behalf: {_INSTRUCT}",
        )
    opened = [tag for tag in TAGS if tag in prompt.replace(_PROBE.system, "")]
    if opened:
        yield Problem(
            "model.name",
            f"its chat template writes {opened[0]} into the prompt, so that no completion has every tag: {_INSTRUCT}",
        )
    elif not whole.startswith(prompt):
        yield Problem(
            "model.name",
            "its chat template renders a prompt in another way once it is answered, so the answer cannot be told from"
            f" it: {_INSTRUCT}",
        )
    else:
        yield from _answer_problems(tokenizer, whole[len(prompt) :])


def _answer_problems(tokenizer: ChatTokenizer, answered: str) -> Iterator[Problem]:
    if _ANSWER not in answered:
        lost = next((tag for tag in TAGS if answered.count(tag) != 1), None)
        what = f"loses {lost}" if lost else "rewrites the reasoning or its white space"
        yield Problem(
            "model.name", f"its chat template {what} of an answer (as those of Qwen3 and DeepSeek-R1 do): {_INSTRUCT}"
        )
    end = tokenizer.eos_token
    if end and end not in answered:
        yield Problem(
            "model.name",
            f"its chat template does not end an answer with the tokenizer's end token {end!r}, so the model would never"
            f" stop: {_INSTRUCT}, or set eos_token in its tokenizer_config.json",
        )


def _round_trip_problem(tokenizer: ChatTokenizer) -> Problem | None:
    """Encoded and decoded, as TRL does before it asks for a reward: special tokens are left out."""
    for text in (*TAGS, _ANSWER, _PROBE.user):
        back = tokenizer.decode(tokenizer.encode(text, add_special_tokens=False), skip_special_tokens=True)
        if back != text:
            return Problem(
                "model.name",
                f"its tokenizer turns {_short(text)} into {_short(back)}: it drops words or takes a tag for a special"
                " token. AutoTokenizer rebuilds some tokenizers (one of words under model_type qwen2, for instance):"
                " save a byte-level one, or train another model",
            )
    return None


def _end_problem(tokenizer: ChatTokenizer) -> Problem | None:
    if tokenizer.eos_token:
        return None
    return Problem(
        "model.name",
        "its tokenizer has no end token, so no completion ever ends: set eos_token in tokenizer_config.json",
    )


def _rendered(tokenizer: ChatTokenizer, messages: Sequence[dict[str, str]], begin_answer: bool) -> str:
    return str(tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=begin_answer))


def _template_errors() -> tuple[type[Exception], ...]:
    """What a template raises: jinja's own error (raise_exception in it), or Python's about what it was given."""
    try:
        jinja: Any = import_module("jinja2")
    except ModuleNotFoundError:
        return (ValueError, TypeError)
    return (ValueError, TypeError, jinja.TemplateError)


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:37]}...")
