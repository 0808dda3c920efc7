"""Cost and reach of a member's schema and a stranger's params."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain import limits
from chalicelib.domain.errors import Invalid
from chalicelib.integrations.expressions.engine import ExpressionEngine

EVIL, TEXT = "^(a+)+$", "a" * 40 + "!"
ENGINE = ExpressionEngine()


def of_x(**schema: Any) -> dict[str, Any]:
    return {"properties": {"x": schema}}


def doubling(times: int) -> dict[str, Any]:
    """Return a short schema that looks at one thing 2 ** `times` often."""
    parts: dict[str, Any] = {
        f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(times)
    }
    return {"$defs": {**parts, f"a{times}": {"type": "object"}}, "$ref": "#/$defs/a0"}


def nested(levels: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for _ in range(levels):
        found = {"a": found}
    return found


TWICE = {"properties": {"a": {"allOf": [{"$ref": "#"}, {"$ref": "#"}]}}}


@pytest.fixture
def asked() -> Iterator[tuple[str, list[str]]]:
    """Yield the URL of a server on this machine, and what it was asked for."""
    paths: list[str] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", paths
        server.shutdown()


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda url: of_x(**{"$ref": f"{url}/latest/meta-data"}), id="a reference"),
        pytest.param(lambda url: of_x(**{"$dynamicRef": f"{url}/x"}), id="a dynamic one"),
        pytest.param(lambda url: {"$id": url, **of_x(**{"$ref": "d"})}, id="one by its base"),
        pytest.param(lambda url: {"$id": url, **of_x(**{"$id": "/a/", "$ref": "d"})}, id="nested"),
    ],
)
def test_no_schema_has_anything_fetched(
    make: Callable[[str], dict[str, Any]], asked: tuple[str, list[str]]
):
    url, paths = asked
    schema = make(url)

    with pytest.raises(Invalid, match="refers to its own parts alone"):
        ENGINE.check_schema(schema)
    faults = ENGINE.find_violations(schema, {"x": 1})

    assert "cannot be applied" in faults[0].message
    assert paths == []


@pytest.mark.parametrize(
    "schema, params",
    [
        pytest.param(of_x(pattern=EVIL), {"x": TEXT}, id="pattern"),
        pytest.param({"patternProperties": {EVIL: {}}}, {TEXT: 1}, id="patternProperties"),
        pytest.param(
            {"additionalProperties": False, "patternProperties": {EVIL: {}}},
            {TEXT: 1},
            id="additionalProperties",
        ),
        pytest.param(
            {"unevaluatedProperties": False, "patternProperties": {EVIL: {}}},
            {TEXT: 1},
            id="unevaluatedProperties",
        ),
        pytest.param(
            of_x(uniqueItems=True), {"x": [{"a": n} for n in range(20_000)]}, id="uniqueItems"
        ),
        pytest.param(doubling(30), {"x": 1}, id="references that double"),
        pytest.param(TWICE, nested(limits.MAX_JSON_DEPTH - 2), id="params that double"),
        pytest.param({"$ref": "#"}, {"x": 1}, id="a reference to itself"),
        pytest.param(of_x(enum=list(range(3000))), {"x": -1}, id="a long enum"),
        pytest.param(
            of_x(items={"enum": list(range(3000))}), {"x": [-1] * 9000}, id="one for each"
        ),
        pytest.param(
            {"allOf": [{"minProperties": 9}] * 1500}, {"x": "a" * 900_000}, id="a long message"
        ),
    ],
)
def test_no_check_takes_long(schema: dict[str, Any], params: dict[str, object]):
    begun = time.process_time()
    ENGINE.check_schema(schema)
    ENGINE.find_violations(schema, params)

    assert time.process_time() - begun < 5


@pytest.mark.parametrize(
    "schema, said",
    [
        pytest.param(of_x(**{"$ref": "#/nowhere"}), "'#/nowhere'", id="a part that is not there"),
        pytest.param(of_x(pattern="(?=a)b"), "look-around", id="a pattern that looks around"),
        pytest.param(of_x(pattern=r"(a)\1"), "backreferences", id="a pattern that looks back"),
        pytest.param(of_x(**{"$schema": "https://a.b/c"}), r"\$schema", id="another dialect"),
        pytest.param(of_x(enum=list(range(6000))), "5,000 values", id="too much"),
        pytest.param(of_x(type="text"), "'text' is not valid", id="no schema"),
    ],
)
def test_a_schema_that_could_not_be_applied_is_refused_when_it_is_saved(
    schema: dict[str, Any], said: str
):
    with pytest.raises(Invalid, match=said):
        ENGINE.check_schema(schema)


def test_a_schema_may_refer_to_its_own_parts_and_name_its_dialect():
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$defs": {"level": {"type": "integer", "maximum": 3}},
        **of_x(**{"$ref": "#/$defs/level"}),
    }
    ENGINE.check_schema(schema)

    assert ENGINE.find_violations(schema, {"x": 2}) == []
    assert [fault.field for fault in ENGINE.find_violations(schema, {"x": 4})] == ["params.x"]


anything = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([0.0, 1.0, "", "1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner),
    max_leaves=6,
)


@given(st.lists(anything, max_size=4))
def test_items_are_unique_where_the_library_says_so(items: list[Any]):
    schema = {"uniqueItems": True}
    theirs = jsonschema.Draft202012Validator(schema).is_valid(items)

    assert (ENGINE.find_violations(of_x(**schema), {"x": items}) == []) is theirs
