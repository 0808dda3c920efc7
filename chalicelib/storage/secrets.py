"""The names of secrets in DynamoDB; their values are stored in the vault."""

from __future__ import annotations

from collections.abc import Collection

from pynamodb.exceptions import DeleteError

from chalicelib.domain.errors import NotFound
from chalicelib.domain.repo import repo_id
from chalicelib.domain.secret import GLOBAL, Secret
from chalicelib.storage import codec
from chalicelib.storage.batches import fetch
from chalicelib.storage.records import SecretRecord
from chalicelib.storage.transactions import condition_failed


class DynamoSecrets:
    """The store of secrets, without their values."""

    def key(self, name: str, scope: str) -> str:
        """Return the key of a secret's value in the vault."""
        return f"{GLOBAL if scope == GLOBAL else repo_id(scope)}/{name}"

    def find(self, names: Collection[str], scope: str) -> dict[str, Secret]:
        keys = [self.key(name, scope) for name in names]
        rows = fetch({SecretRecord: keys})[SecretRecord] if keys else {}
        found = [codec.load(Secret, row.data) for row in rows.values()]
        return {secret.name: secret for secret in found}

    def put(self, new: Secret) -> None:
        SecretRecord(id=self.key(new.name, new.scope), data=codec.dump(new)).save()

    def remove(self, name: str, scope: str) -> None:
        record = SecretRecord(id=self.key(name, scope))
        try:
            record.delete(condition=SecretRecord.id.exists())
        except DeleteError as error:
            if not condition_failed(error):
                raise
            raise NotFound("secret", name) from error

    def all(self) -> list[Secret]:
        """Return all secrets by name. Scans the table, which is small; no frequent path uses it."""
        found = [codec.load(Secret, row.data) for row in SecretRecord.scan()]
        return sorted(found, key=lambda secret: (secret.name, secret.scope))
