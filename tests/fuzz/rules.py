"""Facts of this API for schemathesis: values of its formats, and its refusals."""

from __future__ import annotations

import schemathesis
from hypothesis import strategies as st
from schemathesis.checks import CheckContext

VALUES: dict[str, list[str]] = {
    "cron": ["0 9 * * *", "*/5 * * * *", "0 0 1,15 * mon-fri", "59 23 31 12 *"],
    "time-zone": ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu"],
    "repo-url": ["acme/web", "https://github.com/acme/web", "git@github.com:acme/api.git"],
    "git-branch": ["main", "release/1.x", "ünïcode"],
    "jmespath": ["ref", "commits[?added].id", "length(items) > `2`"],
    "jmespath-param": ["$", "$.ref", "$.commits[0].author.name"],
    "api-url": ["https://github.example.com/api/v3"],
    "public-url": ["https://hooks.example.com/optio"],
    "secret-name": ["NPM_TOKEN", "_X1"],
    "credential": ["a credential of sixteen", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    "secret-scope": ["global", "https://github.com/acme/web"],
}

for name, values in VALUES.items():
    schemathesis.openapi.format(name, st.sampled_from(values))


@schemathesis.check
def a_refusal_names_its_fields(
    context: CheckContext, response: schemathesis.Response, case: schemathesis.Case
) -> None:
    """The refusal of a JSON object names every faulty field."""
    if response.status_code != 400:
        return
    told = response.json()
    fields = [fault["field"] for fault in told["details"]]
    assert told["error"], "a refusal says why"
    assert all(fields), "a fault has a field"
    assert fields or told["error"].startswith("the body"), "a refusal names its fields"


@schemathesis.check
def an_undeclared_method_does_nothing(
    context: CheckContext, response: schemathesis.Response, case: schemathesis.Case
) -> None:
    """A request by a method that the document does not have is refused."""
    method = str(response.request.method)
    if method not in (case.operation.method.upper(), "OPTIONS"):
        assert 400 <= response.status_code < 500, f"{method} is refused"
