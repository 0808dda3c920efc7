"""Protocols of code forges."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from chalicelib.domain.pull_requests.forge import ForgeCredential, ForgeLocation
from chalicelib.domain.pull_requests.pull_request import Facts, PullRequest


class Forge(Protocol):
    """A repo at its forge. Each call raises `ForgeError` if the forge refuses or cannot be reached.

    Reviews and comments count only from people with write access to the repo and from its named
    bots.
    """

    def get_token(self) -> str:
        """Return a token for git: the stored one, or one minted for the App, valid for minutes."""

    def read_template(self) -> str | None:
        """Return the repo's pull request template, None if it has none."""

    def find_pull_request(self, branch: str, sha: str | None) -> Facts | None:
        """Return the open pull request of a branch, otherwise one whose head is `sha`, or None."""

    def open_pull_request(
        self, *, branch: str, base: str, title: str, body: str, draft: bool
    ) -> Facts:
        """Open a pull request, or return the open one of this branch."""

    def mark_ready(self, number: int) -> None:
        """Mark a draft as ready for review."""

    def read_body(self, number: int) -> str:
        """Return the text of a pull request, an empty string if it has none."""

    def rewrite_body(self, number: int, body: str) -> None:
        """Replace the text of a pull request."""

    def add_labels(self, number: int, labels: Sequence[str]) -> None:
        """Add labels to a pull request; labels that it already has stay."""

    def read_facts(self, number: int, before: PullRequest | None) -> Facts:
        """Return the present facts; parts that may not be read are `unknown`.

        Parts that did not change since `before` cost no quota.
        """

    def read_failure_details(self, facts: Facts) -> str:
        """Return the failed checks and the requested changes as text, for the agent."""

    def merge_pull_request(self, facts: Facts, title: str, message: str) -> bool:
        """Merge exactly the commit in `facts`; return False if it entered a merge queue instead.

        Raises `ForgeError` of the kind `conflict` if the same call may succeed a moment later.
        """

    def is_enqueued(self, number: int) -> bool:
        """Return whether a pull request is in the merge queue."""

    def delete_branch(self, branch: str) -> None:
        """Delete a branch; do nothing if it does not exist."""

    def close_issue(self, number: int) -> None:
        """Close an issue of this repo."""

    def default_branch(self) -> str:
        """Return the name of the default branch."""

    def read_head(self, branch: str) -> str:
        """Return the full SHA of the commit that a branch points to."""


class Forges(Protocol):
    """The forges of all repos."""

    def open_forge(
        self, location: ForgeLocation, credential: ForgeCredential, bots: Sequence[str] = ()
    ) -> Forge:
        """Return a client of one repo; its first request verifies the credential."""
