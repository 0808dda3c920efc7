"""Our requests to trackers, and the answers of our fakes, match the published descriptions."""

from __future__ import annotations

import gzip

import pytest
from graphql import GraphQLSchema, build_schema, parse, validate

from chalicelib.integrations.trackers import linear
from tests.conftest import NOON
from tests.fakes.linear import OWN
from tests.fakes.trackers import FAKES
from tests.support.shared import shared

NONSENSE = {
    "github": [("PATCH", "/repos/acme/web/issues/1", {"state": "half open"})],
    "jira": [
        ("POST", "/rest/api/3/search/jql", {"jql": 7}),
        ("POST", "/rest/api/3/issue/OPS-1/comment", {"text": "hello"}),
    ],
    "notion": [
        ("POST", "/v1/comments", {"rich_text": "hello"}),
        ("POST", "/v1/data_sources/ds-1/query", {"page_size": "all"}),
    ],
}


def names(document: str) -> str:
    return document.split()[1].partition("(")[0]


@pytest.mark.parametrize("document", linear.DOCUMENTS, ids=names)
def test_every_document_for_linear_is_valid_by_its_schema(document: str):
    path = shared("specs", "linear.graphql.gz")
    schema = build_schema(gzip.decompress(path.read_bytes()).decode(), assume_valid=True)
    assert validate(schema, parse(document)) == []


@pytest.fixture(scope="module")
def own() -> GraphQLSchema:
    return build_schema(OWN)


@pytest.mark.parametrize("document", linear.DOCUMENTS, ids=names)
def test_every_document_for_linear_is_valid_by_the_part_that_we_wrote_down(
    document: str, own: GraphQLSchema
):
    assert validate(own, parse(document)) == []


@pytest.mark.parametrize("source", sorted(NONSENSE))
def test_the_published_description_judges_both_ways_of_a_fake(source: str):
    shared("specs", f"{source}.json")
    description = FAKES[source](lambda: NOON).description

    assert description is not None
    for method, path, body in NONSENSE[source]:
        assert description.request(method, path, {}, body), path
        assert description.request(method, path, {"nonsense": "1"}, None), path
    assert description.request("GET", "/nonsense", {}, None)
    if source != "notion":  # its answers have no schema
        method, path, _ = NONSENSE[source][0]
        assert description.answer(method, path, 200, [7])
    assert description.answer(*NONSENSE[source][0][:2], 299, {})
