"""A tokenizer by any name that users have for one, those of local models among them."""

from __future__ import annotations

from ..core.tokenizer import TokenCounter, load_tokenizer
from .weights import Progress, cache_folder, registry, weights_path


def open_tokenizer(name: str, progress: Progress) -> TokenCounter:
    """What `load_tokenizer` takes, or a local model's name, whose file is fetched if need be.

    Raises SettingsError when there is none of that name.
    """
    source = str(weights_path(name, progress)) if name in registry() else name
    return load_tokenizer(source, cache_folder() / "tokenizers")
