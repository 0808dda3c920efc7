"""`make audit`: reports known vulnerabilities of the pinned packages; no answer is a failure."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Package = dict[str, Any]
PIN = r"^([\w.-]+)(?:\[[^\]]*\])?==([^\s;]+)"
NOT_AUDITED = """
NOT AUDITED
The database of advisories could not be asked about {count} of {all} packages.
That is no sign that they are safe. {reason}
"""


def main(files: Sequence[str], program: Sequence[str]) -> int:
    """Return 0 where all was asked and nothing was found, 1 for a finding, 2 for no answer."""
    packages: dict[str, Package] = {}
    for file in files:
        packages |= _of_file(file, program)
    return _tell(packages)


def _of_file(file: str, program: Sequence[str]) -> dict[str, Package]:
    """Return what is known of each pin of a file; the program takes no package that two pin."""
    answers, reason = _answered(file, program)
    pins = re.findall(PIN, Path(file).read_text(), re.MULTILINE)
    silent = {"skip_reason": reason}
    return {f"{name}=={version}": answers.get(_normal(name), silent) for name, version in pins}


def _answered(file: str, program: Sequence[str]) -> tuple[dict[str, Package], str]:
    """Return what is known, by name, and why nothing is known of the rest."""
    arguments = ("--disable-pip", "--require-hashes", "--requirement", file)
    shape = ("--format", "json", "--progress-spinner", "off")
    done = subprocess.run(
        [*program, *arguments, *shape], capture_output=True, text=True, check=False
    )
    try:
        packages: list[Package] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return {}, _last(done.stderr)
    return {_normal(package["name"]): package for package in packages}, "Nothing was said about it."


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _tell(packages: Mapping[str, Package]) -> int:
    bad = {key: package["vulns"] for key, package in packages.items() if package.get("vulns")}
    for key, vulns in bad.items():
        for vulnerability in vulns:
            mended = ", ".join(vulnerability.get("fix_versions", ())) or "no version yet"
            print(f"{key}: {vulnerability['id']}, mended in {mended}")
    silent = [
        str(package["skip_reason"]) for package in packages.values() if package.get("skip_reason")
    ]
    if silent or not packages:
        reason = silent[0] if silent else "Nothing is pinned."
        print(NOT_AUDITED.format(count=len(silent), all=len(packages), reason=reason))
        return 2
    if not bad:
        print(f"{len(packages)} packages were asked about, nothing is known against them")
    return 1 if bad else 0


def _last(text: str) -> str:
    return (text.strip().splitlines() or ["It gave no reason."])[-1][:500]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], [str(Path(sys.executable).with_name("pip-audit"))]))
