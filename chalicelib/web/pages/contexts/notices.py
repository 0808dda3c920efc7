"""The notices that a page shows after an action, by the name in its query string."""

from __future__ import annotations

from dataclasses import dataclass

NOTICES = {
    "created": "Saved. Its triggers fire from now on.",
    "saved": "Saved.",
    "saved-weak": (
        "Saved. The value is short or an ordinary word: every log line that contains it is masked "
        "there. A longer, random value avoids this."
    ),
    "deleted": "Deleted.",
    "cloned": (
        "This is the clone. It is paused and has the triggers of the original except webhooks. "
        "Edit it, then resume it."
    ),
    "paused": "Paused. No trigger fires until you resume the blueprint.",
    "resumed": "Resumed. Its triggers fire again from now on.",
    "started": "Started.",
    "choose-params": (
        "The schedules of this blueprint have different params. Enter the params of this run below."
    ),
    "redelivered": "Redelivered as a new firing.",
    "trigger-paused": "Trigger paused.",
    "trigger-resumed": "Trigger resumed.",
    "trigger-deleted": "Trigger deleted. Its ledger stays.",
    "trigger-added": "Trigger added.",
    "trigger-saved": "Trigger saved.",
    "revoked": "Revoked. The key is rejected from now on.",
    "provider-added": "Added. Its tickets are synced now and then every minute.",
    "provider-paused": "Paused. Its tickets are not synced until you resume the provider.",
    "provider-resumed": "Resumed. Tickets that changed during the pause are synced now.",
    "synced": (
        "All active providers are being synced. Reload the page in a few seconds to see the result."
    ),
    "synced-none": "Nothing to sync: all providers are paused or disabled.",
    "webhook-paused": "Paused. No events are sent to this endpoint until you resume it.",
    "webhook-resumed": "Resumed. Events are sent to this endpoint again from now on.",
    "test-delivered": "The test was delivered.",
    "test-failed": "The test was not delivered. The reason is below.",
    "test-pending": "The test is being sent.",
    "cancel": "Cancelled. The agent stops within seconds.",
    "retry": "Queued again.",
    "resume": "Queued again on its own branch.",
}
BULK_ACTIONS = ("retried", "cancelled")


@dataclass(frozen=True)
class Notice:
    """A notice at the top of a page, and its tone."""

    text: str
    tone: str = "good"


def find_notice(name: str) -> Notice | None:
    """Return the notice with this name, or None for a name that no page of ours has written.

    The name of a bulk action contains its counts, such as `retried-3-1` for one that failed.
    """
    if name in NOTICES:
        return Notice(NOTICES[name])
    action, *counts = name.split("-")
    if action not in BULK_ACTIONS or len(counts) != 2 or not all(map(str.isdigit, counts)):
        return None
    done, failed = counts
    if failed == "0":
        return Notice(f"{done} {action}.")
    return Notice(
        f"{done} {action}; {failed} could not be {action} in their current state.", "warn"
    )
