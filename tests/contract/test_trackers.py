"""What we ask of trackers is what their published descriptions allow."""

from __future__ import annotations

import gzip

import pytest
from graphql import build_schema, parse, validate

from chalicelib.integrations import linear
from tests.shared import shared

pytestmark = pytest.mark.usefixtures("loopback")


@pytest.mark.parametrize("query", [linear.ISSUES, linear.COMMENTS], ids=["issues", "comments"])
def test_every_document_for_linear_is_valid_by_its_schema(query: str):
    path = shared("specs", "linear.graphql.gz")
    schema = build_schema(gzip.decompress(path.read_bytes()).decode(), assume_valid=True)
    assert validate(schema, parse(query)) == []
