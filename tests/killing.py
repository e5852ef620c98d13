"""kill -9 of a job's command at random points, then a clean finish, after which nothing is asked again."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections.abc import Callable

from cluster_r1.llm.testing.endpoint import EndpointStats

Start = Callable[[], "subprocess.Popen[bytes]"]


def kill_and_finish(
    start: Start, stats: Callable[[], EndpointStats], kills: int, longest_s: float, seed: int
) -> EndpointStats:
    """The endpoint's counts at the end. Each kill comes up to `longest_s` after the first answer of its run."""
    rng = random.Random(seed)
    for _ in range(kills):
        process = start()
        answered = stats().answered
        while process.poll() is None and stats().answered == answered:
            time.sleep(0.02)
        time.sleep(rng.uniform(0.0, longest_s))
        assert process.poll() is None, "the run ended before it was killed: more work is needed"
        process.send_signal(signal.SIGKILL)
        process.wait()
    last = start()
    _, said = last.communicate()
    counted = stats()
    assert last.returncode == 0, said.decode()
    start().communicate()
    assert stats().calls == counted.calls
    return counted
