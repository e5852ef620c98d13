"""The review of labels: sampled documents as records, people's answers as labels of theirs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from ..core.documents import Document
from ..core.forms import PROBLEM, Form, FormField, Question, Record, Response, Suggestion
from ..core.human import HumanLabel
from ..core.label_review import Unsettled
from ..core.labels import LabelRow
from ..core.settings import ReviewSettings
from ..core.taxonomy import NONE_FITS, Taxonomy
from .answers import comment_of, form_name, joined_comments, option_of, read_answers, time_of
from .arbitration import Undecided, arbitrate
from .channels import Returned
from .edits import EditError
from .pushed import Shown
from .sampling import Chosen
from .shown import escape_markdown, one_line, shown_line, shown_text

_LONGEST_TEXT = 50_000
_LONGEST_REASON = 2_000
_SHORT = 160
_KEY = re.compile(r"[0-9a-f]{16}")
_GUIDELINES = """\
Say which cluster each text belongs to, by this instruction:

> {instruction}

Choose the one cluster that fits best. When none does, choose **{none_fits}**. The text decides, not what the labelers
said: where their votes are shown, they may be wrong, and where none are shown, that is on purpose.

{clusters}
"""


class LabelAnswer(NamedTuple):
    """One person's word on a document: a cluster's name or `none fits`."""

    cluster: str
    comment: str
    at: str


def label_form(taxonomy: Taxonomy, annotators: int) -> Form:
    """The form for one taxonomy version: the clusters are its question's options."""
    return Form(
        kind="labels",
        name=_form_name(taxonomy),
        title=f"Review of labels: {taxonomy.task}",
        guidelines=_GUIDELINES.format(
            instruction=escape_markdown(shown_line(taxonomy.instruction)),
            none_fits=NONE_FITS,
            clusters=_clusters_markdown(taxonomy, _SHORT),
        ),
        fields=(
            FormField("text", "Text"),
            FormField("votes", "What the labelers said", required=False),
            FormField("clusters", "Clusters", markdown=True),
            FormField(PROBLEM, "Please mend", required=False),
        ),
        questions=(
            _cluster_question(taxonomy),
            Question("comment", "Comment", "text", required=False, hint="what makes it hard, or why none fits"),
        ),
        metadata=("document",),
        answers_needed=annotators,
    )


def label_records(
    chosen: Iterable[Chosen], documents: Mapping[int, Document], taxonomy: Taxonomy, review: ReviewSettings
) -> Iterator[Shown]:
    """A record for each chosen document; `documents` holds their texts by key.

    Its slice, outcome, document id and key (decimal) are hidden: an annotator must not see why it was chosen.
    """
    clusters = _clusters_markdown(taxonomy)
    form = _form_name(taxonomy)
    for row, slice_ in chosen:
        consensus = row.consensus
        blind = review.blind and slice_ == "random"
        fields = {
            "text": shown_text(documents[row.key].text, _LONGEST_TEXT),
            "votes": "" if blind else _votes_text(row),
            "clusters": clusters,
            PROBLEM: "",
        }
        record = Record(
            id=f"{form}/{row.key:016x}",
            fields=fields,
            suggestions=() if blind else (_suggestion(row),),
            metadata={"document": shown_line(consensus.document_id)[:200]},
        )
        hidden = {"slice": slice_, "outcome": consensus.outcome, "document_id": consensus.document_id}
        yield Shown(record, {**hidden, "key": str(row.key)})


def read_labels(
    form: Form, responses: Iterable[Response], taxonomy: Taxonomy
) -> tuple[dict[int, dict[str, LabelAnswer]], list[Returned]]:
    """Submitted answers by document key and author, and those that cannot be used, with the reason."""
    question = _cluster_question(taxonomy)

    def read(key: str, response: Response) -> LabelAnswer:
        if not _KEY.fullmatch(key):
            raise EditError("this record is not part of the review")
        return LabelAnswer(option_of(question, response), comment_of(response), time_of(response))

    answers, returned = read_answers(form, responses, read)
    return {int(key, 16): given for key, given in answers.items()}, returned


def settle_labels(
    answers: Mapping[int, Mapping[str, LabelAnswer]],
    slices: Mapping[int, str],
    document_ids: Mapping[int, str],
    review: ReviewSettings,
) -> tuple[list[HumanLabel], list[Unsettled]]:
    """People's label of each document that was asked about, or why there is none; answers to others are left out.

    `slices` and `document_ids` hold what was asked, by document key.
    """
    settled: list[HumanLabel] = []
    unsettled: list[Unsettled] = []
    for key, slice_ in slices.items():
        given = answers.get(key, {})
        verdict = arbitrate({author: answer.cluster for author, answer in given.items()}, review)
        if isinstance(verdict, Undecided):
            unsettled.append(Unsettled(key, document_ids[key], verdict.reason, tuple(sorted(given))))
            continue
        label = {
            "document_id": document_ids[key],
            "key": key,
            "cluster": verdict.answer,
            "authors": verdict.authors,
            "dissenters": verdict.dissenters,
            "rule": verdict.rule,
            "comment": joined_comments((author, answer.comment) for author, answer in given.items()),
            "slice": slice_,
            "at": max(answer.at for answer in given.values()),
        }
        settled.append(HumanLabel.model_validate(label))
    return settled, unsettled


def _form_name(taxonomy: Taxonomy) -> str:
    return form_name("labels", taxonomy.task, taxonomy.fingerprint)


def _cluster_question(taxonomy: Taxonomy) -> Question:
    return Question("cluster", "Which cluster does the text belong to?", "label", (*taxonomy.names, NONE_FITS))


def _clusters_markdown(taxonomy: Taxonomy, longest: int | None = None) -> str:
    lines: list[str] = []
    for cluster in taxonomy.clusters:
        description = shown_line(cluster.description)
        if longest is not None and len(description) > longest:
            description = f"{description[:longest].rstrip()}…"
        tail = f" — {escape_markdown(description)}" if description else ""
        lines.append(f"- **{escape_markdown(shown_line(cluster.name))}**{tail}")
    return "\n".join([*lines, f"- **{NONE_FITS}** — the text belongs to no cluster above"])


def _votes_in_order(row: LabelRow) -> list[tuple[str, str, str | None]]:
    """(labeler, cluster, reason); which labeler comes first is as good as random, so that neither is favoured."""
    votes = [(vote.labeler, str(vote.cluster), vote.reason) for vote in row.consensus.votes]
    return votes[::-1] if row.key % 2 else votes


def _votes_text(row: LabelRow) -> str:
    lines: list[str] = []
    for labeler, cluster, reason in _votes_in_order(row):
        said = f" ({one_line(shown_text(reason, _LONGEST_REASON))})" if reason else ""
        lines.append(f"{labeler}: {shown_line(cluster)}{said}")
    return "\n".join(lines)


def _suggestion(row: LabelRow) -> Suggestion:
    """What both labelers said; of two answers the one listed first, since a question takes one suggestion only."""
    (labeler, cluster, _), (other, second, _) = _votes_in_order(row)
    if cluster == second:
        both = " and ".join(sorted((labeler, other)))
        return Suggestion("cluster", cluster, both, 1.0)
    return Suggestion("cluster", cluster, labeler, 0.5)
