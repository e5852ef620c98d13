"""Embeddings by an OpenAI-compatible API through langchain-openai: text-embedding-3-large in its full dimension.

Texts go as texts, never as OpenAI's token numbers, which other servers do not read; one that is too long is the
endpoint's error and not the mean of its parts. Vectors are as the API gives them (OpenAI's have length 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ...core.errors import EndpointError
from ...core.settings import ModelSettings
from ...llm.dataplane import without_key
from ...llm.failures import failure_of_status
from ...llm.roles import api_key
from .interface import Options, Prompt, Vectors, identity_of
from .templates import Template

OPENAI_URL = "https://api.openai.com/v1"
OPENAI_KEY = "OPENAI_API_KEY"


class EndpointEmbedder:
    """A model of an API. Its key is read from the environment with the first call and stands in no error."""

    def __init__(self, name: str, model: str, template: Template, options: Options) -> None:
        self.name = name
        self.model = model
        self.by_text = True
        self._template = template
        self._options = options
        self._url = options.base_url or OPENAI_URL
        self._key_env = options.api_key_env or (OPENAI_KEY if self._url == OPENAI_URL else None)

    @property
    def identity(self) -> str:
        return identity_of({"model": self.model, "template": self._template("{instruction}", "{text}")})

    def prompts(self, instruction: str, texts: Sequence[str]) -> list[Prompt]:
        return [self._template(instruction, text) for text in texts]

    def embed(self, instruction: str, texts: Sequence[str]) -> Vectors:
        vectors = self._ask([str(prompt) for prompt in self.prompts(instruction, texts)])
        if len(vectors) != len(texts) or len({len(vector) for vector in vectors}) != 1:
            raise EndpointError(
                f"{self._url} gave {len(vectors)} vectors of {sorted({len(vector) for vector in vectors})} numbers for"
                f" {len(texts)} texts: is {self.model!r} an embedding model?"
            )
        found = np.asarray(vectors, dtype=np.float32)
        if not np.isfinite(found).all():
            raise EndpointError(f"{self._url} gave vectors of {self.model!r} that are not finite")
        return found

    def _ask(self, prompts: list[str]) -> list[list[float]]:
        import openai

        try:
            return self._client.embed_documents(prompts)
        except openai.APIStatusError as error:
            said = without_key(error.response.text, self._key)
            raise failure_of_status(
                error.status_code, said, error.response.headers, f"{self._url}/embeddings", self._key_env
            ) from None
        except (openai.OpenAIError, ValueError, TypeError, KeyError, AttributeError) as error:
            said = without_key(" ".join(str(error).split())[:300], self._key)
            raise EndpointError(
                f"{self._url}/embeddings gave no vectors of {self.model!r} ({type(error).__name__}: {said}): check"
                " base_url (it usually ends in /v1) and that the server has an embedding model"
            ) from None

    @cached_property
    def _key(self) -> str | None:
        return api_key(ModelSettings(model=self.model, base_url=self._url, api_key_env=self._key_env))

    @cached_property
    def _client(self) -> Any:
        from langchain_openai import OpenAIEmbeddings
        from pydantic import SecretStr

        return OpenAIEmbeddings(
            model=self.model,
            base_url=self._url,
            api_key=SecretStr(self._key or "none"),
            check_embedding_ctx_length=False,
            chunk_size=self._options.batch,
            max_retries=self._options.retries,
            timeout=self._options.timeout_s,
            model_kwargs={"encoding_format": "float"},
        )
