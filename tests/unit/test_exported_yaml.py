"""Any text that a stage may hold comes out of an exported file as it went in."""

from __future__ import annotations

import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from optio_cli.files import documents

characters = st.sampled_from(
    " \n\r\t\x85\u2028\u2029\ufeff\0\x1b\x7f\x9f\u200dab:#-|>'\"\\{[&*!%@,~é"
)


@given(st.text(characters, max_size=12) | st.text(st.characters(exclude_categories=["Cs"])))
@example("\x85")
@example("first\u2028second\nthird")
@example("\ufeffmark\n")
def test_a_text_is_read_as_it_was_written(text: str):
    sections = {"templates": [{"name": text, "template": text}]}
    written = documents.dump_document(sections)
    assert yaml.load(written, Loader=documents.StrictLoader) == sections


def test_a_text_of_several_lines_is_a_block_that_people_read():
    written = documents.dump_document({"templates": [{"name": "x", "template": "one\ntwo 👩‍🚀\n"}]})
    assert "template: |\n      one\n      two 👩‍🚀\n" in written
