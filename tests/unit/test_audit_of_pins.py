"""What is pinned is pinned whole, and an audit that asked nobody says so."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from infra import audit

ROOT = Path(__file__).resolve().parents[2]
PINNED = sorted(ROOT.glob("requirements*.txt"))


def asked(tmp_path: Path, answer: str) -> int:
    """Return what an audit makes of a program that prints this."""
    file = tmp_path / "program.py"
    file.write_text(f"print({answer!r})")
    return audit.main([], [sys.executable, str(file)])


def known(**more: Any) -> str:
    return json.dumps({"dependencies": [{"name": "a", "version": "1", "vulns": [], **more}]})


@pytest.mark.parametrize(
    "answer, code, said",
    [
        pytest.param(known(), 0, "1 packages were asked about", id="nothing"),
        pytest.param(known(vulns=[{"id": "CVE-1", "fix_versions": ["2"]}]), 1, "CVE-1", id="one"),
        pytest.param(known(skip_reason="not found"), 2, "NOT AUDITED", id="nobody knows it"),
        pytest.param("ConnectionError", 2, "NOT AUDITED", id="nobody there"),
    ],
)
def test_an_audit_says_what_it_knows_and_loudly_what_it_does_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], answer: str, code: int, said: str
):
    assert asked(tmp_path, answer) == code
    assert said in capsys.readouterr().out


@pytest.mark.parametrize("file", PINNED, ids=lambda file: file.name)
def test_everything_is_pinned_with_hashes_and_names_no_registry(file: Path):
    text = file.read_text()
    assert not re.search(r"https?://|--index-url|--find-links|file://", text)
    for one in re.split(r"\n(?=\S)", text.strip()):
        if not one.startswith("#"):
            assert re.match(r"[\w.\[\]-]+==\S+", one), one
            assert "--hash=sha256:" in one, one


def test_what_is_named_is_what_is_pinned():
    for names in ROOT.glob("requirements*.in"):
        file = (
            names.with_suffix(".txt")
            if names.stem != "requirements-cli"
            else PINNED[0].with_name("requirements-dev.txt")
        )
        pins = set(re.findall(r"^([\w.-]+==[^\s;]+)", file.read_text().lower(), re.M))
        for line in names.read_text().lower().splitlines():
            if line and not line.startswith(("#", "-r")):
                assert re.sub(r"\[.*?\]", "", line).replace("_", "-") in pins, (names.name, line)
