"""A saved part comes back as it was, whatever a service keeps."""

from __future__ import annotations

import json
from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.dev.emulator_parts import MAGIC, dump_part, load_part


class AccountScopedDict:
    def __init__(self) -> None:
        self._data: dict[Any, Any] = {}

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._data == vars(other)["_data"]

    __hash__ = None  # type: ignore[assignment]


class AccountRegionScopedDict(AccountScopedDict):
    pass


def _json_default(value: object) -> object:
    if isinstance(value, complex):
        return {"complex": str(value)}
    raise TypeError(type(value).__name__)


MINISTACK = SimpleNamespace(
    AccountScopedDict=AccountScopedDict,
    AccountRegionScopedDict=AccountRegionScopedDict,
    _json_default=_json_default,
    _json_object_hook=lambda value: value,
)


def scoped(kind: type[AccountScopedDict], data: dict[Any, Any]) -> AccountScopedDict:
    made = kind()
    made._data.update(data)
    return made


leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
plain = st.recursive(
    leaves | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
tables = st.dictionaries(st.text(), plain, max_size=3).map(lambda rows: defaultdict(dict, rows))
containers = st.builds(
    scoped,
    st.sampled_from([AccountScopedDict, AccountRegionScopedDict]),
    st.dictionaries(st.tuples(st.text(), st.text()), plain | tables, max_size=3),
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.text(), plain | tables | containers, max_size=4))
def test_a_state_comes_back_as_it_was(state: dict[str, Any]):
    content = dump_part(state, MINISTACK)
    assert content.startswith(MAGIC)
    assert load_part(content, MINISTACK) == state


def test_what_marshal_does_not_know_is_saved_as_json_or_not_at_all():
    content = dump_part({"a": 1j}, MINISTACK)
    assert load_part(content, MINISTACK) == {"a": 1j}
    odd = {"tables": [{"key": object()}]}
    with pytest.raises(TypeError):
        dump_part(odd, MINISTACK)


def test_a_part_that_was_saved_as_json_is_read():
    content = json.dumps({"__ministack_format__": 2, "payload": {"a": [1]}}).encode()
    assert load_part(content, MINISTACK) == {"a": [1]}
