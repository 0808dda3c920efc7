"""An upgrade changes one index of a table at a time, and code finds the indexes that it asks."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from infra.package import resources
from infra.release import indexes

NAMES = st.sets(st.sampled_from("abcdef"), max_size=5)
TABLES = st.dictionaries(st.sampled_from(["Runs", "Keys", "Slots"]), NAMES, max_size=3)


def table(names: set[str]) -> dict[str, Any]:
    found = [
        {"IndexName": name, "KeySchema": [{"AttributeName": f"of_{name}", "KeyType": "HASH"}]}
        for name in sorted(names)
    ]
    keys = ["id", *(f"of_{name}" for name in sorted(names))]
    properties: dict[str, Any] = {
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"} for key in keys],
    }
    return {
        "Type": indexes.TABLE,
        "Properties": properties | ({"GlobalSecondaryIndexes": found} if found else {}),
    }


def template(tables: dict[str, set[str]], code: str) -> dict[str, Any]:
    parts = {name: table(found) for name, found in tables.items()}
    return {"Resources": {"Code": {"Type": "Function", "Properties": {"Of": code}}, **parts}}


def names(made: dict[str, Any]) -> dict[str, set[str]]:
    return {name: set(found) for name, found in indexes._tables(made)}


@given(was=TABLES, new=TABLES)
def test_each_step_changes_one_index_of_a_table_and_the_code_between_additions_and_removals(
    was: dict[str, set[str]], new: dict[str, set[str]]
):
    live, wanted = template(was, "old"), template(new, "new")
    untouched = copy.deepcopy((live, wanted))
    way = indexes.way(live, wanted)
    assert (live, wanted) == untouched
    assert way[-1] == wanted
    for before, after in zip([live, *way], way, strict=False):
        there, then = names(before), names(after)
        for name in there.keys() & then.keys():
            assert len(there[name] ^ then[name]) <= 1
    for step in way:
        code = step["Resources"]["Code"]["Properties"]["Of"]
        needed = was if code == "old" else new
        for name, found in names(step).items():
            assert found >= needed[name]
        for name, resource in step["Resources"].items():
            if resource["Type"] == indexes.TABLE:
                described = resource["Properties"]["AttributeDefinitions"]
                keys = {"id", *(f"of_{index}" for index in names(step)[name])}
                assert sorted(one["AttributeName"] for one in described) == sorted(keys)


def test_a_stage_that_is_not_there_or_has_the_same_indexes_takes_one_step():
    wanted = template({"Runs": {"a", "b"}}, "new")
    assert indexes.way(None, wanted) == [wanted]
    assert indexes.way(template({"Runs": {"a", "b"}}, "old"), wanted) == [wanted]


def test_the_real_template_is_reached_from_one_without_its_indexes():
    wanted = resources.template()
    live = copy.deepcopy(wanted)
    for resource in live["Resources"].values():
        if resource.get("Type") == indexes.TABLE:
            resource["Properties"].pop("GlobalSecondaryIndexes", None)
    parts = {name: one for name, one in wanted["Resources"].items() if "Type" in one}
    live["Resources"] = {name: live["Resources"][name] for name in parts}
    most = max(len(found) for _, found in indexes._tables({"Resources": parts}))
    assert len(indexes.way(live, {"Resources": parts})) == most + 1 > 3
