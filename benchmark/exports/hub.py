"""Uploading an exported data set to the Hugging Face hub, with a token from the environment that goes nowhere else."""

from __future__ import annotations

import os
from pathlib import Path

from ...core.errors import BenchmarkError, EndpointError
from .folder import MARKER
from .huggingface import ARROW

TOKEN = "HF_TOKEN"


def check_push(repo: str) -> None:
    """Raises BenchmarkError before any work is done: no token, or a name that the hub does not take."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    try:
        validate_repo_id(repo)
    except HFValidationError as error:
        raise BenchmarkError(f"{repo!r} is no name of a repository, such as you/reasoncluster: {error}") from None
    if not os.environ.get(TOKEN, "").strip():
        raise BenchmarkError(
            f"no token to upload with: set the environment variable {TOKEN} to one with write access"
            " (huggingface.co/settings/tokens)"
        )


def push(folder: Path, repo: str, private: bool) -> str:
    """Make the repository if it is not there, upload the folder in one commit, and return the data set's address.

    Raises BenchmarkError as `check_push` does, EndpointError when the hub cannot be reached or refuses.
    """
    check_push(repo)
    from huggingface_hub import HfApi
    from huggingface_hub.errors import (  # its HTTPError is httpx2's since 2.0 and httpx's before
        HfHubHTTPError,
        HTTPError,  # pyright: ignore[reportPrivateImportUsage]
    )

    api = HfApi(token=os.environ[TOKEN].strip(), library_name="cluster-r1")
    try:
        made = api.create_repo(repo, repo_type="dataset", private=private, exist_ok=True)
        api.upload_folder(
            repo_id=made.repo_id,
            repo_type="dataset",
            folder_path=folder,
            ignore_patterns=[f"{ARROW}/*", MARKER, "**/__pycache__/*", "__pycache__/*"],
            commit_message="Upload by cluster-r1",
        )
    except HfHubHTTPError as error:
        raise EndpointError(
            f"the hub refused {repo!r}: {error.server_message or error}; {folder} is complete and stays here"
        ) from None
    except (HTTPError, OSError) as error:
        raise EndpointError(
            f"the hub at {api.endpoint} cannot be reached ({error}); {folder} is complete and stays here"
        ) from None
    return str(made)
