"""Protocols of the stores, by feature, and the rules that they share.

A method's docstring names its results, their order and its errors; the parts that a
`WriteConflict` may name are declared by `may_lose`. A method that raises it has written nothing.

* Consistency: a read by id shows every finished write. A read "from an index" lags behind: a new
  row may be missing, a changed one may be shown as it was, and a removed one may still be listed.
* Versions: a write that replaces `was` by `new` requires that the stored version is that of `was`,
  and that the version of `new` follows it; otherwise it raises `ValueError` as a mistake of the
  caller. `as_next_version` makes such a version.
* Size: writing an object raises `Invalid` if its row exceeds `limits.MAX_ROW_BYTES`.
* Pages: `before` is the `following` of the page before, None for the first page. A page has at
  most `limit` items, newest first, and fewer if they exceed `limits.MAX_ANSWER_BYTES`. It comes
  from an index, and raises `Invalid` if `before` is not a position in a list.
* Expiry: rows are deleted some time after their expiry, which is stored in whole seconds.
* An unavailable store raises an error for which `World.is_transient` is true.

Adapters do not belong here, nor does the meaning of what they store.
May import the domain and the other ports.
"""

from chalicelib.ports.stores.access import Activity, Counters, Keys
from chalicelib.ports.stores.blueprints import Blueprints, PromptTemplates, Triggers
from chalicelib.ports.stores.configuration import Providers, Repos, Secrets
from chalicelib.ports.stores.firings import Firings
from chalicelib.ports.stores.markers import Markers
from chalicelib.ports.stores.notifications import Deliveries, WebhookEndpoints
from chalicelib.ports.stores.runs import MAX_DROPPED_RUNS, Runs, RunSets, Slots, WaitingQueues

__all__ = [
    "MAX_DROPPED_RUNS",
    "Activity",
    "Blueprints",
    "Counters",
    "Deliveries",
    "Firings",
    "Keys",
    "Markers",
    "PromptTemplates",
    "Providers",
    "Repos",
    "RunSets",
    "Runs",
    "Secrets",
    "Slots",
    "Triggers",
    "WaitingQueues",
    "WebhookEndpoints",
]
