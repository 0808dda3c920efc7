"""The vault while a secret is being deleted, which AWS does some seconds after it was asked to."""

from __future__ import annotations

from typing import Any

import botocore.client
import pytest
from botocore.exceptions import ClientError

from chalicelib import wiring
from chalicelib.domain.errors import Conflict
from chalicelib.integrations.aws import secrets_manager
from tests.conftest import Stage

GOING = {
    "PutSecretValue": "You can't perform this operation on the secret because it was marked for "
    "deletion.",
    "GetSecretValue": "You can't perform this operation on the secret because it was marked for "
    "deletion.",
    "CreateSecret": "You can't create this secret because a secret with this name is already "
    "scheduled for deletion.",
}


class Going:
    """Secrets Manager, in which a deleted secret stays for so many more calls."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, stays: int) -> None:
        self.left, self.stays = 0, stays
        real = botocore.client.BaseClient._make_api_call

        def call(client: Any, operation: str, given: Any) -> Any:
            if operation == "DeleteSecret":
                self.left = self.stays
            elif operation in GOING and self.left:
                self.left -= 1
                error = {"Code": "InvalidRequestException", "Message": GOING[operation]}
                raise ClientError({"Error": error}, operation)
            return real(client, operation, given)

        monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", call)
        monkeypatch.setattr(secrets_manager, "PAUSE_SECONDS", 0.01)


def test_a_name_is_free_again_though_its_secret_is_still_going(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    Going(monkeypatch, stays=5)
    where = "/api/secrets/API_KEY"
    stage.ok("PUT", where, {"value": "the first value"})
    stage.ok("DELETE", where)

    stage.ok("PUT", where, {"value": "the second value"})

    world = wiring.get_world()
    assert world.vault.get(world.secrets.vault_key("API_KEY", "global")) == "the second value"


def test_a_secret_that_is_going_is_not_there(aws: None, monkeypatch: pytest.MonkeyPatch):
    vault = wiring.get_world().vault
    Going(monkeypatch, stays=1)
    vault.put("a", "value")
    vault.remove("a")

    assert vault.get("a") is None


def test_a_secret_that_does_not_go_is_told(aws: None, monkeypatch: pytest.MonkeyPatch):
    vault = wiring.get_world().vault
    Going(monkeypatch, stays=10_000)
    monkeypatch.setattr(secrets_manager, "PATIENCE_SECONDS", 0.05)
    vault.put("a", "value")
    vault.remove("a")

    with pytest.raises(Conflict, match="try again"):
        vault.put("a", "another")
