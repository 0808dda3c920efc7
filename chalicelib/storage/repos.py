"""Repos in DynamoDB; the id is derived from the normal URL, so each URL has one row."""

from __future__ import annotations

from pynamodb.exceptions import DoesNotExist

from chalicelib.domain.errors import Conflict, NotFound
from chalicelib.domain.firing.firing import IdempotencyClaim
from chalicelib.domain.repos.repo import Repo, repo_id
from chalicelib.domain.versions import require_next_version
from chalicelib.ports import Part, WriteConflict
from chalicelib.storage import claims
from chalicelib.storage.dynamo import codec
from chalicelib.storage.dynamo.transactions import raise_superseded
from chalicelib.storage.records import RepoRecord


class DynamoRepos:
    """The store of repos."""

    def get(self, repo_id: str) -> Repo:
        try:
            return codec.load_json(Repo, RepoRecord.get(repo_id, consistent_read=True).data)
        except DoesNotExist:
            raise NotFound("repo", repo_id) from None

    def find_by_url(self, url: str) -> Repo | None:
        try:
            return self.get(repo_id(url))
        except NotFound:
            return None

    def add(self, new: Repo, claim: IdempotencyClaim | None = None) -> None:
        try:
            claims.put_claimed(Part.REPO, _to_record(new), claim, new.created_at)
        except WriteConflict as taken:
            if Part.CLAIM in taken.parts:
                raise
            raise Conflict(f"the repo {new.url} exists already", "repoUrl") from taken

    def put(self, new: Repo, was: Repo) -> None:
        require_next_version(new, was)
        with raise_superseded(f"repo {new.url}"):
            _to_record(new).save(condition=RepoRecord.version == was.version)

    def remove(self, old: Repo) -> None:
        with raise_superseded(f"repo {old.url}"):
            _to_record(old).delete(condition=RepoRecord.version == old.version)

    def list_all(self) -> list[Repo]:
        """Return all repos by URL. Scans the table, which is small; no frequent path uses it."""
        repos = [codec.load_json(Repo, record.data) for record in RepoRecord.scan()]
        return sorted(repos, key=lambda repo: repo.url)


def _to_record(repo: Repo) -> RepoRecord:
    return RepoRecord(id=repo.id, version=repo.version, data=codec.dump_json(repo))
