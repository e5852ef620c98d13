"""Made-up messages about a few topics, clustered against the bundled endpoint."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from cluster_r1.clustering.plan import Request, planned
from cluster_r1.core.settings import ModelSettings, Settings

TOPICS = ("cards", "loans", "fees", "fraud", "transfers")
_WORDS = ("please", "could", "you", "tell", "me", "why", "my", "was", "charged", "after", "a", "payment")
INSTRUCTION = "Cluster the messages by topic."


def write_messages(path: Path, count: int, first: int = 0) -> Path:
    """JSONL; each text names its topic and differs from all others."""
    rng = random.Random(first)
    with path.open("w") as file:
        for number in range(first, first + count):
            text = f"{number} {rng.choice(TOPICS)}: {' '.join(rng.choices(_WORDS, k=10))}"
            file.write(json.dumps({"id": f"t{number}", "text": text}) + "\n")
    return path


def write_clusters(path: Path, names: tuple[str, ...] = TOPICS) -> Path:
    path.write_text("clusters:\n" + "".join(f"  {name}: Messages about {name}.\n" for name in names))
    return path


def plan(source: Path, base_url: str, *, taxonomy: Path | None = None, **cluster: Any) -> Settings:
    request = Request(
        source=str(source),
        instruction=INSTRUCTION,
        model=ModelSettings(model="bench", base_url=base_url, retries=1),
        taxonomy=str(taxonomy) if taxonomy is not None else None,
        cluster=cluster,
    )
    return planned(request)
