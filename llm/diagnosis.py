"""What the configured models need and whether they answer: for `doctor`, before a run is started."""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec
from typing import NamedTuple

import orjson

from ..core.errors import ClusterR1Error
from ..core.settings import ROLES, ModelSettings, ModelsSettings
from .failures import CallFailed
from .protocol import ChatRequest, Message
from .requests import request_body
from .roles import api_key

_PROBE = ChatRequest(
    (Message("user", 'Which word means a colour: "table" or "blue"? Answer in JSON.'),),
    schema={
        "type": "object",
        "properties": {"word": {"type": "string", "enum": ["table", "blue"]}},
        "required": ["word"],
        "additionalProperties": False,
    },
)
_PROBE_TIMEOUT_S = 30.0


class Diagnosis(NamedTuple):
    """One thing that was looked at; `remedy` says how to get what is missing."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""


async def diagnose_models(models: ModelsSettings) -> list[Diagnosis]:
    """One finding for each distinct model of the roles; endpoints are asked one tiny question each."""
    by_model: dict[str, tuple[ModelSettings, list[str]]] = {}
    for role in ROLES:
        settings = models.role(role)
        where = settings.base_url or settings.serve
        by_model.setdefault(f"{where} {settings.model} {settings.structured}", (settings, []))[1].append(role)
    return [await _diagnose(settings, ", ".join(roles)) for settings, roles in by_model.values()]


async def _diagnose(settings: ModelSettings, roles: str) -> Diagnosis:
    name = f"{settings.model} ({roles})"
    try:
        if settings.serve == "embedded":
            return _embedded(settings, name)
        if settings.serve == "vllm":
            return _vllm(name)
        return await _endpoint(settings, name)
    except CallFailed as failure:
        return Diagnosis(name, ok=False, detail=str(failure), remedy="see the role's base_url, model and api_key_env")
    except ClusterR1Error as error:
        return Diagnosis(name, ok=False, detail=str(error))


def _embedded(settings: ModelSettings, name: str) -> Diagnosis:
    from .weights import announce, is_fetched

    if find_spec("xllamacpp") is None:
        return Diagnosis(name, ok=False, detail="xllamacpp is not installed", remedy="pip install 'cluster-r1[local]'")
    if is_fetched(settings.model):
        return Diagnosis(name, ok=True, detail="the embedded server and the weights are there")
    return Diagnosis(name, ok=True, detail=announce(settings.model).replace(" is fetched ", " will be fetched "))


def _vllm(name: str) -> Diagnosis:
    from .server import VLLM_VARIABLE

    command = os.environ.get(VLLM_VARIABLE, "vllm")
    if shutil.which(command.split()[0]) is None:
        remedy = f"pip install vllm in an environment of its own and name its command in ${VLLM_VARIABLE}"
        return Diagnosis(name, ok=False, detail=f"there is no command {command!r}", remedy=remedy)
    return Diagnosis(name, ok=True, detail=f"is started with {command!r}")


async def _endpoint(settings: ModelSettings, name: str) -> Diagnosis:
    import aiohttp

    from .dataplane import AiohttpTransport

    timeout = min(settings.timeout_s, _PROBE_TIMEOUT_S)
    async with aiohttp.ClientSession() as session:
        base_url = settings.base_url or ""
        transport = AiohttpTransport(session, base_url, api_key(settings), settings.api_key_env, timeout)
        reply = await transport.send(request_body(settings, _PROBE))
    try:
        constrained = orjson.loads(reply.text)["word"] in ("table", "blue")
    except (orjson.JSONDecodeError, KeyError, TypeError):
        constrained = False
    if constrained:
        return Diagnosis(name, ok=True, detail=f"{base_url} answers and keeps to a JSON schema")
    detail = f"{base_url} answers, but not as the JSON schema says: {reply.text[:80]!r}"
    return Diagnosis(name, ok=True, detail=detail, remedy="runs will ask again; structured: prompt may do better")
