"""The review of taxonomies (paper §4.1, "light human rewriting"): open gates as records, responses as decisions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ..core.archive import TaxonomyArchive
from ..core.check import TaxonomyCheck
from ..core.forms import PROBLEM, Form, FormField, Question, Record, Response, Suggestion
from ..core.settings import ReviewSettings
from ..graphs.reviews import Decision, Gate, TaskEdit, Verdict
from .arbitration import Undecided, arbitrate
from .channels import Returned
from .edits import EditError, clusters_as_text, clusters_of_text, instruction_of_text, note_of_text
from .pushed import Shown
from .shown import escape_markdown, one_line, shown_line, shown_text

_LONGEST_EXAMPLE = 300
_GUIDELINES = """\
Each record is an instruction and the clusters that agents made for it. Both are used to label the whole corpus, so:
the clusters should do what the instruction asks, not overlap, and leave no text without a place.

- **accept**: it is good as proposed.
- **rewrite**: change the instruction and the clusters below as you like, a cluster a line: `name — description`.
  Or change nothing and say in the comment what the refinement agent should do.
- **reject**: this task is not worth having.

What you type is kept. When it cannot be read as clusters, the record comes back among your drafts and says why.
"""


class Choice(NamedTuple):
    """What a person decided on a proposal; people agree when their choices are equal, whatever they comment."""

    verdict: Verdict
    edit: TaskEdit | None = None


class TaxonomyAnswer(NamedTuple):
    """One person's choice, what they said about it and when."""

    choice: Choice
    note: str
    at: str


class GateOutcome(NamedTuple):
    """A gate and what people's answers came to."""

    gate: Gate
    decision: Decision | Undecided


def taxonomy_form(annotators: int) -> Form:
    return Form(
        kind="taxonomy",
        name="taxonomies",
        title="Review of taxonomies",
        guidelines=_GUIDELINES,
        fields=(
            FormField(PROBLEM, "Please mend", required=False),
            FormField("proposed_instruction", "Instruction"),
            FormField("findings", "What the check found", markdown=True, required=False),
            FormField("proposed_clusters", "Proposed clusters", markdown=True),
        ),
        questions=(
            Question("verdict", "Your decision", "label", ("accept", "rewrite", "reject")),
            Question("instruction", "Instruction, rewritten if you like", "text"),
            Question("clusters", "Clusters, a line each", "text", hint="name — description"),
            Question("comment", "Comment", "text", required=False, hint="why; or what the refinement agent should do"),
        ),
        metadata=("task", "stage"),
        answers_needed=annotators,
    )


def taxonomy_records(
    gates: Iterable[Gate], archive: TaxonomyArchive, texts: Mapping[str, str], agents: Mapping[str, str]
) -> Iterator[Shown]:
    """A record for each proposed task of the gates; `texts` are the probe's documents by id, `agents` name models."""
    for gate in gates:
        check = archive.check(gate.tasks[0].id, gate.version) if gate.version is not None else None
        agent, score = agents[gate.kind], None if check is None else max(0.0, min(1.0, 1 - check.score))
        for task in gate.tasks:
            yield Shown(
                Record(
                    id=_record_id(gate, task),
                    fields={
                        "proposed_instruction": shown_line(task.instruction),
                        "proposed_clusters": _clusters_markdown(task, check, texts),
                        "findings": _findings_markdown(gate, check),
                        PROBLEM: "",
                    },
                    suggestions=(
                        Suggestion("instruction", shown_line(task.instruction), agent, score),
                        Suggestion("clusters", clusters_as_text(task.clusters), agent, score),
                    ),
                    metadata={"task": task.id, "stage": gate.kind},
                ),
                {"gate": gate.name, "ticket": gate.ticket, "task": task.id},
            )


def read_taxonomies(
    gates: Iterable[Gate], responses: Iterable[Response]
) -> tuple[dict[str, dict[str, TaxonomyAnswer]], list[Returned]]:
    """Submitted answers by record and author, and those that cannot be used; records of closed gates are left out."""
    proposals = {_record_id(gate, task): (gate, task) for gate in gates for task in gate.tasks}
    answers: dict[str, dict[str, TaxonomyAnswer]] = {}
    returned: list[Returned] = []
    for response in responses:
        if response.status != "submitted" or response.record not in proposals:
            continue
        try:
            answer = _answer(*proposals[response.record], response)
        except EditError as error:
            returned.append(Returned(response, str(error)))
        else:
            answers.setdefault(response.record, {})[response.author] = answer
    return answers, returned


def settle_gates(
    gates: Iterable[Gate], answers: Mapping[str, Mapping[str, TaxonomyAnswer]], review: ReviewSettings
) -> list[GateOutcome]:
    """Every gate with its decision, or why there is none yet."""
    return [GateOutcome(gate, _settle(gate, answers, review)) for gate in gates]


def _settle(
    gate: Gate, answers: Mapping[str, Mapping[str, TaxonomyAnswer]], review: ReviewSettings
) -> Decision | Undecided:
    taken: list[TaskEdit] = []
    deciding: list[tuple[str, TaxonomyAnswer]] = []
    rules: list[str] = []
    dissent: set[str] = set()
    for task in gate.tasks:
        given = answers.get(_record_id(gate, task), {})
        settled = arbitrate({author: answer.choice for author, answer in given.items()}, review)
        if isinstance(settled, Undecided):
            return Undecided(f"{task.id}: {settled.reason}")
        if settled.answer.verdict != "reject":
            taken.append(settled.answer.edit or task)
        deciding += [(author, given[author]) for author in settled.authors]
        rules.append(settled.rule)
        dissent.update(settled.dissenters)
    to_refiner = any(answer.choice.verdict == "rewrite" for _, answer in deciding)
    as_proposed = gate.kind == "taxonomy" and tuple(taken) == gate.tasks
    return Decision(
        verdict="reject" if not taken else "rewrite" if to_refiner else "accept",
        tasks=() if as_proposed else tuple(taken),
        note="\n".join(dict.fromkeys(answer.note for _, answer in deciding if answer.note)),
        author=", ".join(sorted({author for author, _ in deciding})),
        at=max(answer.at for _, answer in deciding),
        rule=", ".join(dict.fromkeys(rules)),
        dissent=tuple(sorted(dissent)),
    )


def _record_id(gate: Gate, task: TaskEdit) -> str:
    return f"{gate.name}/{gate.ticket}/{task.id}"


def _answer(gate: Gate, task: TaskEdit, response: Response) -> TaxonomyAnswer:
    """Raises EditError with what is wrong, for the person who wrote it."""
    verdict = _text(response, "verdict")
    note = note_of_text(_text(response, "comment"))
    if verdict == "reject":
        return TaxonomyAnswer(Choice("reject"), note, response.at)
    if verdict not in ("accept", "rewrite"):
        raise EditError("choose accept, rewrite or reject")
    edit = _edit(task, _text(response, "instruction"), _text(response, "clusters"))
    if edit is not None:
        return TaxonomyAnswer(Choice("accept", edit), note, response.at)
    if verdict == "rewrite" and gate.kind == "proposals":
        raise EditError("nothing was changed: rewrite the instruction or the clusters, or accept or reject")
    if verdict == "rewrite" and not note:
        raise EditError("nothing was changed: rewrite the text, or say in the comment what the agent should do")
    return TaxonomyAnswer(Choice("rewrite" if verdict == "rewrite" else "accept"), note, response.at)


def _edit(task: TaskEdit, instruction_text: str, clusters_text: str) -> TaskEdit | None:
    """The rewritten task, None when it says what was proposed."""
    unchanged = one_line(instruction_text) == shown_line(task.instruction)
    instruction = task.instruction if unchanged else instruction_of_text(instruction_text)
    edit = TaskEdit(id=task.id, instruction=instruction, clusters=clusters_of_text(clusters_text, task.clusters))
    return None if edit == task else edit


def _text(response: Response, question: str) -> str:
    value = response.values.get(question)
    if value is not None and not isinstance(value, str):
        raise EditError(f"the answer to {question} is not text")
    return value or ""


def _clusters_markdown(task: TaskEdit, check: TaxonomyCheck | None, texts: Mapping[str, str]) -> str:
    examples = check.examples if check else {}
    lines: list[str] = []
    for number, cluster in enumerate(task.clusters, start=1):
        described = f" — {escape_markdown(shown_line(cluster.description))}" if cluster.description else ""
        lines.append(f"{number}. **{escape_markdown(shown_line(cluster.name))}**{described}")
        found = [texts[i] for i in examples.get(cluster.name, ()) if i in texts]
        lines += [f"    - *{escape_markdown(one_line(shown_text(text, _LONGEST_EXAMPLE)))}*" for text in found]
    return "\n".join(lines)


def _findings_markdown(gate: Gate, check: TaxonomyCheck | None) -> str:
    lines = [f"- {escape_markdown(shown_line(finding))}" for finding in gate.findings]
    if check is not None:
        agreement = check.agreement.raw.value
        tried = f"Two labelers tried this version on {check.documents} documents"
        agreed = f"; they agreed on {agreement:.0%} of them" if agreement is not None else ""
        lines.insert(0, f"{tried}{agreed}, and {check.none_fits:.0%} of their votes found no cluster.\n")
        if check.unused:
            lines.append(f"- nobody used {_quoted(check.unused)}")
    return "\n".join(lines)


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f"“{escape_markdown(shown_line(name))}”" for name in names)
