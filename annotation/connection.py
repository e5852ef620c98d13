"""An Argilla server as a channel, through its SDK: forms become data sets, answers are read back without its search.

A data set is made once, and a record is sent when its id (our own) is not there yet: a push that was killed is
finished by the same push, and what people see does not change under their hands.
"""

from __future__ import annotations

import html
import io
import itertools
import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, redirect_stderr
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ..core.errors import ArgillaError
from ..core.forms import PROBLEM, Form, FormField, Question, Record, Response
from .channels import Returned

if TYPE_CHECKING:
    import argilla as rg

_BATCH = 100
_PAGE = 500
_PASSES = 3
_TIMEOUT_S = 120
_LONGEST_DETAIL = 600
_LONGEST_GUIDELINES = 10_000
_NOT_IN_AGENT = re.compile(r"[^a-zA-Z0-9_:./\s-]+")


class ArgillaChannel:
    """A connected server. Raises ArgillaError when nobody answers, the key is refused or the workspace is missing.

    `project` goes before every data set's name, because teams keep several projects in one Argilla workspace.
    """

    def __init__(self, url: str, api_key: str, workspace: str, project: str, key_source: str) -> None:
        self.url = url
        self._project = project
        self._key_source = key_source
        with self._explained():
            self._client = self._connected(api_key)
            workspaces = {str(found.name): found for found in self._client.workspaces}
        if workspace not in workspaces:
            seen = ", ".join(sorted(workspaces)) or "none"
            raise ArgillaError(
                f"{url} has no workspace {workspace!r} that this key may use (it sees: {seen}); "
                "create it there or name another one as argilla.workspace"
            )
        self._team = workspaces[workspace]
        self._data_sets: dict[str, rg.Dataset] = {}
        self._items: dict[str, dict[str, dict[str, Any]]] = {}
        self._names: dict[str, str] = {}

    @property
    def name(self) -> str:
        return f"Argilla at {self.url}"

    @property
    def problems(self) -> list[str]:
        """None: the server takes no answer that is not one."""
        return []

    def push(self, form: Form, records: Iterable[Record], advance: Callable[[int], None]) -> None:
        with self._explained():
            data_set = self._found(form)
            shown = set[str]() if data_set is None else {str(item["external_id"]) for item in self.listed(form)}
            data_set = data_set or self._created(form)
            places = iter(records)
            while batch := list(itertools.islice(places, _BATCH)):
                new = [_as_argilla(form, record) for record in batch if record.id not in shown]
                if new:
                    with redirect_stderr(io.StringIO()):  # the SDK draws a progress bar of its own for every batch
                        data_set.records.log(new, batch_size=len(new))
                advance(len(batch))

    def responses(self, form: Form) -> list[Response]:
        with self._explained():
            if self._found(form) is None:
                return []
            items = {str(item["external_id"]): item for item in self.listed(form, include="responses")}
            self._items[form.name] = items
            return [response for item in items.values() for response in self._responses_of(item)]

    def give_back(self, form: Form, returned: Returned) -> None:
        """The record says what is wrong, and the response becomes a draft: it stands in its author's drafts again."""
        response = returned.response
        item = self._items.get(form.name, {}).get(response.record)
        if item is None:
            return
        told = [line for line in (item["fields"].get(PROBLEM) or "").splitlines() if line]
        others = [line for line in told if not line.startswith(f"{response.author}: ")]
        item["fields"][PROBLEM] = "\n".join([*others, _as_html(f"{response.author}: {returned.reason}")])
        with self._explained():
            update = {"items": [{"id": item["id"], "fields": item["fields"]}]}
            self._request("PUT", f"/api/v1/datasets/{self._data_sets[form.name].id}/records/bulk", json=update)
            for given in item["responses"]:
                if self._author(given["user_id"]) == response.author and given["status"] == "submitted":
                    draft = {"status": "draft", "values": given["values"]}
                    self._request("PUT", f"/api/v1/responses/{given['id']}", json=draft)

    def place(self, form: Form) -> str:
        data_set = self._data_sets.get(form.name)
        return f"{self.url}/dataset/{data_set.id}/annotation-mode" if data_set is not None else self.url

    def _found(self, form: Form) -> rg.Dataset | None:
        """The form's data set. One that a killed push left unpublished is deleted, since it cannot hold records."""
        if form.name in self._data_sets:
            return self._data_sets[form.name]
        name = self._data_set_name(form)
        data_set = next((found for found in self._team.datasets if found.name == name), None)
        if data_set is None:
            return None
        if self._request("GET", f"/api/v1/datasets/{data_set.id}")["status"] == "draft":
            data_set.delete()
            return None
        data_set.get()  # a listed data set comes without its fields and questions
        self._data_sets[form.name] = data_set
        return data_set

    def _created(self, form: Form) -> rg.Dataset:
        import argilla as rg

        settings = rg.Settings(
            guidelines=_cut(form.guidelines, _LONGEST_GUIDELINES) or None,
            fields=[_as_field(field) for field in form.fields],
            questions=[_as_question(question) for question in form.questions],
            metadata=[rg.TermsMetadataProperty(name=name) for name in form.metadata],
            distribution=rg.TaskDistribution(min_submitted=form.answers_needed),
        )
        data_set = rg.Dataset(
            name=self._data_set_name(form), workspace=self._team, settings=settings, client=self._client
        )
        with redirect_stderr(io.StringIO()):
            data_set.create()
        self._data_sets[form.name] = data_set
        return data_set

    def _data_set_name(self, form: Form) -> str:
        return _cut(f"{self._project}-{form.name}", 200)

    def listed(self, form: Form, **wanted: str) -> list[dict[str, Any]]:
        """Every record once, by plain listing, which needs no search engine.

        Pages whose order is not the same from one request to the next may leave records out: what is missing of the
        total is looked for again.
        """
        found: dict[str, dict[str, Any]] = {}
        total = 0
        for _ in range(_PASSES):
            for offset in itertools.count(0, _PAGE):
                page = self._page(form, offset, wanted)
                found |= {item["id"]: item for item in page["items"]}
                total = page.get("total") or len(found)
                if not page["items"] or len(found) >= total:
                    break
            if len(found) >= total:
                return list(found.values())
        raise ArgillaError(f"{self.url} listed {len(found)} of {total} records of {form.name!r}; run the command again")

    def _page(self, form: Form, offset: int, wanted: dict[str, str]) -> Any:
        path = f"/api/v1/datasets/{self._data_sets[form.name].id}/records"
        return self._request("GET", path, params={**wanted, "offset": offset, "limit": _PAGE})

    def _responses_of(self, item: dict[str, Any]) -> Iterator[Response]:
        for given in item.get("responses") or []:
            yield Response(
                record=str(item.get("external_id")),
                author=self._author(given["user_id"]),
                status=given["status"],
                values={name: value.get("value") for name, value in (given["values"] or {}).items()},
                at=_utc(given.get("updated_at") or given["inserted_at"]),
            )

    def _author(self, user_id: str | None) -> str:
        """A user's name; of a user that was deleted or may not be seen, the id."""
        known = str(user_id)
        if known not in self._names:
            users = [self._client.me, *self._team.users]
            if str(self._client.me.role) in ("owner", "Role.owner"):
                users += list(self._client.users)
            self._names |= {str(user.id): str(user.username) for user in users}
            self._names.setdefault(known, known)
        return self._names[known]

    def _request(self, method: str, path: str, **options: Any) -> Any:
        answer = self._client.http_client.request(method, path, **options)
        answer.raise_for_status()
        return answer.json()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """What the SDK and its HTTP client raise, as one ArgillaError that says what to do."""
        import httpx
        from argilla._exceptions import ArgillaCredentialsError, ForbiddenError
        from argilla._exceptions import ArgillaError as SdkError

        try:
            yield
        except ArgillaCredentialsError:
            raise ArgillaError(f"{self.url} refuses the API key from {self._key_source}") from None
        except ForbiddenError as error:
            raise ArgillaError(f"{self.url} does not let this key's user do that: {_detail(error)}") from None
        except SdkError as error:
            raise ArgillaError(f"{self.url} refused: {_detail(error.__cause__ or error)}") from None
        except httpx.HTTPStatusError as error:
            told = _cut(error.response.text, _LONGEST_DETAIL)
            raise ArgillaError(f"{self.url} answered {error.response.status_code}: {told}") from None
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise ArgillaError(f"{self.url!r} is not an address: {error}") from None
        except httpx.HTTPError as error:
            raise ArgillaError(
                f"no Argilla answers at {self.url} ({type(error).__name__}: {error}); is it running? "
                "What was pushed or pulled so far stays; run the command again"
            ) from None
        except (json.JSONDecodeError, ValidationError) as error:
            raise ArgillaError(f"what answers at {self.url} is no Argilla 2 server: {_detail(error)}") from None

    def _connected(self, api_key: str) -> rg.Argilla:
        import argilla as rg

        try:
            return rg.Argilla(api_url=self.url, api_key=api_key, timeout=_TIMEOUT_S)
        except (KeyError, TypeError, AttributeError) as error:  # the SDK reads another server's JSON unchecked
            raise ArgillaError(f"what answers at {self.url} is no Argilla 2 server: {_detail(error)}") from None


def _as_field(field: FormField) -> rg.TextField:
    import argilla as rg

    return rg.TextField(name=field.name, title=field.title, use_markdown=field.markdown, required=field.required)


def _as_question(question: Question) -> rg.TextQuestion | rg.LabelQuestion | rg.RatingQuestion:
    import argilla as rg

    described: dict[str, Any] = {
        "name": question.name,
        "title": question.title,
        "description": question.hint or None,
        "required": question.required,
    }
    if question.kind == "text":
        return rg.TextQuestion(**described)
    if question.kind == "rating":
        return rg.RatingQuestion(values=[int(option) for option in question.options], **described)
    return rg.LabelQuestion(labels=list(question.options), **described)


def _as_argilla(form: Form, record: Record) -> rg.Record:
    import argilla as rg

    markdown = {field.name for field in form.fields if field.markdown}
    texts = {name: text if name in markdown else _as_html(text) for name, text in record.fields.items() if text}
    return rg.Record(
        id=record.id,
        fields={**texts},
        metadata={**record.metadata},
        suggestions=[
            rg.Suggestion(s.question, s.value, score=s.score, agent=_agent(s.agent)) for s in record.suggestions
        ],
    )


def _as_html(text: str) -> str:
    """Argilla's page takes what it calls plain text for HTML."""
    return html.escape(text, quote=False)


def _agent(name: str) -> str:
    """An agent's name in the characters that Argilla takes."""
    return _cut(_NOT_IN_AGENT.sub(" ", name).strip(), 200) or "model"


def _utc(moment: str) -> str:
    """The server's times are UTC, with or without saying so."""
    return moment if moment.endswith("Z") or "+" in moment[10:] else f"{moment}+00:00"


def _detail(error: BaseException) -> str:
    return _cut(" ".join(str(error).split()), _LONGEST_DETAIL) or type(error).__name__


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
