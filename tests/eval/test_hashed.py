"""Hashed words: the same vector in any corpus, and something to go by in languages that divide no words."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cluster_r1.eval.embedders.hashed import HALF
from cluster_r1.eval.embedders.registry import embedder
from cluster_r1.eval.vectors import Cached
from hypothesis import given
from hypothesis import strategies as st

TEXTS = ("I lost my card.", "My card is lost!", "What is the weather like?")


def hashed(*texts: str) -> Any:
    return embedder("hashed").embed("Cluster by topic.", texts)


def nearest(*texts: str) -> int:
    """The text that is most like the first."""
    vectors = hashed(*texts)
    return 1 + int(np.asarray((vectors[1:] @ vectors[0].T).todense()).argmax())


@given(st.lists(st.text(st.characters(codec="utf-8")), min_size=1, max_size=5))
def test_a_vector_depends_on_its_text_alone(texts: list[str]) -> None:
    together = hashed(*texts)
    assert together.shape == (len(texts), 2 * HALF)
    assert together.dtype == np.float32
    for row, text in enumerate(texts):
        assert (together[row] != hashed(text)).nnz == 0
    lengths = np.sqrt(np.asarray(together.multiply(together).sum(1))).ravel()
    assert lengths.tolist() == pytest.approx([float(bool(text.strip())) for text in texts], abs=1e-5)


def test_another_process_gives_the_same_vectors() -> None:
    """Python's own hashes of strings differ from process to process."""
    code = (
        "import sys; from cluster_r1.eval.embedders.registry import embedder\n"
        "found = embedder('hashed').embed('', sys.argv[1:])\n"
        "print(found.indices.tolist(), found.data.tobytes().hex())"
    )
    said = subprocess.run([sys.executable, "-c", code, *TEXTS], capture_output=True, text=True, check=True).stdout
    here = hashed(*TEXTS)
    assert said == f"{here.indices.tolist()} {here.data.tobytes().hex()}\n"


def test_words_and_word_forms_make_texts_alike() -> None:
    assert nearest(*TEXTS) == 1
    assert nearest("transferring money", "What is the weather like?", "a transfer failed") == 2
    assert (hashed("Ｃａｒｄ STRASSE") != hashed("card straße")).nnz == 0


def test_the_order_of_words_matters() -> None:
    assert (hashed("card lost") != hashed("lost card")).nnz > 0


@pytest.mark.parametrize(
    "texts",
    [
        ("我的银行卡丢了怎么办", "今天天气怎么样", "银行卡丢失了"),
        ("カードを失くしました", "今日はいい天気です", "クレジットカードを失くした"),
        ("ฉันทำบัตรหาย", "วันนี้อากาศดี", "บัตรของฉันหาย"),
        ("मेरा कार्ड खो गया", "आज मौसम अच्छा है", "कार्ड खो गया है"),
    ],
)
def test_languages_that_divide_no_words_have_pieces(texts: tuple[str, ...]) -> None:
    assert nearest(*texts) == 2


def test_a_single_character_is_something() -> None:
    assert nearest("猫", "犬", "猫") == 2


def test_nothing_gives_nothing() -> None:
    assert hashed().shape == (0, 2 * HALF)
    assert hashed("", " \n").nnz == 0


def test_the_store_passes_sparse_vectors_through(tmp_path: Path) -> None:
    with Cached(embedder("hashed"), tmp_path / "vectors.sqlite") as cached:
        assert (cached.embed("", TEXTS) != hashed(*TEXTS)).nnz == 0
        assert (cached.computed, cached.found) == (3, 0)
