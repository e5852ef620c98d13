"""Every error the project raises on purpose, and the exit code each one gives the command line.

A message says what went wrong, which thing it was (`{x!r}`) and what to do next.
"""

from __future__ import annotations

from typing import ClassVar


class ClusterR1Error(Exception):
    """Root of the project's errors; `exit_code` is what the command line returns for it."""

    exit_code: ClassVar[int] = 1


class SettingsError(ClusterR1Error):
    """The configuration is missing, malformed or contradicts itself; the message names the key."""

    exit_code = 2


class CorpusError(ClusterR1Error):
    """The corpus as a whole cannot be read (no such file, no such column, nothing left after checks)."""

    exit_code = 2


class TaxonomyError(ClusterR1Error):
    """A taxonomy breaks its own rules (too few clusters, a name twice, a reserved name)."""

    exit_code = 2


class WorkspaceError(ClusterR1Error):
    """A workspace file is missing, unreadable or of another version."""

    exit_code = 2


class BenchmarkError(ClusterR1Error):
    """A benchmark cannot be built or read: no labelled task, a task twice, a damaged file."""

    exit_code = 2


class LeakError(BenchmarkError):
    """Training and evaluation of a benchmark share what they must not; the message names each leak."""

    exit_code = 8


class WaitingForReview(ClusterR1Error):
    """A gate is closed: a person has to decide before the run can go on."""

    exit_code = 3


class EndpointError(ClusterR1Error):
    """A model endpoint cannot be used: refused credentials, unknown model, nobody listening."""

    exit_code = 4


class ModelAnswerError(ClusterR1Error):
    """A model's answer stayed unusable after every retry; what it said is in the ledger."""

    exit_code = 5


class IncompleteError(ClusterR1Error):
    """The run ended with documents that no model answered; running again asks for those alone."""

    exit_code = 5


class BudgetReached(ClusterR1Error):
    """The configured budget of calls, tokens or money is spent; everything answered so far is kept."""

    exit_code = 6


class WorkspaceLocked(ClusterR1Error):
    """Another process works in this workspace."""

    exit_code = 7


class ArgillaError(ClusterR1Error):
    """An Argilla server cannot be used: nobody listens, it refuses the key, the workspace is missing."""

    exit_code = 4


class ReviewError(ClusterR1Error):
    """A review cannot be shown or read: nothing to review, a file that is not one of ours."""

    exit_code = 2


class ServerError(ClusterR1Error):
    """A local model server did not start or died; the message holds the end of its log."""

    exit_code = 4


class WeightsError(ClusterR1Error):
    """Model weights could not be fetched, or the file's sha256 is not the registered one."""

    exit_code = 4


class TrainingStopped(ClusterR1Error):
    """An alarm ended a training run; its last checkpoint is kept."""

    exit_code = 9


class TrainingError(ClusterR1Error):
    """A training stage cannot start: its data, tokenizer or machine do not fit the recipe; each key is named."""

    exit_code = 2
