"""What an agent knows of a language model: messages in, a reply out. The rest of this room serves this protocol."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol


class Message(NamedTuple):
    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One call's content; temperature and limits belong to the role's settings.

    `schema` is the JSON schema that the reply's text must satisfy, `grammar` one in GBNF; `variant` numbers independent
    samples of one prompt.
    """

    messages: tuple[Message, ...]
    schema: dict[str, Any] | None = None
    variant: int = 0
    grammar: str | None = None

    def answered(self, reply: str, complaint: str) -> ChatRequest:
        """The same conversation after a bad reply: the reply as said, then what was wrong with it.

        It is another variant: with the seed of the bad reply a model tends to say the same again.
        """
        messages = (*self.messages, Message("assistant", reply), Message("user", complaint))
        return ChatRequest(messages, self.schema, self.variant + 1, self.grammar)


class Usage(NamedTuple):
    """Tokens as the endpoint counted them; zero where it did not say."""

    prompt_tokens: int = 0
    completion_tokens: int = 0


NO_USAGE = Usage()


@dataclass(frozen=True, slots=True)
class Reply:
    """What the model said. `key` is the call's place in the ledger; `cached` tells that nothing was paid for it now."""

    text: str
    key: str = ""
    reasoning: str | None = None
    finish_reason: str | None = None
    usage: Usage = NO_USAGE
    latency_s: float = 0.0
    cached: bool = False


class ChatModel(Protocol):
    """Anything that answers a ChatRequest. Raises EndpointError when it cannot."""

    @property
    def name(self) -> str: ...

    async def complete(self, request: ChatRequest, subject: str = "") -> Reply:
        """`subject` says in the ledger what the call was about (a document's id, an agent's step)."""
        ...
