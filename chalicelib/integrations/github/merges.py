"""Merges at GitHub: by a method that the repo allows, or through its merge queue."""

from __future__ import annotations

from chalicelib.domain.pull_requests.forge import ForgeError, ForgeErrorKind
from chalicelib.domain.pull_requests.pull_request import Facts
from chalicelib.integrations.github.client import GitHubClient

MERGE_METHODS = (
    ("squash", "allow_squash_merge"),
    ("merge", "allow_merge_commit"),
    ("rebase", "allow_rebase_merge"),
)
"""The methods in the order in which they are tried: one commit with our own words is best."""
TRANSIENT_MESSAGES = ("is not mergeable", "was modified", "try the merge again")
ENQUEUE_MUTATION = """
mutation Enqueue($input: EnqueuePullRequestInput!) {
  enqueuePullRequest(input: $input) { mergeQueueEntry { id } }
}"""
ENQUEUED_QUERY = """
query Enqueued($id: ID!) {
  node(id: $id) { ... on PullRequest { isInMergeQueue } }
}"""


class PullRequestMerger:
    """Merges into one repo."""

    def __init__(self, client: GitHubClient) -> None:
        self._client = client

    def merge_pull_request(self, facts: Facts, title: str, message: str) -> bool:
        """Merge exactly the commit that was judged; return False where a merge queue took it."""
        refusal = ForgeError(ForgeErrorKind.REFUSED, "the repo allows no method of merging")
        for method in self._allowed_methods():
            try:
                self._merge_by(method, facts, title, message)
            except ForgeError as error:
                reason = str(error).lower()
                if "merge queue" in reason:
                    self._enqueue(facts)
                    return False
                refusal = _translate_refusal(error)
                if "not allowed" not in reason:
                    raise refusal from error
            else:
                return True
        raise refusal

    def _allowed_methods(self) -> list[str]:
        """Return the methods that the repo allows; unknown ones are tried."""
        repo = self._client.send_request("GET", "").data
        return [method for method, name in MERGE_METHODS if repo.get(name) is not False]

    def _merge_by(self, method: str, facts: Facts, title: str, message: str) -> None:
        commit_texts = (
            {"commit_title": title, "commit_message": message} if method != "rebase" else {}
        )
        body = {"merge_method": method, "sha": facts.head_sha, **commit_texts}
        done = self._client.send_request("PUT", f"/pulls/{facts.number}/merge", body=body).data
        if done.get("merged") is not True:
            raise ForgeError(
                ForgeErrorKind.REFUSED, f"the forge did not merge: {done.get('message')}"
            )

    def _enqueue(self, facts: Facts) -> None:
        mutation_input = {
            "pullRequestId": self._node_id(facts.number),
            "expectedHeadOid": facts.head_sha,
        }
        try:
            self._client.run_query(ENQUEUE_MUTATION, {"input": mutation_input})
        except ForgeError as error:
            if "already" not in str(error).lower():
                raise

    def is_enqueued(self, number: int) -> bool:
        """Return whether a pull request waits in the merge queue."""
        node = self._client.run_query(ENQUEUED_QUERY, {"id": self._node_id(number)})["node"]
        return bool(node and node.get("isInMergeQueue"))

    def _node_id(self, number: int) -> str:
        return str(self._client.send_request("GET", f"/pulls/{number}").data["node_id"])


def _translate_refusal(error: ForgeError) -> ForgeError:
    """Return a refused merge as a conflict where the same call may succeed a moment later."""
    if error.kind == ForgeErrorKind.REFUSED and any(
        phrase in str(error).lower() for phrase in TRANSIENT_MESSAGES
    ):
        return ForgeError(ForgeErrorKind.CONFLICT, str(error))
    return error
