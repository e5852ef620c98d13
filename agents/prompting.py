"""Prompts: one Markdown file an agent beside this module, with `# system` and `# user` parts, versioned by hash."""

from __future__ import annotations

import functools
import hashlib
import re
from importlib.resources import files
from typing import Any, NamedTuple

from jinja2 import Environment, StrictUndefined, Template

from ..llm.protocol import Message

_PARTS = re.compile(r"\A# system\n(?P<system>.*?)^# user\n(?P<user>.*)\Z", re.DOTALL | re.MULTILINE)
_FENCE = re.compile(r"<(\s*/?\s*document)", re.IGNORECASE)


class Prompt(NamedTuple):
    """A prompt's two templates; `fingerprint` is 12 hex digits of the file's content."""

    name: str
    fingerprint: str
    system: Template
    user: Template

    def messages(self, **values: Any) -> tuple[Message, Message]:
        """Raises jinja2.UndefinedError when a value of the template is not given."""
        return (
            Message("system", self.system.render(values).strip()),
            Message("user", self.user.render(values).strip()),
        )


@functools.cache
def load_prompt(name: str) -> Prompt:
    content = (files("cluster_r1.agents") / "prompts" / f"{name}.md").read_text(encoding="utf-8")
    parts = _PARTS.match(content)
    if parts is None:
        raise ValueError(f"prompt {name!r} must have a '# system' and a '# user' part")
    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)
    fingerprint = hashlib.sha256(content.encode()).hexdigest()[:12]
    return Prompt(name, fingerprint, environment.from_string(parts["system"]), environment.from_string(parts["user"]))


def fenced(text: str) -> str:
    """A document's text made unable to close, or open, the fence that a prompt puts around it."""
    return _FENCE.sub(r"‹\1", text)
