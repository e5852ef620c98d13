"""The thinking agents' path, few calls: `ChatOpenAI`, so that LangChain's callbacks and tracing see them."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from ..core.settings import ModelSettings
from .dataplane import reply_of_body, without_key
from .failures import CallFailed, failure_of_status
from .protocol import Reply, Usage

if TYPE_CHECKING:
    import openai
    from langchain_core.messages import AIMessage
    from langchain_openai import ChatOpenAI

_WITHOUT_KEY = "no-key-needed"


class LangChainTransport:
    """Sends chat bodies through `ChatOpenAI`; retries are the LedgeredModel's, so LangChain's own are off."""

    def __init__(self, settings: ModelSettings, base_url: str, key: str | None) -> None:
        self._key = key
        self._key_env = settings.api_key_env
        self._url = base_url
        self._chat = _chat_class()(
            model=settings.model,
            base_url=base_url,
            api_key=SecretStr(key or _WITHOUT_KEY),
            timeout=settings.timeout_s,
            max_retries=0,
            stream_usage=False,
            use_responses_api=False,
        )

    async def send(self, body: dict[str, Any]) -> Reply:
        import openai

        rest = {name: value for name, value in body.items() if name not in ("messages", "model")}
        extra = {name: rest.pop(name) for name in list(rest) if name not in _OPENAI_FIELDS}
        try:
            message = await self._chat.ainvoke(body["messages"], **rest, extra_body=extra or None)
        except openai.LengthFinishReasonError as error:
            return reply_of_body(error.completion.model_dump_json().encode(), self._url)
        except openai.APIStatusError as error:
            text = without_key(error.response.text, self._key)
            raise failure_of_status(error.status_code, text, error.response.headers, self._url, self._key_env) from None
        except openai.APITimeoutError:
            raise CallFailed("timeout", f"{self._url} did not answer in time") from None
        except openai.APIConnectionError as error:
            raise CallFailed("connection", f"{self._url} cannot be reached: {error.__cause__ or error}") from None
        except (openai.OpenAIError, ValueError, TypeError, KeyError) as error:
            detail = without_key(str(error), self._key)[:300]
            raise CallFailed("broken", f"{self._url} answered with no chat completion: {detail}") from None
        return _reply_of_message(message)


_OPENAI_FIELDS = frozenset(
    (
        "temperature",
        "top_p",
        "max_tokens",
        "max_completion_tokens",
        "seed",
        "response_format",
        "stop",
        "reasoning_effort",
    )
)


def _reply_of_message(message: AIMessage) -> Reply:
    usage = message.usage_metadata
    return Reply(
        text=message.content if isinstance(message.content, str) else str(message.text),
        reasoning=message.additional_kwargs.get("reasoning_content"),
        finish_reason=message.response_metadata.get("finish_reason"),
        usage=Usage(usage["input_tokens"], usage["output_tokens"]) if usage else Usage(),
    )


def _chat_class() -> type[ChatOpenAI]:
    """ChatOpenAI, keeping `reasoning_content`, which it drops from endpoints that are not OpenAI's own."""
    from langchain_openai import ChatOpenAI

    class ReasoningChatOpenAI(ChatOpenAI):
        def _create_chat_result(
            self, response: dict[str, Any] | openai.BaseModel, generation_info: dict[str, Any] | None = None
        ) -> Any:
            result = super()._create_chat_result(response, generation_info)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                content = response if isinstance(response, dict) else response.model_dump()
            for generation, choice in zip(result.generations, content["choices"], strict=True):
                said = choice["message"].get("reasoning_content") or choice["message"].get("reasoning")
                if said:
                    generation.message.additional_kwargs["reasoning_content"] = said
            return result

    return ReasoningChatOpenAI
