"""The high-volume path: one aiohttp session an endpoint, a few hundred microseconds of CPU a call."""

from __future__ import annotations

from typing import Any

import aiohttp
import orjson

from .failures import CallFailed, failure_of_status
from .protocol import Reply, Usage


class AiohttpTransport:
    """Sends chat bodies to one endpoint. `key` is put in a header and removed from every error."""

    def __init__(
        self, session: aiohttp.ClientSession, base_url: str, key: str | None, key_env: str | None, timeout_s: float
    ) -> None:
        self._session = session
        self._url = f"{base_url}/chat/completions"
        self._key = key
        self._key_env = key_env
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._headers = {"Content-Type": "application/json"}
        if key:
            self._headers["Authorization"] = f"Bearer {key}"

    async def send(self, body: dict[str, Any]) -> Reply:
        try:
            async with self._session.post(
                self._url, data=orjson.dumps(body), headers=self._headers, timeout=self._timeout, allow_redirects=False
            ) as response:
                content = await response.read()
                if response.status != 200:
                    text = without_key(content.decode(errors="replace"), self._key)
                    raise failure_of_status(response.status, text, response.headers, self._url, self._key_env)
        except TimeoutError:
            raise CallFailed("timeout", f"{self._url} did not answer within {self._timeout.total:g} s") from None
        except aiohttp.ClientPayloadError as error:
            raise CallFailed("broken", f"{self._url} broke off its answer: {error}") from None
        except (aiohttp.ClientError, OSError) as error:
            raise CallFailed("connection", f"{self._url} cannot be reached: {error}") from None
        return reply_of_body(content, self._url)


def reply_of_body(content: bytes, url: str) -> Reply:
    """Read an OpenAI chat completion. Raises CallFailed("broken") when it is not one."""
    try:
        body = orjson.loads(content)
        choice = body["choices"][0]
        message = choice["message"]
        usage = body.get("usage") or {}
        return Reply(
            text=message.get("content") or "",
            reasoning=message.get("reasoning_content") or message.get("reasoning"),
            finish_reason=choice.get("finish_reason"),
            usage=Usage(int(usage.get("prompt_tokens") or 0), int(usage.get("completion_tokens") or 0)),
        )
    except (orjson.JSONDecodeError, KeyError, IndexError, TypeError, AttributeError, ValueError):
        shown = content[:120].decode(errors="replace")
        raise CallFailed("broken", f"{url} answered 200 with something that is no chat completion: {shown!r}") from None


def without_key(text: str, key: str | None) -> str:
    return text.replace(key, "***") if key else text
