"""The route that validates repos, prompt templates and tasks without saving them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from chalicelib import wiring
from chalicelib.actions.blueprints import save_warnings
from chalicelib.domain.access.key import Scope
from chalicelib.domain.blueprints.blueprint import Kind
from chalicelib.domain.errors import Fault, Invalid
from chalicelib.domain.field_warning import FieldWarning, prefix_warnings
from chalicelib.domain.limits import MAX_CHECKED_SCHEMA_VALUES
from chalicelib.domain.strict_json import count_values
from chalicelib.web import task_requests
from chalicelib.web.http.requests import json_body
from chalicelib.web.http.responses import Answer, json_answer
from chalicelib.web.http.routes import Routes
from chalicelib.web.mapping import blueprint_requests, resource_views
from chalicelib.web.schemas import requests, responses

if TYPE_CHECKING:
    from chalicelib.ports import World
    from chalicelib.web.queries.references import References

    Check = Callable[[dict[str, Any]], requests.Model]

routes = Routes(__name__)


@dataclass(frozen=True)
class CheckedBody:
    """A valid body: its place in the request, and the fields that have no effect."""

    place: str
    ignored: list[FieldWarning]
    request: requests.Model


@routes.add_route("POST", "/api/checks", scope=Scope.READ, body="Checks")
def check_bodies() -> Answer[responses.Checked]:
    """Validate repos, templates and tasks without saving them; return all faults or warnings."""
    asked = requests.parse_request(requests.Checks, json_body(routes.current_request))
    _check_schema_values([*asked.repos, *asked.prompt_templates, *asked.tasks])
    world = wiring.get_world()
    named = task_requests.read_named(world, *asked.tasks, with_repos=False)
    checked: list[CheckedBody] = []
    faults: list[Fault] = []
    for place, body, check in _iter_bodies(asked, named):
        kept, ignored = blueprint_requests.drop_ignored_fields(body)
        try:
            checked.append(CheckedBody(place, ignored, check(kept)))
        except Invalid as refused:
            faults += refused.below_prefix(place).faults
    if faults:
        raise Invalid.from_faults(faults)
    warnings = resource_views.warning_views(_iter_warnings(world, checked, named))
    return json_answer({"valid": True, "warnings": warnings})


def _check_schema_values(bodies: list[dict[str, Any]]) -> None:
    """Raise `Invalid` if the schemas would take too long to check."""
    schemas = [body.get("paramsSchema") for body in bodies]
    if sum(map(count_values, schemas)) > MAX_CHECKED_SCHEMA_VALUES:
        rule = (
            f"the schemas of one request may have at most {MAX_CHECKED_SCHEMA_VALUES:,} "
            f"values: send fewer"
        )
        raise Invalid(rule, "paramsSchema")


def _iter_bodies(
    asked: requests.Checks, named: References
) -> Iterator[tuple[str, dict[str, Any], Check]]:
    """Yield each body with its place in the request, and its check."""
    check_repo: Check = partial(requests.parse_request, requests.NewRepo)
    check_template: Check = partial(requests.parse_request, requests.NewPromptTemplate)
    check_task: Check = partial(task_requests.check_task, named=named)
    for name, bodies, check in (
        ("repos", asked.repos, check_repo),
        ("promptTemplates", asked.prompt_templates, check_template),
        ("tasks", asked.tasks, check_task),
    ):
        for number, body in enumerate(bodies):
            yield f"{name}.{number}", body, check


def _iter_warnings(
    world: World, checked: list[CheckedBody], named: References
) -> Iterator[FieldWarning]:
    """Yield the warnings of each body; only blueprints have some besides their ignored fields."""
    built = {
        one.place: task_requests.build_task(world, one.request, named)
        for one in checked
        if isinstance(one.request, requests.NewTask)
        and Kind(one.request.type) is not Kind.REPO_TASK
    }
    all_triggers = [trigger for _, triggers in built.values() for trigger in triggers]
    facts = save_warnings.read_facts(world, all_triggers, named.templates)
    for one in checked:
        found = (
            save_warnings.find_warnings(world, *built[one.place], facts)
            if one.place in built
            else []
        )
        yield from prefix_warnings(one.place, [*one.ignored, *found])
