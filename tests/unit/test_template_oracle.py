"""Random templates: what they print, computed from how they were built, and by Handlebars."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from chalicelib.domain.blueprints.template import render_template

VALUES: dict[str, Any] = {
    "name": "Ada",
    "empty": "",
    "no": False,
    "yes": True,
    "n": 7,
    "list": ["p", "q", "r"],
    "none": [],
    "map": {"k": "v", "l": "w"},
    "deep": {"a": [{"b": "c"}]},
}
PATHS = ("name", "empty", "yes", "n", "gone", "deep.a.0.b", "list.length", "name.length", "map.k")
TESTS = ("name", "empty", "no", "yes", "gone", "list", "none", "deep.a.0.b", "none.length")
LISTS = ("list", "none", "map", "gone")
# None puts a backslash or a brace beside a tag, which is another thing: see _escape.
TEXTS = ("x", " ", "\n", "  \n", "\n  ", "y\n", "\r\n", "{.", ".}", ".}}", "\\.", "é")
SPACES = ("", "", " ", "\t", "\n", "  ")
HANDLEBARS = "handlebars@4.7.8"
TEMPLATES = 3000


class Builder:
    """Builds a template as we read it, as Handlebars reads it, and what it prints inline."""

    def __init__(self, rng: random.Random, *, lines: bool) -> None:
        self._rng = rng
        self._texts = TEXTS if lines else tuple(text for text in TEXTS if "\n" not in text)

    def parts(self, depth: int, item: Mapping[str, Any] | None) -> tuple[str, str, str]:
        built = [self._part(depth, item) for _ in range(self._rng.randint(0, 4))]
        ours, theirs, printed = ("".join(part[side] for part in built) for side in range(3))
        return ours, theirs, printed

    def _part(self, depth: int, item: Mapping[str, Any] | None) -> tuple[str, str, str]:
        kinds = ["text", "text", "show", "comment", "escape"]
        kinds += ["if", "unless", "each", "chain"] if depth else []
        kind = self._rng.choice(kinds)
        part: tuple[str, str, str] = getattr(self, f"_{kind}")(depth, item)
        return part

    def _space(self) -> str:
        return self._rng.choice(SPACES)

    def _text(self, depth: int, item: Mapping[str, Any] | None) -> tuple[str, str, str]:
        text = self._rng.choice(self._texts)
        return text, text, text

    def _name(self, path: str, item: Mapping[str, Any] | None) -> tuple[str, str, Any]:
        if item and self._rng.random() < 0.5:
            name = self._rng.choice(sorted(item))
            return name, name, item[name]
        found: Any = VALUES
        for key in path.split("."):
            if key == "length" and isinstance(found, list | str):
                found = len(found)
            elif isinstance(found, list):
                found = found[int(key)]
            else:
                found = found.get(key) if isinstance(found, dict) else None
        return path, f"@root.{path}", found

    def _show(self, depth: int, item: Mapping[str, Any] | None) -> tuple[str, str, str]:
        ours, theirs, value = self._name(self._rng.choice(PATHS), item)
        forms = (("{{", "}}"), ("{{{", "}}}"), ("{{&", "}}"))
        # Handlebars adds two neighbouring numbers up where it does not escape them.
        opening, closing = self._rng.choice(forms if isinstance(value, str) else forms[:1])
        before, after = self._space(), self._space()
        printed = value if isinstance(value, str) else "" if value is None else json.dumps(value)
        tags = [f"{opening}{before}{name}{after}{closing}" for name in (ours, theirs)]
        return tags[0], tags[1], printed

    def _comment(self, depth: int, item: Mapping[str, Any] | None) -> tuple[str, str, str]:
        text = self._rng.choice(("{{! note }}", "{{!-- a }} b --}}", "{{!}}"))
        return text, text, ""

    def _escape(self, depth: int, item: Mapping[str, Any] | None) -> tuple[str, str, str]:
        if self._rng.random() < 0.5:
            return "\\{{a b}}.", "\\{{a b}}.", "{{a b}}."
        ours, theirs, printed = self._show(depth, item)
        return f"\\\\{ours}", f"\\\\{theirs}", f"\\{printed}"

    def _if(self, depth: int, item: Mapping[str, Any] | None) -> tuple[str, str, str]:
        return self._condition("if", depth, item, truth=True)

    def _unless(self, depth: int, item: Mapping[str, Any] | None) -> tuple[str, str, str]:
        return self._condition("unless", depth, item, truth=False)

    def _condition(
        self, kind: str, depth: int, item: Mapping[str, Any] | None, *, truth: bool
    ) -> tuple[str, str, str]:
        ours, theirs, value = self._name(self._rng.choice(TESTS), item)
        yes, no = self.parts(depth - 1, item), self.parts(depth - 1, item)
        gap = self._rng.choice((" ", "\t", "\n"))
        other = self._rng.choice(("{{else}}", "{{ else }}", "{{^}}"))
        texts = [
            f"{{{{#{kind}{gap}{name}}}}}{yes[side]}{other}{no[side]}{{{{/{kind}}}}}"
            for side, name in enumerate((ours, theirs))
        ]
        return texts[0], texts[1], (yes if bool(value) is truth else no)[2]

    def _chain(self, depth: int, item: Mapping[str, Any] | None) -> tuple[str, str, str]:
        first, second = (self._name(self._rng.choice(TESTS), item) for _ in range(2))
        # Handlebars trims only some of the lines of a chain: its bodies have one each.
        inline = Builder(self._rng, lines=False)
        bodies = [inline.parts(depth - 1, item) for _ in range(3)]
        texts = [
            f"{{{{#if {first[side]}}}}}{bodies[0][side]}{{{{else if {second[side]}}}}}"
            f"{bodies[1][side]}{{{{else}}}}{bodies[2][side]}{{{{/if}}}}"
            for side in (0, 1)
        ]
        chosen = bodies[0] if first[2] else bodies[1] if second[2] else bodies[2]
        return texts[0], texts[1], chosen[2]

    def _each(self, depth: int, item: Mapping[str, Any] | None) -> tuple[str, str, str]:
        name = self._rng.choice(LISTS)
        found = VALUES.get(name, [])
        pairs = list(found.items() if isinstance(found, dict) else enumerate(found))
        state = self._rng.getstate()
        printed, body = "", ("", "", "")
        items = [
            {"this": v, "@key": k, "@index": n, "@first": n == 0, "@last": n == len(pairs) - 1}
            for n, (k, v) in enumerate(pairs)
        ] or [{"this": "", "@key": 0, "@index": 0, "@first": True, "@last": True}]
        for each in items:
            self._rng.setstate(state)
            body = self.parts(depth - 1, each)
            printed += body[2] if pairs else ""
        other = self.parts(depth - 1, item)
        printed += "" if pairs else other[2]
        texts = [
            f"{{{{#each {path}}}}}{body[side]}{{{{else}}}}{other[side]}{{{{/each}}}}"
            for side, path in enumerate((name, f"@root.{name}"))
        ]
        return texts[0], texts[1], printed


def fresh_seed() -> int:
    seed = int(os.environ.get("OPTIO_TEMPLATE_SEED") or random.SystemRandom().getrandbits(48))
    sys.stdout.write(f"OPTIO_TEMPLATE_SEED={seed}\n")
    return seed


def test_a_template_prints_what_it_was_built_to_print():
    seed = fresh_seed()
    builder = Builder(random.Random(seed), lines=False)
    for _ in range(600):
        ours, _, printed = builder.parts(3, None)
        # The angles keep tags from being alone on the only line.
        shown = render_template(f"<{ours}>", VALUES).text
        assert shown == f"<{printed}>", f"{ours!r} (OPTIO_TEMPLATE_SEED={seed})"


STORY = """
const handlebars = require(process.argv[1]);
const {values, templates} = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const printed = templates.map(text => handlebars.compile(text)(values));
process.stdout.write(JSON.stringify(printed));
"""


@pytest.mark.slow
def test_a_template_prints_what_handlebars_prints(tmp_path: Path):
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        pytest.skip("NOT RUN: node and npm are needed to ask Handlebars")
    registry = {key: value for key, value in os.environ.items() if key.startswith("npm_config_")}
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **registry}
    installed = subprocess.run(
        [npm, "install", "--no-audit", "--no-fund", HANDLEBARS],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    if installed.returncode:
        pytest.skip(f"NOT RUN: {HANDLEBARS} cannot be installed: {installed.stderr[-300:]}")
    seed = fresh_seed()
    builder = Builder(random.Random(seed), lines=True)
    built = [builder.parts(3, None) for _ in range(TEMPLATES)]
    asked = {"values": VALUES, "templates": [theirs for _, theirs, _ in built]}

    done = subprocess.run(
        [node, "-e", STORY, "--", str(tmp_path / "node_modules" / "handlebars")],
        env=environment,
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=True,
    )

    for (ours, _, _), printed in zip(built, json.loads(done.stdout), strict=True):
        assert render_template(ours, VALUES).text == printed, (
            f"{ours!r} (OPTIO_TEMPLATE_SEED={seed})"
        )
