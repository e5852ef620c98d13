"""Made-up results of clustering, lifelike enough to look at: `python tests/made_clustering.py FOLDER` writes pages.

The docs' pictures are those of its desk.html, by `python tests/take_picture.py FOLDER/desk.html PICTURE map`.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from cluster_r1.clustering.assigning import text_vectors
from cluster_r1.clustering.gallery import view
from cluster_r1.core.agreement import Interval
from cluster_r1.core.clustering import (
    AssignedText,
    Batch,
    ClassifierQuality,
    ClusteringResult,
    ClusterShare,
    ClusterSize,
    Decided,
    Drift,
    Repairs,
    ResidualRound,
)
from cluster_r1.core.documents import Document
from cluster_r1.reports.clustering import clustering_page
from cluster_r1.reports.clustering_view import ClusteringView
from numpy.typing import NDArray

ABOUT: dict[str, tuple[str, tuple[str, ...]]] = {
    "Card has not arrived": (
        "A new or replacement card is late or lost in the post.",
        (
            "I ordered a new card {when} and it is still not here.",
            "My replacement card should have come {when}; can I track the delivery?",
            "Is there a tracking number for the card that you posted {when}?",
            "The envelope with my card never reached {place}.",
        ),
    ),
    "Payment declined": (
        "A card payment was refused in a shop or online.",
        (
            "My card was declined {place} {when} although there is enough money on it.",
            "Why do you refuse my payment of {sum} {place}?",
            "The terminal {place} said declined twice and I had to leave everything.",
            "An online checkout for {sum} keeps failing with my card.",
        ),
    ),
    "Unknown charge": (
        "A payment or fee that the customer did not make or expect.",
        (
            "There is a charge of {sum} on my statement that I do not recognise.",
            "Somebody took {sum} from my account {when}; I want to dispute it.",
            "I was charged {sum} twice {place}, please refund one of them.",
            "What is this fee of {sum}? Nobody told me about a fee.",
        ),
    ),
    "Cannot log in": (
        "The app or website does not let the customer in.",
        (
            "The app does not accept my password since {when}.",
            "I changed my phone {when} and the app will not verify my identity.",
            "The code to reset my password never arrives.",
            "My login is locked after three attempts, how do I get back in?",
        ),
    ),
    "Transfer is missing": (
        "Money that was sent has not reached its account.",
        (
            "I made a transfer of {sum} {when} and the recipient has not received it.",
            "How long does a transfer to another bank take? I sent {sum} {when}.",
            "My landlord says that the {sum} I transferred have not arrived.",
            "A transfer of {sum} is shown as pending since {when}.",
        ),
    ),
    "Exchange rates and fees abroad": (
        "What a payment in another currency costs.",
        (
            "Which exchange rate did you use for my payment {place} {when}?",
            "The rate for {sum} was much worse than the one that you publish.",
            "Do you charge for taking out foreign currency {place}?",
            "I am travelling {when}: is it cheaper to exchange before?",
        ),
    ),
    "Topping up": (
        "Money is added by card, cheque, cash or transfer and does not show.",
        (
            "I topped up {sum} {when} and my balance has not changed.",
            "My top-up of {sum} was reverted, why?",
            "How long until a cheque that I deposited {when} shows in my balance?",
            "Can I set an automatic top-up of {sum} a month?",
        ),
    ),
    "Closing or changing an account": (
        "Name, address, joint holders, closing.",
        (
            "I moved {when}, where do I change my address?",
            "Please close my account, I no longer need it.",
            "I married {when} and need my new name on the account.",
            "How do I add my partner to the account as a joint holder?",
        ),
    ),
}
_FILLERS = {
    "when": ("two weeks ago", "last Friday", "yesterday", "on the 3rd", "this morning", "at the weekend", "in October"),
    "place": (
        "in Lisbon",
        "at the supermarket",
        "at a petrol station",
        "in my old flat",
        "in a hotel",
        "at the airport",
    ),
    "sum": ("£19.99", "£240", "€75", "£1,150", "$62.40", "£8", "€310"),
}
_BEFORE = ("", "", "", "Hello, ", "Hi there, ", "Please help: ", "Good evening. ")
_AFTER = ("", "", " I have been waiting on the line for an hour.", " Thank you.", " It is urgent.", " What can I do?")
words = text_vectors("hashed", 500)
INSTRUCTION = "Cluster these messages to a bank by the customer's root problem, not by tone or product."


class MadeDocuments:
    """Documents in memory that look like a corpus."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._documents = [Document(id=f"msg-{n:05d}", text=text) for n, text in enumerate(texts)]

    def __len__(self) -> int:
        return len(self._documents)

    def keys(self) -> NDArray[np.uint64]:
        return np.array([one.key for one in self._documents], dtype=np.uint64)

    def batches(self, size: int, *, meta: bool = True) -> Iterator[list[Document]]:
        del meta
        for start in range(0, len(self), size):
            yield self._documents[start : start + size]

    def rows(self, indices: Sequence[int], *, meta: bool = True) -> list[Document]:
        del meta
        return [self._documents[index] for index in indices]


def assigned(documents: MadeDocuments, places: Sequence[str | None], **changes: Any) -> list[AssignedText]:
    """A row for each document, by the model, without confidence; `changes` hold for all."""
    return [
        AssignedText(row, one.key, one.id, place, "model")._replace(**changes)
        for row, (one, place) in enumerate(zip(documents.rows(range(len(documents))), places, strict=True))
    ]


def result_of(
    rows: Sequence[AssignedText], clusters: Sequence[ClusterSize] | Sequence[str], /, **changes: Any
) -> ClusteringResult:
    """A result whose counts are those of the rows."""
    sizes = Counter(row.cluster for row in rows)
    unanswered = sum(row.decided == "unanswered" for row in rows)
    made = [one if isinstance(one, ClusterSize) else ClusterSize(name=one, texts=0) for one in clusters]
    told: dict[str, Any] = {
        "instruction": INSTRUCTION,
        "source": "messages.jsonl",
        "model": "Qwen/Qwen3-8B",
        "way": "taxonomy",
        "documents": len(rows),
        "clusters": tuple(one.model_copy(update={"texts": sizes[one.name]}) for one in made),
        "none_fits": sizes[None] - unanswered,
        "unanswered": unanswered,
        "decided": dict(Counter(row.decided for row in rows)),
        "finished": "2026-11-21T05:42:10+00:00",
    }
    return ClusteringResult.model_validate(told | changes)


def made_view(
    abouts: dict[str, tuple[str, tuple[str, ...]]],
    texts: int,
    *,
    seed: int = 0,
    sure: bool = True,
    nowhere: float = 0.02,
    unanswered: float = 0.0,
    groups: Sequence[str] = (),
    **changes: Any,
) -> ClusteringView:
    """Messages made from each cluster's sentences; sizes fall by rank; `sure` gives them confidences."""
    draws = random.Random(seed)
    names = list(abouts)
    weights = [1 / (n + 3) for n in range(len(names))]
    places: list[str] = draws.choices(names, weights, k=texts)
    documents = MadeDocuments([_message(draws, abouts[place][1]) for place in places])
    rows = [_decided(draws, row, names, sure, nowhere, unanswered) for row in assigned(documents, places)]
    clusters = [
        ClusterSize(name=name, description=told, texts=0, group=groups[n % len(groups)] if groups else None)
        for n, (name, (told, _)) in enumerate(abouts.items())
    ]
    made = result_of(rows, clusters, **changes)
    return view(made, rows, documents, seed, vectors=words, map_says="the words of each text and pieces of them")


def _message(draws: random.Random, sentences: Sequence[str]) -> str:
    said = draws.choice(sentences).format(**{slot: draws.choice(words) for slot, words in _FILLERS.items()})
    before, after = draws.choice(_BEFORE), draws.choice(_AFTER)
    long = " I wrote about this before and nobody answered." * (20 if draws.random() < 0.02 else 0)
    return f"{before}{said}{after}{long}"


def _decided(
    draws: random.Random, row: AssignedText, names: Sequence[str], sure: bool, nowhere: float, unanswered: float
) -> AssignedText:
    drawn = draws.random()
    if drawn < unanswered:
        return row._replace(cluster=None, decided="unanswered", error="503: server is loading the model")
    if drawn < unanswered + nowhere:
        return row._replace(cluster=None)
    if not sure:
        return row
    confidence = round(1 - draws.random() ** 3 * 0.65, 3)
    decided: Decided = "classifier" if confidence > 0.8 else "model"
    second = names[(names.index(str(row.cluster)) + draws.choice((1, 1, 2, 5))) % len(names)]
    return row._replace(confidence=confidence, decided=decided, second=second if second != row.cluster else None)


def desk_view(texts: int = 6_000) -> ClusteringView:
    """Eight clusters of a bank's messages, hybrid, with everything that a result can have but drift."""
    return made_view(
        ABOUT,
        texts,
        assign="hybrid",
        classifier=ClassifierQuality(
            embedder="hashed",
            labelled=1000,
            held_back=250,
            accuracy=Interval(0.876, 0.83, 0.912),
            sure_accuracy=Interval(0.951, 0.909, 0.978),
            sure_share=0.73,
            threshold=0.8,
            target=0.9,
            clusters=8,
        ),
        residual=(ResidualRound(before=410, added=("Closing or changing an account",), after=121),),
        calls=2_713,
        prompt_tokens=1_204_512,
        completion_tokens=43_877,
        usd=0.2811,
        cut=14,
        skipped={"empty": 3, "duplicate_id": 12},
    )


def many_view(clusters: int = 77, texts: int = 9_000) -> ClusteringView:
    """As many clusters as banking77 has, in seven groups, without confidences."""
    draws = random.Random(3)
    syllables = ("ra", "ne", "to", "mi", "lo", "su", "ke", "va", "di", "po", "sha", "ber")
    abouts: dict[str, tuple[str, tuple[str, ...]]] = {}
    problems = ("is late", "was refused", "is wrong", "does not show", "costs too much")
    for number in range(clusters):
        words = ["".join(draws.choices(syllables, k=3)) for _ in range(8)]
        what = f"{words[0].capitalize()} {words[1]} {problems[number % 5]}"
        sentences = tuple(" ".join(("My", *draws.sample(words, 5), "{when}, {sum}.")) for _ in range(12))
        abouts[what] = (f"Messages about {words[0]} and {words[1]}.", sentences)
    groups = [f"Group of {name}" for name in ("cards", "cash", "transfers", "identity", "fees", "limits", "accounts")]
    return made_view(abouts, texts, seed=4, sure=False, groups=groups, nowhere=0.04, calls=9_120, usd=1.9)


def small_view() -> ClusteringView:
    """One generation over 40 texts that had to be repaired."""
    few = dict(list(ABOUT.items())[:4])
    repairs = Repairs(
        valid=False, problem="missing", detail="2 of 40 items are in no cluster", missing=2, twice=1, questions=2
    )
    return made_view(few, 40, sure=False, nowhere=0.0, way="prompt", repairs=repairs, calls=3, prompt_tokens=4_100)


def one_view() -> ClusteringView:
    """The instruction asked for one cluster."""
    name = "Messages to the bank"
    return made_view({name: ("All of them.", ABOUT["Unknown charge"][1])}, 300, sure=False, nowhere=0.0, way="only")


def drift_view(texts: int = 1_500) -> ClusteringView:
    """Two batches came later; the taxonomy no longer covers the second. Some texts are not answered."""
    batches = (_batch("2026-10", 0.03, 0.02, "covers"), _batch("2026-11 <new shop>", 0.24, 0.19, "no longer covers"))
    return made_view(
        ABOUT,
        texts,
        seed=2,
        unanswered=0.03,
        batches=batches,
        trouble=("The endpoint refused the grammar; answers were read freely.",),
    )


def _batch(name: str, nowhere: float, divergence: float, verdict: str) -> Batch:
    draws = random.Random(name)
    before = [1 / (n + 3) for n in range(len(ABOUT))]
    now = [share * draws.uniform(1 - 3 * divergence, 1 + 3 * divergence) for share in before]
    shares = [
        ClusterShare(cluster, b / sum(before), n / sum(now)) for cluster, b, n in zip(ABOUT, before, now, strict=True)
    ]
    says = {
        "covers": "The clusters still fit: hardly more texts fit none than before.",
        "no longer covers": "24 % of the new texts fit no cluster, which were 2 %: cluster all texts anew.",
    }[verdict]
    drift = Drift.model_validate(
        {
            "texts": 800,
            "none_fits": Interval(nowhere, nowhere * 0.8, nowhere * 1.25),
            "none_fits_before": Interval(0.021, 0.015, 0.03),
            "divergence": divergence,
            "divergence_p": 0.21 if verdict == "covers" else 1e-9,
            "confidence": 0.71,
            "confidence_before": 0.84,
            "shares": shares,
            "verdict": verdict,
            "says": says,
        }
    )
    return Batch(name=name, source=f"messages-{name}.jsonl", documents=800, drift=drift)


VIEWS = {"desk": desk_view, "many": many_view, "small": small_view, "one": one_view, "drift": drift_view}


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for page, make in VIEWS.items():
        (folder / f"{page}.html").write_text(clustering_page(make()), encoding="utf-8")
