"""Token counts: those of the tokenizer itself, whatever its file says about cutting, and clear words where none is."""

from __future__ import annotations

from pathlib import Path

import pytest
from cluster_r1.core.errors import SettingsError
from cluster_r1.core.tokenizer import ESTIMATE, load_tokenizer
from cluster_r1.core.tokens import estimate_tokens

_TEXTS = ["the cat sat on the mat", "", "the the the", "Ünïcödé — 漢字 🙂", "line one\n\nline two  and   spaces"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A byte-level BPE trained here, in a file that cuts and pads, as those of sentence embedders do."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(_TEXTS * 9, trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet))
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=4)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    return tmp_path


def test_counts_are_the_tokenizers_own(folder: Path) -> None:
    from tokenizers import Tokenizer

    counter = load_tokenizer(str(folder))
    plain = Tokenizer.from_file(str(folder / "tokenizer.json"))
    plain.no_truncation()
    plain.no_padding()
    assert counter.count(_TEXTS) == [len(plain.encode(text).ids) for text in _TEXTS]
    assert counter.count_one("") == 0
    assert counter.count([]) == []
    assert load_tokenizer(str(folder / "tokenizer.json")).count(_TEXTS) == counter.count(_TEXTS)


def test_the_estimate_needs_no_file() -> None:
    counter = load_tokenizer(ESTIMATE)
    assert counter.count(_TEXTS) == [estimate_tokens(text) for text in _TEXTS]


@pytest.mark.parametrize("name", ["nowhere/tokenizer.json", "broken.json", "broken.gguf", "empty"])
def test_what_is_no_tokenizer_says_so(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    Path("broken.json").write_text("{")
    Path("broken.gguf").write_text("not a model")
    Path("empty").mkdir()
    with pytest.raises(SettingsError, match=f"the tokenizer '{name}' cannot be loaded: .+; give a tokenizer"):
        load_tokenizer(name)


@pytest.mark.model
def test_a_gguf_file_counts_as_llama_cpp_does(tmp_path: Path) -> None:
    import requests
    from cluster_r1.core.settings import ModelSettings
    from cluster_r1.llm.server import embedded_server
    from cluster_r1.llm.weights import weights_path

    path = weights_path("smollm2-135m")
    counter = load_tokenizer(str(path), tmp_path)
    texts = [text for text in _TEXTS if text] + ["In 1999, 1,234 people don't agree\t(§ 6).", "  two  leading spaces"]
    with embedded_server(ModelSettings(model=str(path), serve="embedded"), tmp_path / "log", print) as server:
        url = server.base_url.removesuffix("/v1") + "/tokenize"
        said = [requests.post(url, json={"content": text}, timeout=60).json()["tokens"] for text in texts]
    assert counter.count(texts) == [len(tokens) for tokens in said]
    kept = list(tmp_path.glob("*.tokenizer.json"))
    assert load_tokenizer(str(kept[0])).count(texts) == counter.count(texts)
