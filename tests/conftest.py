"""What tests of several rooms share. Property tests judge results, never time: a loaded machine must not fail them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cluster_r1.llm.testing.process import RunningEndpoint, endpoint_process
from hypothesis import HealthCheck, settings

settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


@pytest.fixture(scope="module")
def endpoint() -> Iterator[RunningEndpoint]:
    """An endpoint in a process of its own that answers at once."""
    with endpoint_process() as running:
        yield running
