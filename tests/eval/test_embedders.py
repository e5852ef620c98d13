"""Embedders: their templates letter by letter, which states become vectors, and what is refused."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cluster_r1.core.errors import EndpointError, SettingsError
from cluster_r1.eval.embedders.interface import Options
from cluster_r1.eval.embedders.registry import MODELS, embedder
from embedding_models import tiny_bert, tiny_sentences
from exporting import tiny_model

ASK = "Cluster by {colour}"
TEXTS = ("the red boat", "a green tree by the boat", "blue {text}")
PLAIN = Options(template="none")


@pytest.mark.parametrize(
    ("spec", "prompt"),
    [
        ("minilm", "Clustering task: Cluster by {colour}. Text: blue {text}"),
        ("sentence-transformers=org/other", "Clustering task: Cluster by {colour}. Text: blue {text}"),
        ("instructor", ("Represent this text for clustering analysis: Cluster by {colour}", "blue {text}")),
        ("inbedder", "Input:blue {text} Instruction:Cluster by {colour} Response:"),
        (
            "qwen3-embedding",
            "Represent this text for clustering analysis. Task:Cluster by {colour} Query:blue {text}",
        ),
        ("openai", "Represent this text for clustering. Task: Cluster by {colour} Text: blue {text}"),
        ("tfidf", "blue {text}"),
        ("hashed", "blue {text}"),
    ],
)
def test_prompts_are_the_papers_letter_by_letter(spec: str, prompt: str | tuple[str, str]) -> None:
    assert embedder(spec).prompts(ASK, TEXTS)[2] == prompt
    assert embedder(spec, PLAIN).prompts(ASK, TEXTS) == list(TEXTS)


def test_inbedder_has_the_template_of_its_repository_too() -> None:
    found = embedder("inbedder", Options(template="official")).prompts("Colour?", ["boat"])
    assert found == ["### Input:\nboat\n\n### Instruction:\nColour?\n\n### Response:"]


def test_names_tell_what_was_changed() -> None:
    assert {kind: embedder(kind).name for kind in MODELS if kind != "sentence-transformers"} == {
        kind: kind for kind in MODELS if kind != "sentence-transformers"
    }
    assert embedder("minilm", PLAIN).name == "minilm-plain"
    assert embedder("sentence-transformers=BAAI/bge-small-en-v1.5").name == "bge-small-en-v1.5"
    assert embedder("inbedder", Options(template="official", states="average")).name == "inbedder-official-average"
    assert embedder("qwen3-embedding = /models/q").model == "/models/q"


@pytest.mark.parametrize(
    ("spec", "options", "says"),
    [
        ("bert", Options(), "there is no embedder 'bert': choose minilm, instructor, inbedder"),
        ("minilm", Options(template="official"), "minilm has no template 'official': choose paper or none"),
        ("inbedder", Options(template="x"), "choose paper or official or none"),
        ("inbedder", Options(states="last"), "there are no states 'last': choose first or average"),
        ("sentence-transformers", Options(), "name one, as in sentence-transformers="),
        ("tfidf=words", Options(), "tfidf has no model"),
        ("hashed=4096", Options(), "hashed has no model"),
        ("minilm", Options(batch=0), "got batch 0"),
    ],
)
def test_what_there_is_not_is_named(spec: str, options: Options, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        embedder(spec, options)


def test_a_folder_that_is_not_there_is_named() -> None:
    for kind in ("minilm", "inbedder"):
        with pytest.raises(SettingsError, match="there is no folder '/no/such'"):
            _ = embedder(f"{kind}=/no/such").identity


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    pytest.importorskip("sentence_transformers")
    with pytest.raises(SettingsError, match="cannot be loaded"):
        embedder(f"minilm={tmp_path}").embed("", ["a"])


def test_tfidf_weighs_words() -> None:
    found = embedder("tfidf").embed("Cluster.", ["red boat", "red boat", "tree"])
    assert found.shape == (3, 3)
    assert (found[0] != found[1]).nnz == 0


def test_a_model_is_what_its_files_are_wherever_they_lie(tmp_path: Path) -> None:
    for name in ("here", "there"):
        (tmp_path / name / "deep").mkdir(parents=True)
        (tmp_path / name / "deep" / "weights").write_bytes(b"1")
    here, there = (embedder(f"minilm={tmp_path / name}").identity for name in ("here", "there"))
    assert here == there
    assert json.loads(here)["template"] == "Clustering task: {instruction}. Text: {text}"
    (tmp_path / "there" / "README.md").write_text("words")
    assert embedder(f"minilm={tmp_path / 'there'}").identity == here
    (tmp_path / "there" / "deep" / "weights").write_bytes(b"2")
    assert embedder(f"minilm={tmp_path / 'there'}").identity != here
    assert embedder(f"minilm={tmp_path / 'here'}", PLAIN).identity != here


def lengths(vectors: Any) -> Any:
    return np.linalg.norm(vectors, axis=1)


def states(model: Path, prompts: list[str]) -> list[Any]:
    """Each prompt's final hidden states, (tokens, features), by transformers alone, one prompt at a time."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer, loaded = AutoTokenizer.from_pretrained(model), AutoModel.from_pretrained(model, dtype="float32").eval()
    with torch.inference_mode():
        return [loaded(**tokenizer(one, return_tensors="pt")).last_hidden_state[0].numpy() for one in prompts]


def unit(vector: Any) -> Any:
    return vector / np.linalg.norm(vector)


@pytest.mark.slow
def test_minilm_is_the_mean_over_all_tokens(tmp_path: Path) -> None:
    pytest.importorskip("sentence_transformers")
    model = embedder(f"minilm={tiny_sentences(tmp_path, 'mean')}", Options(device="cpu", batch=2))
    found = model.embed("by text", TEXTS)
    prompts = [str(prompt) for prompt in model.prompts("by text", TEXTS)]
    assert (found.dtype, found.shape) == (np.float32, (3, 16))
    expected = [unit(one.mean(0)) for one in states(tmp_path / "inner", prompts)]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert not np.allclose(found, model.embed("red", TEXTS), atol=1e-3)


@pytest.mark.slow
def test_instructor_reads_the_instruction_and_pools_the_text_alone(tmp_path: Path) -> None:
    pytest.importorskip("sentence_transformers")
    model = embedder(f"instructor={tiny_sentences(tmp_path, 'mean')}", Options(device="cpu"))
    found = model.embed("by text", TEXTS)
    before = "Represent this text for clustering analysis: by text"
    whole = states(tmp_path / "inner", [before + text for text in TEXTS])
    read = len(states(tmp_path / "inner", [before])[0]) - 1
    assert read == len(("[CLS]", "represent", "this", "text", "for", "clustering", "analysis", ":", "by", "text"))
    np.testing.assert_allclose(found, [unit(one[read:].mean(0)) for one in whole], atol=1e-5)


@pytest.mark.slow
def test_qwen_is_the_state_of_the_last_token(tmp_path: Path) -> None:
    pytest.importorskip("sentence_transformers")
    model = embedder(f"qwen3-embedding={tiny_sentences(tmp_path, 'lasttoken')}", Options(device="cpu"))
    found = model.embed("by text", TEXTS)
    prompts = [str(prompt) for prompt in model.prompts("by text", TEXTS)]
    expected = [unit(one[-1]) for one in states(tmp_path / "inner", prompts)]
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.slow
def test_a_model_that_would_pool_otherwise_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("sentence_transformers")
    bare = tiny_bert(tmp_path / "bare")
    with pytest.raises(SettingsError, match="pools by mean, qwen3-embedding by lasttoken"):
        embedder(f"qwen3-embedding={bare}", Options(device="cpu")).embed("", ["a"])
    assert embedder(f"sentence-transformers={bare}", Options(device="cpu")).embed("", ["a"]).shape == (1, 16)


@pytest.mark.slow
def test_inbedder_is_the_state_where_the_answer_begins(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    folder = tiny_model(tmp_path / "model")
    model = embedder(f"inbedder={folder}", Options(device="cpu", batch=2))
    found = model.embed("Colour?", TEXTS)
    prompts = [str(prompt) for prompt in model.prompts("Colour?", TEXTS)]
    np.testing.assert_allclose(found, [unit(one[-1]) for one in states(folder, prompts)], atol=1e-4)
    long = model.embed("Colour?", ["red " * 2000])
    np.testing.assert_allclose(lengths(long), 1, atol=1e-5)


@pytest.mark.slow
def test_inbedders_average_is_the_same_whatever_else_is_embedded(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    folder = tiny_model(tmp_path / "model")
    model = embedder(f"inbedder={folder}", Options(device="cpu", states="average"))
    found = model.embed("Colour?", TEXTS)
    np.testing.assert_array_equal(model.embed("Colour?", TEXTS[1:])[0], found[1])
    np.testing.assert_allclose(lengths(found), 1, atol=1e-5)
    first = embedder(f"inbedder={folder}", Options(device="cpu"))
    assert not np.allclose(first.embed("Colour?", TEXTS), found, atol=1e-3)
    assert first.identity != model.identity


class Embeddings(BaseHTTPRequestHandler):
    """POST /v1/embeddings: a vector is the text's length and three ones; `loses` leaves the last text's out."""

    asked: list[dict[str, Any]]
    status = 200
    loses = False
    keys: set[str | None]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append(body)
        self.keys.add(self.headers["Authorization"])
        data = [
            {"object": "embedding", "index": place, "embedding": [float(len(text)), 1.0, 1.0, 1.0]}
            for place, text in enumerate(body["input"])
        ]
        data = data[: len(data) - self.loses]
        said = {
            "object": "list",
            "data": data,
            "model": body["model"],
            "usage": {"prompt_tokens": 1, "total_tokens": 1},
        }
        if self.status != 200:
            said = {"error": {"message": f"not with {self.headers['Authorization']}"}}
        content = json.dumps(said).encode()
        self.send_response(self.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        del format, args


@contextmanager
def serving(status: int = 200, loses: bool = False) -> Iterator[tuple[str, type[Embeddings]]]:
    handler = type("Handler", (Embeddings,), {"asked": [], "keys": set(), "status": status, "loses": loses})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", handler
    finally:
        server.shutdown()
        server.server_close()


def test_an_api_gets_the_texts_as_texts_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", "sk-secret")
    with serving() as (url, server):
        model = embedder("openai", Options(base_url=url, api_key_env="SOME_KEY", batch=2))
        found = model.embed("Colour?", TEXTS)
    prompts = model.prompts("Colour?", TEXTS)
    assert [body["input"] for body in server.asked] == [prompts[:2], prompts[2:]]
    assert {body["model"] for body in server.asked} == {"text-embedding-3-large"}
    assert not any("dimensions" in body for body in server.asked)
    assert server.keys == {"Bearer sk-secret"}
    assert found.dtype == np.float32
    assert found[:, 0].tolist() == [len(str(prompt)) for prompt in prompts]


@pytest.mark.parametrize(("status", "says"), [(401, r"refused the key in \$SOME_KEY"), (404, "check base_url")])
def test_an_api_that_refuses_is_told_of_without_the_key(
    monkeypatch: pytest.MonkeyPatch, status: int, says: str
) -> None:
    monkeypatch.setenv("SOME_KEY", "sk-secret")
    with serving(status) as (url, _):
        model = embedder("openai", Options(base_url=url, api_key_env="SOME_KEY", retries=0))
        with pytest.raises(EndpointError, match=says) as caught:
            model.embed("", ["a"])
    assert "sk-secret" not in str(caught.value)
    assert "sk-secret" not in model.identity


def test_an_api_that_is_not_there_or_gives_no_vectors_is_named() -> None:
    with pytest.raises(EndpointError, match=r"http://127\.0\.0\.1:9/v1/embeddings gave no vectors"):
        embedder("openai", Options(base_url="http://127.0.0.1:9/v1", retries=0)).embed("", ["a"])
    with serving(loses=True) as (url, _):
        model = embedder("openai=chat", Options(base_url=url, retries=0))
        with pytest.raises(EndpointError, match=r"gave 1 vectors of \[4\] numbers for 2 texts: is 'chat' an embedding"):
            model.embed("", ["a", "b"])


def test_openai_needs_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(SettingsError, match=r"'OPENAI_API_KEY'.*is empty"):
        embedder("openai").embed("", ["a"])
