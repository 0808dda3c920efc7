"""The commands of the documentation, as they are typed."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.bytecode import BYTECODE

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```(\w*) ?([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SHELLS = ("sh", "bash", "console", "shell")


@dataclass(frozen=True)
class Block:
    """Lines of a shell; `needs` is the reason why a test on one machine omits them."""

    language: str
    needs: str
    text: str


def blocks(page: Path) -> list[Block]:
    """Return the blocks of a page that are for a shell."""
    found = [Block(*match.groups()) for match in FENCE.finditer(page.read_text())]
    return [block for block in found if block.language in SHELLS]


def script(page: Path) -> str:
    """Return what of a page runs on one machine, in its order."""
    return "\n".join(block.text for block in blocks(page) if not block.needs)


def typed(
    text: str, folder: Path, home: Path, instead: Mapping[str, str], **variables: str
) -> subprocess.CompletedProcess[str]:
    """Type lines into a shell of a user; `instead` maps texts to those of this machine."""
    for told, here in instead.items():
        text = text.replace(told, here)
    bin_folder = ROOT / ".venv" / "bin"
    environment = {
        "PATH": f"{bin_folder}:{os.environ['PATH']}",
        "HOME": str(home),
        "GIT_CONFIG_NOSYSTEM": "1",
        "COLUMNS": "160",
        **BYTECODE,
    }
    return subprocess.run(
        ["bash", "-euxo", "pipefail", "-c", text],
        cwd=folder,
        env={**environment, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
