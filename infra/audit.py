"""`make audit`: is anything that is pinned known to be vulnerable? Silence is no answer."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

NOT_AUDITED = """
NOT AUDITED
The database of advisories could not be asked about {count} of {all} packages.
That is no sign that they are safe. {reason}
"""


def main(files: Sequence[str], program: Sequence[str]) -> int:
    """Return 0 where all was asked and nothing was found, 1 for a finding, 2 for no answer."""
    asked = [word for file in files for word in ("--requirement", file)]
    command = [*program, "--disable-pip", "--require-hashes", "--format", "json", *asked]
    done = subprocess.run(
        [*command, "--progress-spinner", "off"], capture_output=True, text=True, check=False
    )
    try:
        found = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        print(NOT_AUDITED.format(count="any", all="the", reason=_last(done.stderr)))
        return 2
    return _tell(found)


def _tell(found: list[dict[str, Any]]) -> int:
    bad = [one for one in found if one.get("vulns")]
    for one in bad:
        for known in one["vulns"]:
            mended = ", ".join(known.get("fix_versions", ())) or "no version yet"
            print(f"{one['name']} {one['version']}: {known['id']}, mended in {mended}")
    unknown = [one for one in found if one.get("skip_reason")]
    if unknown:
        reason = str(unknown[0]["skip_reason"])
        print(NOT_AUDITED.format(count=len(unknown), all=len(found), reason=reason))
    elif not bad:
        print(f"{len(found)} packages were asked about, nothing is known against them")
    return 2 if unknown else 1 if bad else 0


def _last(text: str) -> str:
    return (text.strip().splitlines() or ["It gave no reason."])[-1][:500]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], [str(Path(sys.executable).with_name("pip-audit"))]))
