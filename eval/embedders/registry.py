"""Embedders by name: the paper's five, tf-idf and hashed words, each with the paper's model or one that is named.

embedder("minilm")                           sentence-transformers/all-MiniLM-L6-v2
embedder("qwen3-embedding=/models/q")        the weights in that folder, as Qwen3-Embedding is read
embedder("sentence-transformers=org/model")  any other one, pooled as its files say
"""

from __future__ import annotations

from ...core.errors import SettingsError
from .endpoint import EndpointEmbedder
from .hashed import HashedEmbedder
from .inbedder import InBedder
from .interface import Embedder, Options
from .sentences import Pooling, SentenceEmbedder
from .templates import template_of
from .words import WordEmbedder

MODELS = {
    "minilm": "sentence-transformers/all-MiniLM-L6-v2",
    "instructor": "hkunlp/instructor-large",
    "inbedder": "BrandonZYW/llama-2-7b-InBedder",
    "qwen3-embedding": "Qwen/Qwen3-Embedding-8B",
    "openai": "text-embedding-3-large",
    "tfidf": "",
    "hashed": "",
    "sentence-transformers": "",
}
"""What each stands for without `=MODEL`. The paper does not name the sizes of Instructor and Qwen3-Embedding."""

_WITHOUT_MODEL = {"tfidf": WordEmbedder, "hashed": HashedEmbedder}

_POOLING: dict[str, Pooling] = {
    "minilm": "mean",
    "instructor": "mean",
    "qwen3-embedding": "lasttoken",
    "sentence-transformers": "own",
}


def embedder(spec: str, options: Options | None = None) -> Embedder:
    """An embedder by `KIND` or `KIND=MODEL`; nothing is loaded yet.

    Raises SettingsError naming the known kinds, and for a template or model that a kind does not have.
    """
    options = options or Options()
    kind, _, given = (part.strip() for part in spec.partition("="))
    if kind not in MODELS:
        raise SettingsError(f"there is no embedder {kind!r}: choose {', '.join(MODELS)}, or KIND=MODEL")
    if kind in _WITHOUT_MODEL:
        if given:
            raise SettingsError(f"{kind} has no model, so {spec!r} says nothing: leave ={given} out")
        return _WITHOUT_MODEL[kind]()
    model = given or MODELS[kind]
    if not model:
        raise SettingsError(f"{kind} stands for no model of its own: name one, as in {kind}=BAAI/bge-small-en-v1.5")
    if options.batch < 1:
        raise SettingsError(f"an embedder reads at least one prompt at once, got batch {options.batch!r}")
    template = template_of(kind, options.template)
    name = _name(kind, model, options)
    if kind == "openai":
        return EndpointEmbedder(name, model, template, options)
    if kind == "inbedder":
        return InBedder(name, model, template, options)
    return SentenceEmbedder(name, model, template, _POOLING[kind], options)


def _name(kind: str, model: str, options: Options) -> str:
    """minilm, minilm-plain, inbedder-official, inbedder-average; of any other model its own last part."""
    base = model.rstrip("/").rpartition("/")[2] if kind == "sentence-transformers" else kind
    template = {"paper": "", "none": "-plain"}.get(options.template, f"-{options.template}")
    states = f"-{options.states}" if kind == "inbedder" and options.states != "first" else ""
    return f"{base}{template}{states}"
