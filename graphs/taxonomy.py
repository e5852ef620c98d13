"""The taxonomy graphs (paper §4.1, stages 1 and 2): propose, review, refine until a check passes, review.

    proposals:  START -> propose -> gate -> END
    taxonomy:   START -> draft -> refine -> check -> gate -> accept -> END
                           (check -> refine while it fails and rounds are left; gate -> refine on a reviewer's note)

State holds version numbers; taxonomies and checks are files of the archive. The nodes before an interrupt have their
effects only through the ledger and the archive, which take the same thing twice without harm.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import interrupt

from ..agents.generation import propose_clusters, propose_tasks
from ..agents.prompting import load_prompt
from ..agents.refinement import Evidence, extend_clusters, refine_clusters
from ..core.archive import TaxonomyArchive
from ..core.check import TaxonomyCheck, check_taxonomy
from ..core.consensus import Consensus
from ..core.documents import Document
from ..core.errors import ModelAnswerError
from ..core.moments import now
from ..core.settings import Settings
from ..core.taxonomy import Cluster, Provenance, Taxonomy
from ..core.tokens import cut_to_tokens
from ..corpora.sampling import diverse_sample, random_rows
from ..corpora.subset import Documents
from ..llm.protocol import ChatModel
from .reviews import Decision, TaskEdit

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.graph.state import CompiledStateGraph

_TEXTS_A_FINDING = 4
_TEXTS_TO_REFINE = 12

ProbeVotes = Callable[[Taxonomy, Sequence[Document]], Awaitable[list[Consensus]]]


@dataclass(frozen=True)
class TaxonomyContext:
    """What the nodes work with; `probe_votes` has both labelers vote on documents under a taxonomy."""

    settings: Settings
    documents: Documents
    archive: TaxonomyArchive
    generator: ChatModel
    refiner: ChatModel
    probe_votes: ProbeVotes
    note: Callable[[str], None] = lambda _: None

    def samples(self) -> list[list[str]]:
        taxonomy = self.settings.taxonomy
        seeds = range(self.settings.seed, self.settings.seed + taxonomy.samples)
        return [
            [d.text for d in diverse_sample(self.documents, taxonomy.sample_tokens, taxonomy.excerpt_tokens, seed)]
            for seed in seeds
        ]


class ProposalsState(TypedDict, total=False):
    tasks: list[dict[str, Any]]
    decision: dict[str, Any]


class TaxonomyState(TypedDict, total=False):
    """`version` is the one being worked on; `rounds` counts refinements after the first; `trouble` is for people."""

    task: str
    instruction: str
    clusters: list[dict[str, str]]
    version: int
    rounds: int
    reviewer_note: str
    trouble: list[str]
    decision: dict[str, Any]


def proposals_graph(checkpoints: BaseCheckpointSaver[str] | None) -> CompiledStateGraph[Any, Any, Any, Any]:
    graph = StateGraph(ProposalsState, context_schema=TaxonomyContext)
    graph.add_node("propose", _propose)
    graph.add_node("gate", _proposals_gate)
    graph.add_edge(START, "propose")
    graph.add_edge("propose", "gate")
    graph.add_edge("gate", END)
    return graph.compile(checkpointer=checkpoints)


def taxonomy_graph(checkpoints: BaseCheckpointSaver[str] | None) -> CompiledStateGraph[Any, Any, Any, Any]:
    graph = StateGraph(TaxonomyState, context_schema=TaxonomyContext)
    graph.add_node("draft", _draft)
    graph.add_node("refine", _refine)
    graph.add_node("check", _check)
    graph.add_node("gate", _taxonomy_gate)
    graph.add_node("accept", _accept)
    graph.add_edge(START, "draft")
    graph.add_edge("draft", "refine")
    graph.add_edge("refine", "check")
    graph.add_conditional_edges("check", _after_check, ["refine", "gate"])
    graph.add_conditional_edges("gate", _after_gate, {"refine": "refine", "accept": "accept", "end": END})
    graph.add_edge("accept", END)
    return graph.compile(checkpointer=checkpoints)


async def _propose(state: ProposalsState, runtime: Runtime[TaxonomyContext]) -> ProposalsState:
    context = runtime.context
    context.note("the generation agent proposes instructions")
    proposals = await propose_tasks(context.generator, context.samples(), context.settings.taxonomy)
    ids = _task_ids([proposal.instruction for proposal in proposals])
    return {
        "tasks": [
            TaskEdit(id=task, instruction=proposal.instruction, clusters=proposal.clusters).model_dump(mode="json")
            for task, proposal in zip(ids, proposals, strict=True)
        ]
    }


def _proposals_gate(state: ProposalsState, runtime: Runtime[TaxonomyContext]) -> ProposalsState:
    tasks = state.get("tasks", [])
    if not runtime.context.settings.review.proposals:
        return {"decision": Decision(verdict="accept").model_dump(mode="json")}
    decision = Decision.model_validate(interrupt({"gate": "proposals", "tasks": tasks}))
    kept = [task.model_dump(mode="json") for task in decision.tasks] or tasks
    return {"tasks": [] if decision.verdict == "reject" else kept, "decision": decision.model_dump(mode="json")}


async def _draft(state: TaxonomyState, runtime: Runtime[TaxonomyContext]) -> TaxonomyState:
    context, settings = runtime.context, runtime.context.settings
    task, instruction = state["task"], state["instruction"]
    clusters = tuple(Cluster(**cluster) for cluster in state.get("clusters", []))
    if not clusters:
        context.note(f"{task}: the generation agent drafts clusters")
        proposal = await propose_clusters(context.generator, instruction, context.samples(), settings.taxonomy)
        clusters = proposal.clusters
    provenance = Provenance(
        author="generator",
        kind="model",
        model=context.generator.name,
        prompt=load_prompt("clusters").fingerprint,
        at=now(),
    )
    draft = Taxonomy(task=task, instruction=instruction, clusters=clusters, provenance=provenance)
    return {"version": context.archive.add(draft).version, "rounds": 0, "trouble": []}


async def _refine(state: TaxonomyState, runtime: Runtime[TaxonomyContext]) -> TaxonomyState:
    context = runtime.context
    current = context.archive.version(state["task"], state["version"])
    check = context.archive.check(current.task, current.version)
    rounds = state.get("rounds", 0) + (check is not None)
    context.note(f"{current.task}: the refinement agent revises version {current.version}")
    try:
        refined = await refine_clusters(
            context.refiner,
            current.instruction,
            current.clusters,
            context.settings.taxonomy,
            texts=context.samples()[0][:_TEXTS_TO_REFINE],
            findings=_evidence(context, check),
            note=state.get("reviewer_note", ""),
            subject=f"refinement/{current.task}/v{current.version}",
        )
    except ModelAnswerError as error:
        return {"rounds": context.settings.taxonomy.rounds, "trouble": [*state.get("trouble", []), str(error)]}
    added, trouble = await _extension(context, current, refined.clusters, check)
    provenance = Provenance(
        author="refiner",
        kind="model",
        model=context.refiner.name,
        prompt=load_prompt("refinement").fingerprint,
        parent=current.fingerprint,
        changes=(*refined.changes, *(f"Added {c.name!r} for texts that fit nowhere." for c in added)),
        at=now(),
    )
    revised = current.model_copy(update={"clusters": (*refined.clusters, *added), "provenance": provenance})
    version = context.archive.add(revised).version
    return {"version": version, "rounds": rounds, "reviewer_note": "", "trouble": [*state.get("trouble", []), *trouble]}


async def _extension(
    context: TaxonomyContext, current: Taxonomy, clusters: Sequence[Cluster], check: TaxonomyCheck | None
) -> tuple[tuple[Cluster, ...], list[str]]:
    """Further clusters for the probe's uncovered texts, and what went wrong with asking for them."""
    texts = _probe_texts(context, check.uncovered if check else ())[:_TEXTS_TO_REFINE]
    subject = f"extension/{current.task}/v{current.version}"
    try:
        added = await extend_clusters(
            context.refiner, current.instruction, clusters, context.settings.taxonomy, texts, subject
        )
    except ModelAnswerError as error:
        return (), [str(error)]
    return added, []


async def _check(state: TaxonomyState, runtime: Runtime[TaxonomyContext]) -> TaxonomyState:
    context = runtime.context
    taxonomy = context.archive.version(state["task"], state["version"])
    if context.archive.check(taxonomy.task, taxonomy.version) is None:
        rows = random_rows(context.documents, context.settings.taxonomy.probe, context.settings.seed)
        context.note(f"{taxonomy.task}: both labelers try version {taxonomy.version} on {len(rows)} documents")
        votes = await context.probe_votes(taxonomy, context.documents.rows(rows))
        context.archive.put_check(taxonomy.task, check_taxonomy(taxonomy, votes, context.settings.taxonomy))
    rounds_left = state.get("rounds", 0) < context.settings.taxonomy.rounds
    if not rounds_left:
        return {"version": _best_version(context.archive, taxonomy)}
    return {}


def _after_check(state: TaxonomyState, runtime: Runtime[TaxonomyContext]) -> Literal["refine", "gate"]:
    context = runtime.context
    check = context.archive.check(state["task"], state["version"])
    rounds_left = state.get("rounds", 0) < context.settings.taxonomy.rounds
    return "refine" if rounds_left and check is not None and not check.passed else "gate"


def _best_version(archive: TaxonomyArchive, last: Taxonomy) -> int:
    """The checked version with the lowest score; the newest of equals."""
    checks = [check for t in archive.history(last.task) if (check := archive.check(t.task, t.version)) is not None]
    return min(reversed(checks), key=lambda check: (not check.passed, check.score)).version


def _taxonomy_gate(state: TaxonomyState, runtime: Runtime[TaxonomyContext]) -> TaxonomyState:
    if not runtime.context.settings.review.taxonomy:
        return {"decision": Decision(verdict="accept").model_dump(mode="json")}
    decision = Decision.model_validate(
        interrupt({"gate": f"taxonomy-{state['task']}", "task": state["task"], "version": state["version"]})
    )
    return {
        "decision": decision.model_dump(mode="json"),
        "reviewer_note": decision.note if decision.verdict == "rewrite" else "",
        "rounds": 0,
    }


def _after_gate(state: TaxonomyState) -> Literal["refine", "accept", "end"]:
    verdict = Decision.model_validate(state.get("decision")).verdict
    return {"accept": "accept", "rewrite": "refine", "reject": "end"}[verdict]  # type: ignore[return-value]


def _accept(state: TaxonomyState, runtime: Runtime[TaxonomyContext]) -> TaxonomyState:
    archive = runtime.context.archive
    taxonomy = archive.version(state["task"], state["version"])
    decision = Decision.model_validate(state.get("decision"))
    if decision.tasks:
        edit = decision.tasks[0]
        by = Provenance(
            author=decision.author or "reviewer",
            kind="human",
            parent=taxonomy.fingerprint,
            changes=(decision.note,) if decision.note else (),
            at=decision.at or now(),
        )
        edited = taxonomy.model_copy(
            update={"instruction": edit.instruction, "clusters": edit.clusters, "provenance": by}
        )
        taxonomy = archive.add(Taxonomy.model_validate(edited.model_dump()))
    archive.accept(taxonomy)
    return {"version": taxonomy.version}


def _evidence(context: TaxonomyContext, check: TaxonomyCheck | None) -> list[Evidence]:
    findings = check.findings if check else ()
    return [Evidence(f.text, tuple(_probe_texts(context, f.document_ids[:_TEXTS_A_FINDING]))) for f in findings]


def _probe_texts(context: TaxonomyContext, document_ids: Sequence[str]) -> list[str]:
    """Texts of probe documents, cut as excerpts."""
    rows = random_rows(context.documents, context.settings.taxonomy.probe, context.settings.seed)
    texts = {document.id: document.text for document in context.documents.rows(rows)} if document_ids else {}
    longest = context.settings.taxonomy.excerpt_tokens
    return [cut_to_tokens(texts[i], longest) for i in document_ids if i in texts]


def _task_ids(instructions: Sequence[str]) -> list[str]:
    """Short, unique ids from instructions: their last telling words."""
    ids: list[str] = []
    for instruction in instructions:
        words = re.findall(r"[a-z0-9]+", instruction.casefold())
        stem = "-".join(words[-4:])[:40].strip("-") or "task"
        number = sum(1 for known in ids if known == stem or known.startswith(f"{stem}."))
        ids.append(f"{stem}.{number + 1}" if number else stem)
    return ids
