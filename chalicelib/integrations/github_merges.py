"""Merges at GitHub: by a method that the repo allows, or through its merge queue."""

from __future__ import annotations

from chalicelib.domain.forge import ForgeError
from chalicelib.domain.pull_request import Facts
from chalicelib.integrations.github_client import Client

METHODS = (
    ("squash", "allow_squash_merge"),
    ("merge", "allow_merge_commit"),
    ("rebase", "allow_rebase_merge"),
)
"""The methods in the order in which they are tried: one commit with our own words is best."""
PASSING = ("is not mergeable", "was modified", "try the merge again")
ENQUEUE = """
mutation Enqueue($input: EnqueuePullRequestInput!) {
  enqueuePullRequest(input: $input) { mergeQueueEntry { id } }
}"""
IS_ENQUEUED = """
query Enqueued($id: ID!) {
  node(id: $id) { ... on PullRequest { isInMergeQueue } }
}"""


class Merges:
    """Merges into one repo."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def merge(self, facts: Facts, title: str, message: str) -> bool:
        """Merge exactly the commit that was judged; return False where a merge queue took it."""
        refusal = ForgeError("refused", "the repo allows no method of merging")
        for method in self._methods():
            try:
                self._merge_by(method, facts, title, message)
            except ForgeError as error:
                said = str(error).lower()
                if "merge queue" in said:
                    self._enqueue(facts)
                    return False
                refusal = _meaning(error)
                if "not allowed" not in said:
                    raise refusal from error
            else:
                return True
        raise refusal

    def _methods(self) -> list[str]:
        """Return the methods that the repo allows; unknown ones are tried."""
        repo = self._client.ask("GET", "").data
        return [method for method, name in METHODS if repo.get(name) is not False]

    def _merge_by(self, method: str, facts: Facts, title: str, message: str) -> None:
        words = {"commit_title": title, "commit_message": message} if method != "rebase" else {}
        asked = {"merge_method": method, "sha": facts.head_sha, **words}
        done = self._client.ask("PUT", f"/pulls/{facts.number}/merge", body=asked).data
        if done.get("merged") is not True:
            raise ForgeError("refused", f"the forge did not merge: {done.get('message')}")

    def _enqueue(self, facts: Facts) -> None:
        asked = {"pullRequestId": self._node(facts.number), "expectedHeadOid": facts.head_sha}
        try:
            self._client.query(ENQUEUE, {"input": asked})
        except ForgeError as error:
            if "already" not in str(error).lower():
                raise

    def is_enqueued(self, number: int) -> bool:
        """Return whether a pull request waits in the merge queue."""
        node = self._client.query(IS_ENQUEUED, {"id": self._node(number)})["node"]
        return bool(node and node.get("isInMergeQueue"))

    def _node(self, number: int) -> str:
        return str(self._client.ask("GET", f"/pulls/{number}").data["node_id"])


def _meaning(error: ForgeError) -> ForgeError:
    """Return a refused merge as a conflict where the same call may succeed a moment later."""
    if error.kind == "refused" and any(words in str(error).lower() for words in PASSING):
        return ForgeError("conflict", str(error))
    return error
