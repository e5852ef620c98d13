import pytest
from cluster_r1.core.taxonomy import Cluster, Taxonomy


@pytest.fixture
def taxonomy() -> Taxonomy:
    names = ("Cards", "Loans", "Transfers", "Fraud", "Fees")
    clusters = tuple(Cluster(name=name, description=f"About {name.lower()}.") for name in names)
    return Taxonomy(task="topic", instruction="Cluster the messages by topic.", clusters=clusters)
