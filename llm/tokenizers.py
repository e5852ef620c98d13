"""A tokenizer by any name that users have for one, those of local models among them."""

from __future__ import annotations

from ..core.tokenizer import TokenCounter, load_tokenizer
from .weights import Progress, cache_folder, registry, weights_path


def open_tokenizer(name: str, progress: Progress) -> TokenCounter:
    """What `load_tokenizer` takes, or a local model's name, whose file is fetched if need be.

    Raises SettingsError when there is none of that name.
    """
    cache = cache_folder() / "tokenizers"
    if name in registry():
        return load_tokenizer(str(weights_path(name, progress)), cache).named(name)
    return load_tokenizer(name, cache)
