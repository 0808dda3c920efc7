"""The running `make dev`: where it keeps its state, and how other commands find it."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

from infra.dev.emulator import ROOT

NOTHING = (
    "nothing is running: start `make dev` in another terminal first, with the same OPTIO_STATE"
)


def state_folder() -> Path:
    """Return where `make dev` keeps everything."""
    return Path(os.environ.get("OPTIO_STATE") or ROOT / ".optio").resolve()


def card(state: Path) -> dict[str, Any]:
    """Return the URL, the token and the process of what runs with this state."""
    try:
        contents: dict[str, Any] = json.loads((state / "dev.json").read_text())
        os.kill(contents["pid"], 0)
    except (FileNotFoundError, ProcessLookupError):
        raise SystemExit(NOTHING) from None
    return contents


def main() -> None:
    """Let what runs deploy the sources as they are now."""
    os.kill(card(state_folder())["pid"], signal.SIGHUP)
    print("`make dev` deploys what changed, and says there when it is done")


if __name__ == "__main__":
    main()
