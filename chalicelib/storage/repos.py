"""Repos in DynamoDB; the id is derived from the normal URL, so each URL has one row."""

from __future__ import annotations

from pynamodb.exceptions import DoesNotExist

from chalicelib.domain.errors import Conflict, NotFound
from chalicelib.domain.firing import Claim
from chalicelib.domain.repo import Repo, repo_id
from chalicelib.ports import Taken
from chalicelib.storage import claims, codec
from chalicelib.storage.records import RepoRecord
from chalicelib.storage.transactions import guarded


class DynamoRepos:
    """The store of repos."""

    def get(self, repo_id: str) -> Repo:
        try:
            return codec.load(Repo, RepoRecord.get(repo_id, consistent_read=True).data)
        except DoesNotExist:
            raise NotFound("repo", repo_id) from None

    def find(self, url: str) -> Repo | None:
        try:
            return self.get(repo_id(url))
        except NotFound:
            return None

    def add(self, new: Repo, claim: Claim | None = None) -> None:
        try:
            claims.add("repo", _record(new), claim, new.created_at)
        except Taken as taken:
            if "claim" in taken.parts:
                raise
            raise Conflict(f"the repo {new.url} exists already", "repoUrl") from taken

    def put(self, new: Repo, was: Repo) -> None:
        with guarded(f"repo {new.url}"):
            _record(new).save(condition=RepoRecord.version == was.version)

    def remove(self, old: Repo) -> None:
        with guarded(f"repo {old.url}"):
            _record(old).delete(condition=RepoRecord.version == old.version)

    def all(self) -> list[Repo]:
        """Return all repos by URL. Scans the table, which is small; no frequent path uses it."""
        repos = [codec.load(Repo, record.data) for record in RepoRecord.scan()]
        return sorted(repos, key=lambda repo: repo.url)


def _record(repo: Repo) -> RepoRecord:
    return RepoRecord(id=repo.id, version=repo.version, data=codec.dump(repo))
