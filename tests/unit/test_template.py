"""Templates: the contract's language, and that no value can inject."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.errors import Invalid
from chalicelib.domain.template import render

VALUES = {
    "name": "Ada",
    "a": {"b": [{"c": "deep"}]},
    "n": 1,
    "f": 1.0,
    "t": True,
    "o": {"k": ["ü"]},
    "l": [{"x": 1, "m": ["p", "q"]}, {"x": 2}],
}


@pytest.mark.parametrize(
    "text, expected",
    [
        pytest.param("Hi {{name}} {{ a.b.0.c }}", "Hi Ada deep", id="names and paths"),
        pytest.param("{{n}} {{f}} {{t}} {{o}}", '1 1.0 true {"k":["ü"]}', id="as json"),
        pytest.param("[{{gone}}][{{a.b.7}}]", "[][]", id="missing is nothing"),
        pytest.param("{{#if name}}y{{else}}n{{/if}}", "y", id="if"),
        pytest.param("{{#if gone}}y{{else}}n{{/if}}", "n", id="else"),
        pytest.param("{{#if a}}{{#if gone}}1{{else}}2{{/if}}{{/if}}", "2", id="nested if"),
        pytest.param("{{#unless gone}}y{{/unless}}", "y", id="unless"),
        pytest.param(
            "{{#each l}}{{@index}}{{this.x}}{{name}}{{#each this.m}}<{{this}}>{{/each}};{{/each}}",
            "01Ada<p><q>;12Ada;",
            id="each in each",
        ),
        pytest.param("{% raw %}{# x #} }} {% y", "{% raw %}{# x #} }} {% y", id="jinja is text"),
        pytest.param("{{a.keys}}{{items}}{{__class__}}", "", id="names are keys"),
    ],
)
def test_the_language_of_the_contract(text: str, expected: str):
    assert render(text, VALUES).text == expected


@pytest.mark.parametrize("value", [None, False, "", "false", "0", 0, [], {}])
def test_what_is_false(value: object):
    assert render("{{#if x}}y{{else}}n{{/if}}", {"x": value}).text == "n"


def test_a_name_may_be_written_in_any_letters():
    names = ("größe", "名前", "\N{MATHEMATICAL BOLD CAPITAL A}")
    rendered = render(" ".join(f"{{{{{name}}}}}" for name in names), dict.fromkeys(names, "x"))
    assert (rendered.text, rendered.missing, rendered.unused) == ("x x x", (), ())


def test_the_preview_can_say_what_was_missing_and_what_was_unused():
    rendered = render("{{name}} {{gone}} {{a.z}}", {"name": "x", "a": {}, "idle": 1})

    assert rendered.missing == ("gone", "a.z")
    assert rendered.unused == ("idle",)


@pytest.mark.parametrize(
    "text, message",
    [
        ("a\n{{#if x}} b", "line 2: {{#if}} is never closed"),
        ("{{x", "line 1: a {{ is never closed"),
        ("{{/if}}", "closes nothing"),
        ("{{#if a}}{{/each}}", "closes nothing"),
        ("{{#foo x}}{{/foo}}", "is not known"),
        ("{{a b}}", "is not a name"),
        (f"{{{{{'a' * 501}}}}}", "the name in a tag has at most 500 characters"),
        ("{{else}}", "outside of a block"),
        ("{{#if a}}{{else}}{{else}}{{/if}}", "twice"),
        ("{{#if a}}" * 21 + "{{/if}}" * 21, "at most 20 deep"),
        ("x" * 300_000, "at most 256 KB"),
    ],
)
def test_a_template_that_does_not_parse_says_where_and_why(text: str, message: str):
    with pytest.raises(Invalid) as caught:
        render(text, {})

    assert message in caught.value.message


def test_a_bomb_ends_at_a_megabyte():
    bomb = "{{#each l}}{{#each l}}{{#each l}}{{big}}{{/each}}{{/each}}{{/each}}"

    with pytest.raises(Invalid, match="1 MB"):
        render(bomb, {"l": list(range(100)), "big": "x" * 1000})


hostile = st.text(st.sampled_from("{}%#-_.'\"|()[] \nabi/ef"), max_size=40)


@given(hostile)
def test_no_value_is_ever_read_as_a_template(value: str):
    assert render("<{{x}}>", {"x": value}).text == f"<{value}>"


@given(hostile.filter(lambda text: "{{" not in text))
def test_text_without_tags_is_printed_as_it_stands(text: str):
    assert render(text, {}).text == text


@given(hostile)
def test_any_text_renders_or_is_refused_with_a_line(text: str):
    try:
        render(text, {"a": 1})
    except Invalid as refused:
        message = refused.message
    else:
        message = "line"
    assert "line" in message


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), st.lists))
def test_what_is_not_text_prints_as_json(value: object):
    expected = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if value is None:
        expected = ""

    assert render("{{x}}", {"x": value}).text.replace(", ", ",") == str(expected).replace(", ", ",")
