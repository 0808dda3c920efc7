"""The names of secrets in DynamoDB; their values are stored in the vault."""

from __future__ import annotations

from collections.abc import Collection

from pynamodb.exceptions import DeleteError

from chalicelib.domain.access.secret import GLOBAL_SCOPE, Secret
from chalicelib.domain.errors import NotFound
from chalicelib.domain.repos.repo import repo_id
from chalicelib.storage.dynamo import codec
from chalicelib.storage.dynamo.batch_get import fetch_rows
from chalicelib.storage.dynamo.transactions import is_condition_failure
from chalicelib.storage.records import SecretRecord


class DynamoSecrets:
    """The store of secrets, without their values."""

    def vault_key(self, name: str, scope: str) -> str:
        """Return the key of a secret's value in the vault."""
        return f"{GLOBAL_SCOPE if scope == GLOBAL_SCOPE else repo_id(scope)}/{name}"

    def find_named(self, names: Collection[str], scope: str) -> dict[str, Secret]:
        keys = [self.vault_key(name, scope) for name in names]
        rows = fetch_rows({SecretRecord: keys})[SecretRecord] if keys else {}
        secrets = [codec.load_json(Secret, row.data) for row in rows.values()]
        return {secret.name: secret for secret in secrets}

    def put(self, new: Secret) -> None:
        _to_record(self.vault_key(new.name, new.scope), new).save()

    def remove(self, name: str, scope: str) -> None:
        record = SecretRecord(id=self.vault_key(name, scope))
        try:
            record.delete(condition=SecretRecord.id.exists())
        except DeleteError as error:
            if not is_condition_failure(error):
                raise
            raise NotFound("secret", name) from error

    def list_all(self) -> list[Secret]:
        """Return all secrets by name. Scans the table, which is small; no frequent path uses it."""
        secrets = [codec.load_json(Secret, row.data) for row in SecretRecord.scan()]
        return sorted(secrets, key=lambda secret: (secret.name, secret.scope))


def _to_record(key: str, secret: Secret) -> SecretRecord:
    return SecretRecord(id=key, data=codec.dump_json(secret))
