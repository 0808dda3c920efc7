"""The vault while a secret is being deleted, which AWS does some seconds after it was asked to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import botocore.client
import pytest
from botocore.exceptions import ClientError

from chalicelib import wiring
from chalicelib.domain.errors import Conflict
from chalicelib.integrations.aws import secrets_manager
from chalicelib.integrations.trackers.registry import RealTrackers
from chalicelib.ports import TicketPage
from chalicelib.settings import settings
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


@pytest.fixture
def reads(aws: None, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list of the values that are read from Secrets Manager."""
    found: list[str] = []
    real = botocore.client.BaseClient._make_api_call

    def call(client: Any, operation: str, given: Any) -> Any:
        if operation == "GetSecretValue":
            found.append(given["SecretId"])
        return real(client, operation, given)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", call)
    return found


def test_a_value_is_read_once_until_it_changes_however_often_it_is_asked_for(reads: list[str]):
    vault, began = wiring.get_world().vault, datetime(2026, 5, 4, tzinfo=UTC)
    vault.put("a", "first")
    assert [vault.get("a", began) for _ in range(3)] == ["first"] * 3
    assert len(reads) == 1
    other_process = secrets_manager.SecretsManager(settings.secrets_prefix, settings.region)
    other_process.put("a", "second")
    assert vault.get("a", began + timedelta(seconds=1)) == "second", "its row has another time"


def test_a_value_is_read_again_after_five_minutes(
    reads: list[str], monkeypatch: pytest.MonkeyPatch
):
    """A change that died between the value and its row shows no other time."""
    vault, began = wiring.get_world().vault, datetime(2026, 5, 4, tzinfo=UTC)
    vault.put("a", "first")
    vault.get("a", began)
    monkeypatch.setattr(secrets_manager, "MEMORY_SECONDS", 0.0)
    vault.get("a", began)
    assert len(reads) == 2


def test_a_value_that_is_missing_or_has_no_time_is_always_read(reads: list[str]):
    vault, began = wiring.get_world().vault, datetime(2026, 5, 4, tzinfo=UTC)
    assert [vault.get("a", began) for _ in range(2)] == [None, None]
    vault.put("a", "value")
    assert [vault.get("a") for _ in range(2)] == ["value", "value"]
    assert len(reads) == 4


def test_syncs_read_their_credential_once_and_the_new_one_after_a_change(
    stage: Stage, reads: list[str], monkeypatch: pytest.MonkeyPatch
):
    seen = []
    quiet = SimpleNamespace(iter_changed=lambda *given: iter([TicketPage([], None)]))

    def open_tracker(self: object, provider: Any, credential: str, now: datetime) -> Any:
        seen.append(credential)
        return quiet

    monkeypatch.setattr(RealTrackers, "open_tracker", open_tracker)
    body = {"name": "P", "source": "github", "config": {"repo": "a/b"}, "credential": "first token"}
    provider = stage.ok("POST", "/api/tickets/providers", body)["provider"]["id"]
    stage.settle()
    for _ in range(3):
        stage.pass_time(timedelta(minutes=2))
    assert len(seen) >= 3
    assert len(reads) == 1
    stage.ok("PATCH", f"/api/tickets/providers/{provider}", {"credential": "second token"})
    stage.pass_time(timedelta(minutes=2))
    assert seen[-1] == "second token"
    assert len(reads) == 2
