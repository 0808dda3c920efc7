"""Versions are counted in one place."""

from __future__ import annotations

import re

from infra.dev.emulator import ROOT


def test_versions_are_counted_in_one_place():
    counting = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "chalicelib").rglob("*.py")
        if re.search(r"version\s*\+\s*1", path.read_text())
    }
    assert counting == {"chalicelib/domain/versions.py"}
