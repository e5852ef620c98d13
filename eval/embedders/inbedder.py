"""InBedder (Peng et al., 2024): a language model begins to answer the instruction, and its state is the vector.

After the official `CausalLMEncoder`: prompts are padded and cut on the left, to 512 tokens; states are those of the
final layer. `states` says which are taken:

first    where the first token is generated, that is at the prompt's last one: the official default ("1st-gen"), and
         what its published figures are of. No sampling decides it, so temperature, top_p and length have no part in it.
average  the mean over where each of the three tokens is generated, special ones left out: temperature 0.6, top_p 0.9,
         max_new_tokens 3 (App. E.1), with a seed of each prompt's own, so that neither order nor batch matters.

The paper says "the final hidden layer output" and no more. All vectors have length 1.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from ...core.errors import SettingsError
from ...training.surroundings import hush
from .interface import Options, Prompt, Vectors, identity_of
from .templates import Template
from .weights import Weights, find_weights, need, not_loaded

STATES = ("first", "average")

_READS = 512
_GENERATION = {"do_sample": True, "temperature": 0.6, "top_p": 0.9, "max_new_tokens": 3}


class _Loaded(NamedTuple):
    model: Any
    tokenizer: Any
    torch: Any


class InBedder:
    """A causal language model as an embedder. Raises SettingsError for other `states` than first and average."""

    def __init__(self, name: str, model: str, template: Template, options: Options) -> None:
        if options.states not in STATES:
            raise SettingsError(f"there are no states {options.states!r}: choose {' or '.join(STATES)}")
        self.name = name
        self.model = model
        self.by_text = True
        self._template = template
        self._options = options

    @property
    def identity(self) -> str:
        sampling = _GENERATION if self._options.states == "average" else {}
        return identity_of(
            {
                "weights": self._weights.content,
                "template": self._template("{instruction}", "{text}"),
                "states": self._options.states,
                "reads": _READS,
                "normalised": True,
                **sampling,
            }
        )

    def prompts(self, instruction: str, texts: Sequence[str]) -> list[Prompt]:
        return [self._template(instruction, text) for text in texts]

    def embed(self, instruction: str, texts: Sequence[str]) -> Vectors:
        prompts = list(map(str, self.prompts(instruction, texts)))
        with self._loaded.torch.inference_mode():
            states = list(self._first(prompts) if self._options.states == "first" else self._averages(prompts))
        vectors = np.stack(states).astype(np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def _first(self, prompts: Sequence[str]) -> Iterator[Any]:
        """States of the prompts' last tokens, which stand side by side thanks to the padding."""
        size = self._options.batch
        for start in range(0, len(prompts), size):
            states = self._loaded.model.base_model(**self._read(prompts[start : start + size]), use_cache=False)
            yield from states.last_hidden_state[:, -1].float().cpu().numpy()

    def _averages(self, prompts: Sequence[str]) -> Iterator[Any]:
        for prompt in prompts:
            yield self._average(prompt)

    def _average(self, prompt: str) -> Any:
        model, tokenizer, torch = self._loaded
        with torch.random.fork_rng():
            torch.manual_seed(int.from_bytes(hashlib.sha256(prompt.encode()).digest()[:4], "big"))
            features = self._read([prompt])
            said = model.generate(
                **features,
                **_GENERATION,
                pad_token_id=tokenizer.pad_token_id,
                return_dict_in_generate=True,
                output_hidden_states=True,
            )
        new = said.sequences[0, features["input_ids"].shape[1] :].tolist()
        special = set(tokenizer.all_special_ids)
        states = [
            layers[-1][0, -1]
            for place, (layers, token) in enumerate(zip(said.hidden_states, new, strict=False))
            if place == 0 or token not in special
        ]
        return torch.stack(states).float().mean(0).cpu().numpy()

    def _read(self, prompts: Sequence[str]) -> Any:
        model, tokenizer, _ = self._loaded
        features = tokenizer(list(prompts), padding=True, truncation=True, max_length=_READS, return_tensors="pt")
        return {name: features[name].to(model.device) for name in ("input_ids", "attention_mask")}

    @cached_property
    def _weights(self) -> Weights:
        return find_weights(self.model)

    @cached_property
    def _loaded(self) -> _Loaded:
        torch, transformers = need("torch"), need("transformers")
        hush()
        source, revision = self._weights.source, self._weights.revision
        device = self._options.device or ("cuda" if torch.cuda.is_available() else "cpu")
        try:
            tokenizer = transformers.AutoTokenizer.from_pretrained(
                source, revision=revision, padding_side="left", truncation_side="left"
            )
            model = transformers.AutoModelForCausalLM.from_pretrained(source, revision=revision, dtype="auto")
        except (OSError, ValueError, KeyError, ImportError) as error:
            raise not_loaded(self.model, error) from error
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token
        return _Loaded(model.to(device).eval(), tokenizer, torch)
