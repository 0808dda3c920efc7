"""Pins are complete, and an audit without an answer reports it."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from infra.release import audit

ROOT = Path(__file__).resolve().parents[2]
PINNED = [ROOT / "requirements.txt", *sorted(ROOT.glob("requirements/*.txt"))]


PINS = "a==1 \\\n    --hash=sha256:00\nb[x]==2 \\\n    --hash=sha256:00\n"
FINE = [{"name": name, "version": "1", "vulns": []} for name in "ab"]


def asked(tmp_path: Path, answer: object, files: int = 1) -> int:
    """Return what an audit makes of a program that answers so, and takes one file at a time."""
    program, pins = tmp_path / "program.py", tmp_path / "requirements.txt"
    told = answer if isinstance(answer, str) else json.dumps({"dependencies": answer})
    once = "sys.argv.count('--requirement') == 1"
    program.write_text(f"import sys\nprint({told!r} if {once} else 'duplicate requirements')")
    pins.write_text(PINS)
    return audit.main([str(pins)] * files, [sys.executable, str(program)])


ANSWERS = [
    pytest.param(FINE, 0, "2 packages were asked about", id="nothing"),
    pytest.param(
        [{**FINE[0], "vulns": [{"id": "CVE-1", "fix_versions": ["2"]}]}, FINE[1]],
        1,
        "a==1: CVE-1, mended in 2",
        id="one",
    ),
    pytest.param(
        [{"name": "a", "skip_reason": "not found"}, FINE[1]],
        2,
        "1 of 2 packages",
        id="nobody knows it",
    ),
    pytest.param([FINE[0]], 2, "1 of 2 packages", id="one is passed over"),
    pytest.param([], 2, "2 of 2 packages", id="all are passed over"),
    pytest.param("ConnectionError", 2, "2 of 2 packages", id="nobody there"),
    pytest.param("[]", 2, "2 of 2 packages", id="another shape"),
]


@pytest.mark.parametrize("answer, code, said", ANSWERS)
def test_an_audit_says_what_it_knows_and_loudly_what_it_does_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], answer: object, code: int, said: str
):
    assert asked(tmp_path, answer) == code
    out = capsys.readouterr().out
    assert said in out
    assert ("NOT AUDITED" in out) == (code == 2)
    assert ("nothing is known against them" in out) == (code == 0)


def test_what_several_files_pin_is_asked_about_file_by_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert asked(tmp_path, FINE, files=3) == 0
    assert "2 packages were asked about" in capsys.readouterr().out


def test_an_audit_of_nothing_is_none(capsys: pytest.CaptureFixture[str]):
    assert audit.main([], []) == 2
    assert "NOT AUDITED" in capsys.readouterr().out


def test_the_program_itself_with_nobody_to_ask_is_told_apart_from_nothing_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    program = ROOT / ".venv-tools" / "bin" / "pip-audit"
    if not program.exists():
        pytest.skip(f"{program} is not there: make audit installs it")
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    files = [str(file) for file in PINNED]
    assert audit.main(files, [str(program), "--timeout", "2"]) == 2
    out = capsys.readouterr().out
    pins = {pin for file in PINNED for pin in re.findall(audit.PIN, file.read_text(), re.M)}
    assert f"{len(pins)} of {len(pins)} packages" in out
    assert "duplicate" not in out


@pytest.mark.parametrize("file", PINNED, ids=lambda file: file.name)
def test_everything_is_pinned_with_hashes_and_names_no_registry(file: Path):
    text = file.read_text()
    assert not re.search(r"https?://|--index-url|--find-links|file://", text)
    for one in re.split(r"\n(?=\S)", text.strip()):
        if not one.startswith("#"):
            assert re.match(r"[\w.\[\]-]+==\S+", one), one
            assert "--hash=sha256:" in one, one


def test_what_is_named_is_what_is_pinned():
    pinned_in = {"runtime": "requirements.txt", "cli": "requirements/dev.txt"}
    for names in ROOT.glob("requirements/*.in"):
        file = ROOT / pinned_in.get(names.stem, f"requirements/{names.stem}.txt")
        pins = set(re.findall(r"^([\w.-]+==[^\s;]+)", file.read_text().lower(), re.M))
        for line in names.read_text().lower().splitlines():
            if line and not line.startswith(("#", "-r")):
                assert re.sub(r"\[.*?\]", "", line).replace("_", "-") in pins, (names.name, line)
