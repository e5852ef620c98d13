"""Random models small enough to embed with, saved as their makers save real ones."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from exporting import tiny_model

_WORDS = ("cluster", "task", "represent", "red", "green", "blue", "boat", "tree", "the", "a", "by", "text", ":", ".")


def tiny_bert(folder: Path) -> Path:
    """A BERT of one layer that knows a few words, as transformers saves it."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder.mkdir(parents=True)
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *_WORDS]
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=64,
    )
    BertModel(config).save_pretrained(folder)
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    return folder


def tiny_sentences(folder: Path, pooling: Literal["mean", "lasttoken"]) -> Path:
    """A model as sentence-transformers saves it: a BERT pooled by mean, or a Qwen2 pooled by its last token."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Pooling, Transformer

    inner = tiny_bert(folder / "inner") if pooling == "mean" else tiny_model(folder / "inner")
    transformer = Transformer(str(inner))
    dimension = transformer.auto_model.config.hidden_size
    SentenceTransformer(modules=[transformer, Pooling(dimension, pooling_mode=pooling)]).save(str(folder / "model"))
    return folder / "model"
