"""Sampling a model on this machine: prompts in, completions out, in batches of like length."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any, NamedTuple

from .models import load_tokenizer, load_weights
from .recipe import ModelChoice
from .tokens import prompt_tokens

Prompt = Sequence[Mapping[str, str]]
"""Messages, as chat templates take them."""


class SamplingSettings(NamedTuple):
    """How a model is sampled.

    samples: completions of each example; temperature: 0 takes the likeliest token every time, whatever the seed;
    max_tokens: of a completion; batch: completions that are sampled at once.
    """

    samples: int = 1
    temperature: float = 1.0
    top_p: float = 1.0
    max_tokens: int = 4000
    seed: int = 0
    batch: int = 64


class Said(NamedTuple):
    """A completion and its length in tokens."""

    text: str
    tokens: int


class LocalModel:
    """A model in memory, on the GPU where there is one. Raises SettingsError when it cannot be loaded."""

    def __init__(self, source: str, choice: ModelChoice) -> None:
        self._torch: Any = import_module("torch")
        self.tokenizer = load_tokenizer(source, choice)
        device = "cuda" if self._torch.cuda.is_available() else "cpu"
        self._model = load_weights(source, choice, choice.dtype).to(device).eval()

    def sample(self, prompts: Sequence[Sequence[int]], settings: SamplingSettings) -> Iterator[list[Said]]:
        """`settings.samples` completions of each prompt (tokens), in order; special tokens are left out of the texts.

        Draws go on from one call to the next: see `seeded`.
        """
        prompts = [prompt for prompt in prompts for _ in range(settings.samples)]
        width = max(map(len, prompts))
        pad = self.tokenizer.pad_token_id
        padded = [[pad] * (width - len(prompt)) + list(prompt) for prompt in prompts]
        seen = [[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts]
        with self._torch.no_grad():
            found = self._model.generate(
                input_ids=self._torch.tensor(padded, device=self._model.device),
                attention_mask=self._torch.tensor(seen, device=self._model.device),
                max_new_tokens=settings.max_tokens,
                repetition_penalty=1.0,
                pad_token_id=pad,
                eos_token_id=self.tokenizer.eos_token_id,
                **_drawn(settings),
            )[:, width:].tolist()
        for start in range(0, len(found), settings.samples):
            yield [self._said(tokens) for tokens in found[start : start + settings.samples]]

    def _said(self, tokens: Sequence[int]) -> Said:
        end = self.tokenizer.eos_token_id
        length = next((at + 1 for at, token in enumerate(tokens) if token == end), len(tokens))
        return Said(self.tokenizer.decode(tokens[:length], skip_special_tokens=True), length)


def batches(
    model: LocalModel, prompts: Mapping[str, Prompt], settings: SamplingSettings
) -> Iterator[list[tuple[list[int], str]]]:
    """Prompts as tokens with their ids, shortest first, so that little of a batch is padding."""
    ordered = sorted(
        ((prompt_tokens(model.tokenizer, prompt), example) for example, prompt in prompts.items()),
        key=lambda pair: len(pair[0]),
    )
    at_once = max(1, settings.batch // settings.samples)
    for start in range(0, len(ordered), at_once):
        yield ordered[start : start + at_once]


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draws inside begin with the seed; those outside do not notice."""
    torch: Any = import_module("torch")
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


def _drawn(settings: SamplingSettings) -> dict[str, Any]:
    if not settings.temperature:
        return {"do_sample": False}
    # every one written out: a model's own generation_config.json would fill the gaps
    return {"do_sample": True, "temperature": settings.temperature, "top_p": settings.top_p, "top_k": 0}
