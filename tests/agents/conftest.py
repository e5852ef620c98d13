import pytest
from cluster_r1.core.tasks import Example
from cluster_r1.core.taxonomy import Cluster, Taxonomy


@pytest.fixture
def taxonomy() -> Taxonomy:
    names = ("Cards", "Loans", "Transfers", "Fraud", "Fees")
    clusters = tuple(Cluster(name=name, description=f"About {name.lower()}.") for name in names)
    return Taxonomy(task="topic", instruction="Cluster the messages by topic.", clusters=clusters)


@pytest.fixture
def example() -> Example:
    texts = ("You charged me twice, I want my money.", "When do you open?", "Please refund the fee.")
    return Example(
        id="e1",
        task="topic",
        instruction="Group the messages by what is asked for.",
        document_ids=("a", "b", "c"),
        texts=texts,
        clusters=("Refund", "Opening hours", "Refund"),
    )
