"""Templates: the contract's language, and that no value can inject."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.blueprints.template import (
    check_template,
    find_printed_names,
    render_template,
)
from chalicelib.domain.errors import Invalid

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
        pytest.param("\\{{name}} $\\{{ secrets.X }}", "{{name}} ${{ secrets.X }}", id="escaped"),
        pytest.param("C:\\\\{{name}}", "C:\\Ada", id="a backslash before a value"),
        pytest.param("{{{name}}}{{& name}}{{\tname\n}}", "AdaAdaAda", id="forms of a name"),
        pytest.param("a{{! b }}{{!-- {{c}} --}}{{!}}d", "ad", id="comments"),
        pytest.param("{{#if\tname}}y{{/if\n}}{{#if\u00a0name}}z{{/if}}", "yz", id="any space"),
        pytest.param("{{#if gone}}a{{else if n}}b{{else}}c{{/if}}", "b", id="else if"),
        pytest.param("{{#if gone}}a{{else unless n}}b{{^}}c{{/if}}", "c", id="else unless"),
        pytest.param("{{#each gone}}a{{else if n}}b{{/each}}!", "b!", id="else if of a loop"),
        pytest.param("{{#if gone}}a{{else each l}}{{this.x}}{{/if}}", "12", id="else each"),
        pytest.param(
            "{{#each l}}{{this.x}}{{#unless @last}}, {{/unless}}{{/each}}", "1, 2", id="last"
        ),
        pytest.param("{{#each l}}{{@first}}{{@last}} {{/each}}", "truefalse falsetrue ", id="both"),
        pytest.param("{{#each o}}{{@key}}={{.}}{{/each}}", 'k=["ü"]', id="key"),
        pytest.param("{{#each l}}{{@key}}{{/each}}", "01", id="key of a list"),
        pytest.param("{{l.length}}{{l.0.m.length}}{{name.length}}", "223", id="length"),
        pytest.param("{{#if a.b.length}}y{{/if}}{{o.length}}", "y", id="length of no list"),
        pytest.param("a\n{{#if t}}\nb\n{{/if}}\nc", "a\nb\nc", id="block tags take their line"),
        pytest.param("a\r\n  {{#if t}}\t\r\nb\r\n {{/if}}", "a\r\nb\r\n", id="crlf"),
        pytest.param("- {{#if t}}\nb{{/if}}\n", "- \nb\n", id="not alone on its line"),
        pytest.param("{{name}}\n{{name}}\n", "Ada\nAda\n", id="a name leaves its line"),
        pytest.param("  {{! note }}\nb", "b", id="a comment takes its line"),
        pytest.param("a \n {{~name~}} \n b", "aAdab", id="tilde"),
        pytest.param("{{a.keys}}{{items}}{{__class__}}", "", id="names are keys"),
    ],
)
def test_the_language_of_the_contract(text: str, expected: str):
    assert render_template(text, VALUES).text == expected


@pytest.mark.parametrize("value", [None, False, "", "false", "0", 0, [], {}])
def test_what_is_false(value: object):
    assert render_template("{{#if x}}y{{else}}n{{/if}}", {"x": value}).text == "n"


def test_a_name_may_be_written_in_any_letters():
    names = ("größe", "名前", "\N{MATHEMATICAL BOLD CAPITAL A}")
    rendered = render_template(
        " ".join(f"{{{{{name}}}}}" for name in names), dict.fromkeys(names, "x")
    )
    assert (rendered.text, rendered.missing, rendered.unused) == ("x x x", (), ())


def test_the_preview_can_say_what_was_missing_and_what_was_unused():
    rendered = render_template("{{name}} {{gone}} {{a.z}}", {"name": "x", "a": {}, "idle": 1})

    assert rendered.missing == ("gone", "a.z")
    assert rendered.unused == ("idle",)


@pytest.mark.parametrize(
    "text, message",
    [
        ("a\n{{#if x}} b", "line 2: {{#if}} is never closed"),
        ("{{x", "line 1: a {{ is never closed"),
        ("{{/if}}", "does not match an open block"),
        ("{{#if a}}{{/each}}", "does not match an open block"),
        ("{{#foo x}}{{/foo}}", "is not known"),
        ("{{a b}}", "is not a name"),
        (f"{{{{{'a' * 501}}}}}", "the name in a tag has at most 500 characters"),
        ("{{else}}", "outside of a block"),
        ("{{else if a}}", "outside of a block"),
        ("{{#if a}}{{else}}{{else if b}}{{/if}}", "twice"),
        ("{{#if a}}{{else with b}}{{/if}}", "is not known: use #if, #unless or #each"),
        ("{{#if}}{{/if}}", "'' is not a name"),
        ("{{#each l as |x|}}{{/each}}", "write {{#each l}} and {{this}}"),
        ("{{#each l}}{{../name}}{{/each}}", "write {{name}}: in every block, names refer"),
        ("{{#each l}}{{this/x}}{{/each}}", "write {{x}}"),
        ("{{^a}}{{/a}}", "use {{#unless name}}"),
        ("{{> part}}", "write its text here"),
        ("{{{{raw}}}}", "write \\{{ to print {{"),
        ("{{{x}}", "a {{{ is never closed by }}}"),
        ("{{! x", "a {{! is never closed"),
        ("{{!-- x }}", "a {{!-- is never closed by --}}"),
        ("\\{{a}} {{b", "a {{ is never closed"),
        ("{{#if a}}{{else}}{{else}}{{/if}}", "twice"),
        ("{{#if a}}" * 21 + "{{/if}}" * 21, "at most 20 deep"),
        ("x" * 300_000, "at most 256 KB"),
    ],
)
def test_a_template_that_does_not_parse_says_where_and_why(text: str, message: str):
    with pytest.raises(Invalid) as caught:
        render_template(text, {})

    assert message in caught.value.message


@pytest.mark.parametrize(
    "text, message",
    [
        ("{{@last}}", "line 1: @last is outside of {{#each}}"),
        ("a\n{{#if @key}}{{/if}}", "line 2: @key is outside of {{#each}}"),
        ("{{#each l}}{{else}}{{@index}}{{/each}}", "is outside of {{#each}}"),
        ("{{#each l}}{{@size}}{{/each}}", "'@size' is not one of @index, @first, @last, @key"),
    ],
)
def test_a_name_of_a_loop_is_refused_where_it_is_always_empty(text: str, message: str):
    with pytest.raises(Invalid) as caught:
        check_template(text)

    assert message in caught.value.message
    assert render_template(text, {}).text.strip() in ("", "a"), "a stored one goes on rendering"


@pytest.mark.parametrize(
    "text, names",
    [
        ("{{a}} {{b.c}} {{a}}", ("a", "b.c")),
        ("{{#if a}}{{a.x}}{{b}}{{else}}{{a}}{{/if}}", ("b", "a")),
        ("{{#unless a}}{{a}}{{else}}{{a}}{{/unless}}", ("a",)),
        ("{{#unless a}}x{{else}}{{a}}{{/unless}}", ()),
        ("{{#if a}}{{a}}{{else if b}}{{b}}{{a}}{{/if}}", ("a",)),
        ("{{#each l}}{{this}}{{this.x}}{{@index}}{{n}}{{/each}}", ("l", "n")),
        ("{{#if l}}{{#each l}}{{.}}{{/each}}{{/if}}", ()),
        ("\\{{a}}{{! b }}", ()),
    ],
)
def test_names_that_leave_a_hole_are_found(text: str, names: tuple[str, ...]):
    assert find_printed_names(text) == names


def test_a_bomb_ends_at_a_megabyte():
    bomb = "{{#each l}}{{#each l}}{{#each l}}{{big}}{{/each}}{{/each}}{{/each}}"

    with pytest.raises(Invalid, match="1 MB"):
        render_template(bomb, {"l": list(range(100)), "big": "x" * 1000})


hostile = st.text(st.sampled_from("{}%#-_.'\"|()[] \nabi/ef"), max_size=40)


@given(hostile)
def test_no_value_is_ever_read_as_a_template(value: str):
    assert render_template("<{{x}}>", {"x": value}).text == f"<{value}>"


@given(hostile.filter(lambda text: "{{" not in text))
def test_text_without_tags_is_printed_as_it_stands(text: str):
    assert render_template(text, {}).text == text


@given(hostile)
def test_any_text_renders_or_is_refused_with_a_line(text: str):
    try:
        render_template(text, {"a": 1})
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

    assert render_template("{{x}}", {"x": value}).text.replace(", ", ",") == str(expected).replace(
        ", ", ","
    )
