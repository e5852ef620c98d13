"""An answer's scores against gold: V-measure and its halves, ARI, AMI, or its error kind (paper App. G, App. I.1)."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence

from ..benchmark.files import Benchmark
from ..core.answer import Answer, AnswerError, parse_answer
from ..core.errors import WorkspaceError
from ..core.evaluation import AnswerScore, Completion, EntryFolder, EntryInfo
from ..core.json_lines import read_lines, write_lines
from ..core.scoring import v_measure
from .gold import Gold, ScoredOn, gold_of, without

Response = Callable[[Completion, int], str]
"""The canonical text of a completion that is about so many texts."""


def score_answer(text: str, labels: Sequence[Hashable], about: ScoredOn, completion: Completion) -> AnswerScore:
    """Score the canonical text of a completion; `labels` are the gold clusters of the texts that it is about, in order.

    Whatever the text is, it gets a score. Raises ValueError when there are no labels.
    """
    if not labels:
        raise ValueError(f"the answer to {about.example!r} is about no text, so there is nothing to score")
    scored = AnswerScore(
        **about._asdict(),
        sample=completion.sample,
        n=len(labels),
        k_gold=len(set(labels)),
        completion_tokens=completion.completion_tokens,
        cut=completion.finish == "length",
    )
    try:
        answer = parse_answer(text, len(labels))
    except AnswerError as error:
        return scored.model_copy(update={"error": error.kind})
    return scored.model_copy(update=_measures(labels, answer))


def score_completions(folder: EntryFolder, info: EntryInfo, benchmark: Benchmark, response: Response) -> int:
    """Write a score for every completion of an entry, in their order, whole or not at all; returns how many.

    Completions are streamed; of the benchmark only gold labels are held. Raises WorkspaceError for a completion that
    is not about an example of the benchmark and its texts.
    """
    gold = gold_of(benchmark)
    written = 0

    def scores() -> Iterator[AnswerScore]:
        nonlocal written
        for completion in read_lines(folder.completions, Completion):
            about, labels = _found(completion, gold, info, benchmark)
            yield score_answer(response(completion, len(labels)), labels, about, completion)
            written += 1

    write_lines(folder.scores, scores())
    return written


def _found(completion: Completion, gold: Mapping[str, Gold], info: EntryInfo, benchmark: Benchmark) -> Gold:
    """The example, with the labels of the texts that the completion is about."""
    known = gold.get(completion.example)
    if known is None:
        raise WorkspaceError(
            f"the entry {info.name!r} answers the example {completion.example!r}, which {benchmark.folder} does not"
            " have; give the benchmark that was answered, or run the entry anew"
        )
    labels = tuple(without(known.labels, completion.left_out))
    if not labels or len(labels) + len(completion.left_out) != len(known.labels):
        raise WorkspaceError(
            f"the entry {info.name!r} leaves out texts {completion.left_out!r} of the example {completion.example!r},"
            f" which has {len(known.labels)}; run the entry anew"
        )
    return Gold(known.about, labels)


def _measures(labels: Sequence[Hashable], answer: Answer) -> dict[str, float]:
    from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score

    numbers = {label: number for number, label in enumerate(dict.fromkeys(labels))}
    gold, predicted = [numbers[label] for label in labels], answer.labels()
    v = v_measure(gold, predicted)
    with warnings.catch_warnings():  # scikit-learn takes many small clusters for a regression
        warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
        ari = float(adjusted_rand_score(gold, predicted))
        ami = float(adjusted_mutual_info_score(gold, predicted))
    return {
        "k_pred": len(answer.clusters),
        "v": v.value,
        "homogeneity": v.homogeneity,
        "completeness": v.completeness,
        "ari": ari,
        "ami": ami,
    }
