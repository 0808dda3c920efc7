"""Strategies for bodies that the API accepts, full of values that renderings stumble over."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import strategies as st

from chalicelib.domain.blueprints.template import check_template
from chalicelib.domain.errors import Invalid
from chalicelib.domain.triggers.time_zones import available_zones
from tests.support.cron_expressions import random_expression

Body = dict[str, Any]
ODD_PIECES = (
    "👩‍👩‍👧‍👦🏳️‍🌈",
    "שלום עולם ‮gnihtyreve‬",
    "W" * 120,
    "z\u200be\u200dr\u2060o",
    "<odd-tag onmouseover=alert(1)>",
    "\"'><odd-tag src=x onerror=alert(1)>",
    "</textarea></script><odd-tag>",
    "{{ 7 * 7 }} {% raw %} {# note #}",
    "[red]rich[/red] [/] [link=x]",
    "&amp; &lt; &#0; &nosuch;",
    "back\\slash \\u0000 %s %(x)s {0}",
    "Z̸͎̈́ȃ̵̠l̴̙̈́g̸̨̛o̵̗͝",
    "line\u2028para\u2029next\u0085end",
    "漢字かな",
    "\x1b[31mred\x1b[0m\x07",
    "- item: 'yaml' # note",
    "null",
    "1e999",
    "=1+1",
    "../../etc",
)
TEMPLATE_PIECES = (
    "{{ticketTitle}}",
    "{{#if who}}{{who}}{{else}}nobody{{/if}}",
    "{{#each things}}- {{this}}\n{{/each}}",
    "{{{raw}}}",
    "{{ no spaces in names }}",
)
MOMENTS = (
    "1970-01-01T00:00:00.000001+14:00",
    "2026-02-28T23:59:59.5Z",
    "2026-05-04T12:00:00.123456+05:45",
    "9998-12-31T23:59:59-12:00",
)
BUNDLE = {"name": "work.bundle", "size": 6, "contentType": "application/x-git-bundle"}
NO_MOMENTS = (
    "0001-01-01T00:00:00+14:00",
    "0002-01-01T00:00:00Z",
    "1969-12-31T23:59:59Z",
    "9999-01-01T00:00:00Z",
    "9999-12-31T23:59:59-12:00",
)
plain = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


def odd_text(most: int, least: int = 0) -> st.SearchStrategy[str]:
    """Return texts of odd pieces; where one has to be there, it is more than space."""
    pieces = st.lists(st.sampled_from(ODD_PIECES) | plain, min_size=min(least, 1), max_size=4)
    made = pieces.map(lambda parts: " ".join(parts)[:most])
    return made.map(lambda text: text if text.strip() else "x") if least else made


numbers = st.sampled_from(
    (0, -0.0, 10**30, -(10**30), 2**63, 1e-9, 0.1 + 0.2, 1e308, 5e-324, 0.33449999999999996)
)
values = st.recursive(
    st.none() | st.booleans() | numbers | st.integers() | odd_text(400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(odd_text(40), inner, max_size=3),
    max_leaves=8,
)


def is_template(text: str) -> bool:
    """Return whether a text is read as a template."""
    try:
        check_template(text)
    except Invalid:
        return False
    return True


def nested(depth: int) -> Any:
    """Return lists and objects within each other."""
    value: Any = "the innermost"
    for level in range(depth):
        value = [value] if level % 2 else {"inner": value}
    return value


params = st.dictionaries(odd_text(40), values, max_size=4) | st.sampled_from(
    ({"deep": nested(50)}, {"": ""}, {"who": None, "things": [1, {"a": []}]})
)
pieces_of_templates = st.lists(
    st.sampled_from((*TEMPLATE_PIECES, *ODD_PIECES)) | plain, min_size=1, max_size=5
).map(lambda parts: " ".join(parts).strip() or "Greet.")
templates = pieces_of_templates.filter(is_template)
schemas = st.builds(
    lambda title, default: {
        "type": "object",
        "title": title,
        "properties": {
            "who": {"type": ["string", "null"], "description": title, "default": default},
            "at": {"type": "integer", "minimum": -(10**30)},
            title[:30]: {"enum": [default, None, 0.1]},
        },
    },
    odd_text(200),
    values,
)
variables = st.dictionaries(
    st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,20}", fullmatch=True),
    odd_text(400).map(lambda text: text.replace("\0", "")),
    max_size=2,
)
crons = st.integers(0, 2**48).map(lambda seed: random_expression(random.Random(seed)))
argument = odd_text(200, 1).map(lambda text: text.replace("\0", "") or "x")


def optional(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Body]:
    """Return bodies with some of these fields."""
    return st.fixed_dictionaries({}, optional=fields)


def with_some(
    needed: dict[str, st.SearchStrategy[Any]], **fields: st.SearchStrategy[Any]
) -> st.SearchStrategy[Body]:
    """Return bodies with the needed fields, and some of the others."""
    return st.fixed_dictionaries(needed, optional=fields)


schedules = st.builds(
    lambda config, mapping, enabled: {
        "type": "schedule",
        "config": config,
        "paramMapping": mapping,
        "enabled": enabled,
    },
    with_some(
        {"cronExpression": crons, "timezone": st.sampled_from(sorted(available_zones()))},
        overlapPolicy=st.sampled_from(("allow", "skip", "buffer_one", "cancel_other")),
        catchUpPolicy=st.sampled_from(("one", "skip", "all")),
        jitterSeconds=st.integers(0, 3600),
        startAt=st.sampled_from(MOMENTS),
        endAt=st.sampled_from(MOMENTS),
    ),
    st.none() | params,
    st.booleans(),
)
queries = st.sampled_from(
    ("a", "items[?n > `2`].n | [0]", "'<odd-tag>'", '"ключ"', "length(keys(@)) > `0`")
)
mappings = st.dictionaries(odd_text(40), queries.map(lambda query: f"$.{query}"), max_size=3)
hooks = st.builds(
    lambda config, mapping: {"type": "webhook", "config": config, "paramMapping": mapping},
    with_some(
        {"path": st.from_regex(r"[A-Za-z0-9._~-]{1,60}", fullmatch=True)},
        filter=queries,
        events=st.lists(odd_text(100, 1), max_size=3),
    ),
    st.none() | mappings,
)
tickets = st.builds(
    lambda source, labels, mapping, flags: {
        "type": "ticket",
        "config": {"source": source, "labels": labels, **flags},
        "paramMapping": mapping,
    },
    st.sampled_from(("github", "linear", "jira", "notion")),
    st.lists(odd_text(100, 1), max_size=3),
    st.none() | mappings,
    optional(includeBacklog=st.booleans(), refire=st.booleans()),
)
manuals = st.builds(lambda held: {"type": "manual", "paramMapping": held}, st.none() | params)
repo_urls = st.sampled_from(
    (
        "https://git.example.com/acme/web",
        "https://git.example.com/%D1%8F/%3Codd-tag%3E",
        "https://git.example.com:8443/~user/a'b&c=d",
        "ssh://git@git.example.com/acme/" + "w" * 150,
        "file:///srv/odd%20name",
    )
)
_definition = {
    "description": odd_text(1000),
    "title": templates.filter(lambda text: len(text) <= 500),
    "paramsSchema": schemas,
    "model": argument,
    "maxTurns": st.integers(1, 10000),
    "timeoutMinutes": st.integers(1, 600),
    "maxRetries": st.integers(0, 10),
    "priority": st.integers(1, 1000),
    "environment": variables,
    "secrets": st.sampled_from(([], ["NPM_TOKEN"], ["_" * 128, "A"])),
    "skipIfUnchanged": st.booleans(),
    "missingParams": st.sampled_from(("run", "run", "skip", "fail")),
    "prLabels": st.lists(odd_text(50, 1), max_size=3),
    "partialWork": st.sampled_from(("branch", "draft")),
    "draft": st.booleans(),
}
blueprints = st.builds(
    lambda body, url, triggers: {
        **body,
        **({"repoUrl": url, "type": "repo-blueprint"} if url else {"type": "standalone"}),
        "agentType": "command",
        "agentCommand": "true",
        "triggers": triggers,
    },
    with_some({"name": odd_text(200, 1), "prompt": templates}, **_definition),
    st.none() | repo_urls,
    st.tuples(schedules, st.one_of(schedules, hooks, tickets, manuals), hooks, tickets).map(list),
)
prompt_templates = with_some(
    {"name": odd_text(200, 1), "template": templates},
    kind=st.from_regex(r"[a-z0-9_-]{1,64}", fullmatch=True),
    description=odd_text(1000),
    paramsSchema=schemas,
)
repos = with_some(
    {"repoUrl": repo_urls},
    setupCommands=argument,
    testCommand=argument,
    environment=variables,
    defaultBranch=st.sampled_from(("main", "ünïcode/<odd-tag>", "x" * 200)),
    branchPrefix=st.sampled_from(("bots/", "ü<odd-tag>-")),
    trustedBots=st.just(["Dependabot[bot]"]),
    commitAuthorName=st.sampled_from(("Ann", "אנה {{x}} & Co", "👩‍🚀 x")),
)
providers = st.builds(
    lambda place, name: {
        **place,
        **({"name": name} if name else {}),
        "credential": "c" * 40,
        "enabled": False,
    },
    st.sampled_from(
        (
            {"source": "github", "config": {"repo": "acme/<odd-tag>"}},
            {"source": "linear", "config": {"teamKey": "<odd-tag> ‮x"}},
            {"source": "notion", "config": {"dataSourceId": "W" * 300}},
        )
    ),
    st.none() | odd_text(200, 1),
)
endpoints = with_some(
    {"url": st.sampled_from(("https://hooks.example.com/a?b=%3Codd-tag%3E&c='d'",))},
    description=odd_text(1000),
    events=st.sampled_from(([], ["task.failed", "trigger.missed"])),
)
keys = st.builds(lambda name: {"name": name, "role": "viewer"}, odd_text(200, 1))

amounts = st.sampled_from((0, 1, 999, 10**12))
costs = st.sampled_from((0.0, 5e-324, 1e-9, 0.0049, 0.33449999999999996, 0.995, 10.0**9))
_reported = {
    "errorClass": st.sampled_from(("agent", "timeout", "setup")) | odd_text(60),
    "errorMessage": odd_text(2000),
    "branch": odd_text(100),
    "headSha": odd_text(40),
    "baseSha": odd_text(40),
    "diffStat": odd_text(2000),
    "resultSummary": odd_text(2000),
    "transient": st.booleans(),
    "retryAt": st.sampled_from(MOMENTS),
    "tests": st.builds(
        lambda passed, last: {"passed": passed, "exitStatus": -9, "lastLines": last},
        st.booleans(),
        odd_text(500),
    ),
    "agent": optional(
        sessionId=odd_text(100),
        modelUsed=odd_text(100),
        inputTokens=amounts,
        outputTokens=amounts,
        costUsd=costs,
        turns=amounts,
    ),
    "stages": st.lists(
        st.builds(
            lambda stage, began, ended: {"stage": stage, "startedAt": began, "endedAt": ended},
            st.sampled_from(("clone", "setup", "agent", "test", "push")),
            st.sampled_from(MOMENTS),
            st.none() | st.sampled_from(MOMENTS),
        ),
        max_size=4,
    ),
    "outputs": st.lists(
        st.builds(
            lambda name, size: {"name": name, "size": size},
            odd_text(100, 1).map(lambda text: text.replace("/", "_")),
            st.sampled_from((0, 1, 10**6)),
        ),
        max_size=2,
        unique_by=lambda output: output["name"],
    ),
    "keptWork": st.builds(
        lambda finished: {"baseSha": "b" * 40, "files": [BUNDLE], "finished": finished},
        st.booleans(),
    ),
    "lines": st.lists(
        st.builds(
            lambda at, kind, content: {"timestamp": at, "logType": kind, "content": content},
            st.sampled_from(MOMENTS),
            st.sampled_from(("text", "stderr", "tool_use", "odd_kind")),
            odd_text(2000),
        ),
        max_size=4,
    ).map(lambda lines: [{"seq": number, **line} for number, line in enumerate(lines, 1)]),
}
reports = with_some(
    {"outcome": st.sampled_from(("succeeded", "no_changes", "failed", "failed"))}, **_reported
)
runners = odd_text(200, 1)


def few(inner: st.SearchStrategy[Body], least: int = 1, most: int = 2) -> st.SearchStrategy[Any]:
    return st.lists(inner, min_size=least, max_size=most)


stages = st.fixed_dictionaries(
    {
        "promptTemplate": few(prompt_templates),
        "repo": few(repos),
        "provider": few(providers),
        "webhook": few(endpoints),
        "apiKey": few(keys),
        "task": few(blueprints, 2, 2),
        "payload": params,
        "params": few(params, most=1),
        "reports": st.lists(st.tuples(runners, reports), min_size=3, max_size=5),
    }
)
"""All that one stage is filled with."""
