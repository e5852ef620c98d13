"""Token counts by a real tokenizer: Hugging Face `tokenizers` from a file, a folder, a GGUF model or the hub."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import SettingsError
from .tokens import estimate_tokens

if TYPE_CHECKING:
    from tokenizers import Tokenizer

ESTIMATE = "estimate"
"""Instead of a tokenizer's name: bytes divided by 3.5, for a look without any tokenizer at hand."""

_QWEN_PIECES = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""How Qwen's tokenizer cuts text into pieces before merging; its GGUF files name it `qwen2` and do not hold it."""


class TokenCounter:
    """Counts tokens; `name` is what reports and manifests call it: of a file its name without the folders."""

    def __init__(self, name: str, tokenizer: Tokenizer | None) -> None:
        self.name = name
        self._tokenizer = tokenizer

    def named(self, name: str) -> TokenCounter:
        """The same under another name."""
        return TokenCounter(name, self._tokenizer)

    def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text by itself, without special tokens."""
        if self._tokenizer is None:
            return [estimate_tokens(text) for text in texts]
        return [len(encoding) for encoding in self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)]

    def count_one(self, text: str) -> int:
        return self.count([text])[0]


@lru_cache(maxsize=4)
def load_tokenizer(name: str, cache: Path | None = None) -> TokenCounter:
    """A tokenizer by `tokenizer.json`, a folder that has one, a GGUF file, a name on the hub, or 'estimate'.

    Reading a GGUF file takes seconds; with `cache` its tokenizer is kept in that folder. Raises SettingsError when
    there is none.
    """
    if name == ESTIMATE:
        return TokenCounter(name, None)
    path = Path(name).expanduser()
    try:
        if path.suffix == ".gguf" and path.is_file():
            return TokenCounter(path.name, _from_gguf_cached(path, cache))
        if path.exists():
            return TokenCounter(path.name, _from_files(path))
        return TokenCounter(name, _from_hub(name))
    except Exception as error:  # tokenizers raises nothing more special
        raise SettingsError(
            f"the tokenizer {name!r} cannot be loaded: {error}; give a tokenizer.json, a folder with one, a .gguf file,"
            f" a name on the hub, or {ESTIMATE!r} to go by the number of bytes"
        ) from error


def _from_files(path: Path) -> Tokenizer:
    from tokenizers import Tokenizer

    file = path / "tokenizer.json" if path.is_dir() else path
    return _whole(Tokenizer.from_file(str(file)))


def _from_hub(name: str) -> Tokenizer:
    from tokenizers import Tokenizer

    return _whole(Tokenizer.from_pretrained(name))


def _whole(tokenizer: Tokenizer) -> Tokenizer:
    """Files of sentence embedders cut and pad what they read, which would make every text as long as the limit."""
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _from_gguf_cached(path: Path, cache: Path | None) -> Tokenizer:
    if cache is None:
        return _from_gguf(path)
    stat = path.stat()
    state = f"{path.resolve()}/{stat.st_size}/{stat.st_mtime_ns}"
    kept = cache / f"{path.stem}-{hashlib.sha256(state.encode()).hexdigest()[:12]}.tokenizer.json"
    if not kept.exists():
        from .workspace import write_text

        write_text(kept, _from_gguf(path).to_str())
    return _from_files(kept)


def _from_gguf(path: Path) -> Tokenizer:
    """Byte-level BPE as Qwen's and SmolLM's GGUF files describe it; special tokens are of no use for counting."""
    from gguf import GGUFReader
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

    fields: dict[str, Any] = {
        key.removeprefix("tokenizer.ggml."): field.contents()
        for key, field in GGUFReader(str(path)).fields.items()
        if key in {f"tokenizer.ggml.{part}" for part in ("model", "pre", "tokens", "merges")}
    }
    kind = fields.get("pre")
    if fields.get("model") != "gpt2" or kind not in ("qwen2", "smollm"):
        raise SettingsError(f"its tokenizer is of the kind {fields.get('model')}/{kind}, known are qwen2 and smollm")
    vocabulary = {token: number for number, token in enumerate(fields["tokens"])}
    merges = [tuple(merge.split(" ", 1)) for merge in fields["merges"]]
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    if kind == "qwen2":
        tokenizer.normalizer = normalizers.NFC()
        cut = pre_tokenizers.Split(Regex(_QWEN_PIECES), "isolated")
        last = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    else:
        cut = pre_tokenizers.Digits(individual_digits=True)
        last = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([cut, last])
    return tokenizer
