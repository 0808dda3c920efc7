"""Descriptions of tickets as an agent reads them: nothing that a person wrote is lost silently."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.domain.label import normal_label
from chalicelib.integrations.trackers.atlassian_document import (
    MAX_DEPTH,
    TOO_DEEP_NOTICE,
    to_markdown,
)
from chalicelib.integrations.trackers.markup_limits import MAX_TEXT_LENGTH
from chalicelib.integrations.trackers.notion_blocks import (
    LEFT_OUT_NOTICE,
    MAX_BLOCKS,
    MAX_REQUESTS,
    BlockReader,
)

Node = dict[str, Any]


def text(words: str, *marks: Node) -> Node:
    return {"type": "text", "text": words, **({"marks": list(marks)} if marks else {})}


def node(kind: str, *content: Node, **attributes: object) -> Node:
    return {"type": kind, "attrs": attributes, "content": list(content)}


def doc(*content: Node) -> Node:
    return {"type": "doc", "version": 1, "content": list(content)}


LINK = {"type": "link", "attrs": {"href": "https://example.com/a"}}
ROW = [node("tableCell", node("paragraph", text(word))) for word in ("one", "two|three")]


@pytest.mark.parametrize(
    "written, read",
    [
        (node("inlineCard", url="https://example.com/x"), "https://example.com/x"),
        (node("blockCard", url="https://example.com/x"), "https://example.com/x"),
        (text("the docs", LINK), "[the docs](https://example.com/a)"),
        (text("https://example.com/a", LINK), "https://example.com/a"),
        (node("mention", id="5f", text="@Ann Lee"), "@Ann Lee"),
        (node("mention", id="5f"), "@5f"),
        (node("emoji", shortName=":bug:", text="\N{BUG}"), "\N{BUG}"),
        (node("emoji", shortName=":custom:"), ":custom:"),
        (node("date", timestamp="1582156800000"), "2020-02-20"),
        (node("date", timestamp="soon"), "soon"),
        (node("status", text="In review"), "[In review]"),
        (node("table", node("tableRow", *ROW)), "| one | two\\|three |\n| --- | --- |"),
        (node("panel", node("paragraph", text("hot")), panelType="warning"), "> **Warning:** hot"),
        (
            node("taskList", node("taskItem", text("ship"), state="DONE"), node("taskItem")),
            "- [x] ship\n- [ ]",
        ),
        (node("decisionList", node("decisionItem", text("yes"))), "- yes"),
        (
            node("bulletList", *(node("listItem", node("paragraph", text(t))) for t in "ab")),
            "- a\n- b",
        ),
        (
            node("orderedList", node("listItem", node("paragraph", text("a"))), order=3),
            "3. a",
        ),
        (node("codeBlock", text("x = 1"), language="python"), "```python\nx = 1\n```"),
        (node("expand", node("paragraph", text("in")), title="More"), "**More**\n\nin"),
        (node("heading", text("Head"), level=2), "## Head"),
        (node("mediaSingle", node("media", alt="screen.png")), "[attachment: screen.png]"),
        (node("extension", extensionKey="toc"), "[left out: the macro toc]"),
        (node("unheardOf", node("paragraph", text("kept"))), "kept"),
        (node("unheardOf", text="kept as well"), "kept as well"),
    ],
)
def test_a_node_of_jira_keeps_its_words_names_and_addresses(written: Node, read: str):
    assert to_markdown(doc(written)).rstrip() == read


def test_blocks_of_jira_stand_apart():
    assert (
        to_markdown(doc(node("paragraph", text("a")), node("rule"), text("b"))) == "a\n\n---\n\nb"
    )
    assert to_markdown("plain, as older fields are") == "plain, as older fields are"
    assert to_markdown(None) == ""


words = st.text("abcdefg", min_size=3, max_size=8).map(lambda made: f"w{made}w")
KINDS = ("paragraph", "panel", "bulletList", "listItem", "tableRow", "table", "tableCell")
KINDS += ("taskList", "taskItem", "blockquote", "layoutSection", "unheardOf", "heading")
KINDS += ("expand", "mediaGroup", "orderedList", "decisionList", "bodiedExtension")
nodes = st.recursive(
    st.builds(text, words)
    | st.builds(lambda url: node("inlineCard", url=f"https://{url}.example"), words)
    | st.builds(lambda name: node("mention", text=f"@{name}"), words),
    lambda inner: st.builds(
        lambda kind, below: node(kind, *below), st.sampled_from(KINDS), st.lists(inner, max_size=4)
    ),
    max_leaves=20,
)


def leaves(thing: Node) -> Iterator[str]:
    for name in ("text", "url"):
        if name in thing.get("attrs", {}):
            yield thing["attrs"][name]
    if "text" in thing:
        yield thing["text"]
    for child in thing.get("content", ()):
        yield from leaves(child)


@settings(deadline=None, max_examples=60)
@given(st.lists(nodes, max_size=4))
def test_whatever_is_nested_in_whatever_no_word_is_lost(content: list[Node]):
    read = to_markdown(doc(*content))
    assert [leaf for leaf in leaves(doc(*content)) if leaf not in read] == []


broken = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "content", "attrs", "text", "marks"]), inner)
    ),
    max_leaves=15,
)


@settings(deadline=None, max_examples=60)
@given(broken, st.sampled_from([*KINDS, "text", "date", "codeBlock", "orderedList"]))
def test_a_document_that_is_none_raises_nothing(thing: Any, kind: str):
    to_markdown(thing if isinstance(thing, dict) else doc())
    odd = {"type": kind, "content": thing, "attrs": thing, "marks": thing, "text": "x"}
    to_markdown({"type": "doc", "content": [thing, odd]})


def test_a_document_that_is_too_deep_or_too_long_says_so():
    deep = node("paragraph", text("bottom"))
    for _ in range(MAX_DEPTH * 3):
        deep = node("blockquote", deep)
    assert TOO_DEEP_NOTICE in to_markdown(doc(deep))
    long = to_markdown(doc(node("paragraph", text("x" * 3 * MAX_TEXT_LENGTH))))
    assert len(long) <= MAX_TEXT_LENGTH
    assert long.endswith("300,000 characters in all. Read it in Jira.]")


def rich(words: str, href: str | None = None) -> list[Node]:
    return [{"plain_text": words, "href": href}]


def block(name: str, kind: str, below: bool = False, /, **content: object) -> Node:
    return {"id": name, "type": kind, kind: content, "has_children": below}


def read(tree: dict[str, list[Node]]) -> str:
    return BlockReader(lambda above: tree.get(above, [])).read_page("page")


def test_nested_blocks_of_notion_reach_the_agent():
    tree = {
        "page": [
            block("a", "toggle", True, rich_text=rich("Details")),
            block("b", "column_list", True),
            block("c", "table", True, has_column_header=True),
            block("d", "to_do", rich_text=rich("ship"), checked=True),
            block("e", "bookmark", url="https://example.com/b", caption=rich("Bookmark")),
            block("f", "numbered_list_item", rich_text=rich("first")),
            block("g", "numbered_list_item", rich_text=rich("second")),
            block("h", "image", type="external", external={"url": "https://example.com/i.png"}),
            block("i", "child_database", True, title="Bugs"),
            block("j", "code", rich_text=rich("x = 1"), language="python"),
            block("k", "paragraph", rich_text=rich("docs", "https://example.com/d")),
            block("l", "unheard_of", x=1),
        ],
        "a": [block("a1", "paragraph", rich_text=rich("inside"))],
        "b": [block("b1", "column", True), block("b2", "column", True)],
        "b1": [block("b11", "paragraph", rich_text=rich("left"))],
        "b2": [block("b21", "paragraph", rich_text=rich("right"))],
        "c": [block(n, "table_row", cells=[rich(n), rich("x|y")]) for n in ("r1", "r2")],
        "i": [block("never", "paragraph", rich_text=rich("another page"))],
    }
    assert read(tree).splitlines() == [
        "- Details",
        "  inside",
        "left",
        "right",
        "| r1 | x\\|y |",
        "| --- | --- |",
        "| r2 | x\\|y |",
        "- [x] ship",
        "[Bookmark](https://example.com/b)",
        "1. first",
        "2. second",
        "[image](https://example.com/i.png)",
        "[child database: Bugs]",
        "```python",
        "x = 1",
        "```",
        "[docs](https://example.com/d)",
        "[left out: a block of type unheard_of]",
    ]


def test_a_page_of_notion_without_an_end_is_left_with_a_word():
    asked: list[str] = []

    def endless(above: str) -> Iterator[Node]:
        asked.append(above)
        for number in range(10**6):
            yield block(f"{above}.{number}", "toggle", True, rich_text=rich("again"))

    assert BlockReader(endless).read_page("page").endswith(LEFT_OUT_NOTICE)
    assert len(asked) <= MAX_REQUESTS

    flat = [block(str(number), "paragraph", rich_text=rich("x")) for number in range(MAX_BLOCKS)]
    assert LEFT_OUT_NOTICE not in read({"page": flat})
    assert read({"page": [*flat, flat[0]]}).endswith(LEFT_OUT_NOTICE)


@pytest.mark.parametrize(
    "one, other",
    [
        ("❤️ ready", "❤ ready"),
        ("caf\u00e9", "cafe\u0301"),
        ("a\u200bi", "ai"),
        ("  Agent   Ready ", "agent ready"),
        ("STRASSE", "straße"),
        ("\ufeffbug", "bug"),
        ("\uff22\uff55\uff47", "bug"),
    ],
)
def test_labels_that_look_alike_are_alike(one: str, other: str):
    assert normal_label(one) == normal_label(other)
    assert normal_label(normal_label(one)) == normal_label(one)


@given(st.text())
def test_a_normal_label_stays_as_it_is(label: str):
    assert normal_label(normal_label(label)) == normal_label(label)
