"""`make test-fuzz`: every operation of what `make dev` runs, and a table of what came of it."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from chalicelib.domain.access.key import Scope
from infra.dev.demo import running
from infra.dev.dev_state import state_folder
from tests.fuzz.run import fuzz
from tests.fuzz.schemathesis_report import table
from tests.fuzz.seeds import seed


def main() -> None:
    """Ask with a key that may do everything, then take that key back."""
    api, url = running(state_folder())
    examples = int(os.environ.get("EXAMPLES") or 500)
    asked = {"name": "fuzzing", "scopes": [scope.value for scope in Scope]}
    made = api.call("POST", "/api/auth/api-keys", asked)
    with tempfile.TemporaryDirectory() as folder:
        said, rows = fuzz(url, made["token"], examples, Path(folder), seed(api))
    api.call("DELETE", f"/api/auth/api-keys/{made['apiKey']['id']}")
    print(said)
    print(table(rows))
    sys.exit(any(row.findings for row in rows) or not rows)


if __name__ == "__main__":
    main()
