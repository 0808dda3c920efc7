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

    prefix: str
    ignored: list[FieldWarning]
    request: requests.Model


@routes.add_route("POST", "/api/checks", scope=Scope.READ, body="Checks")
def check_bodies() -> Answer[responses.Checked]:
    """Validate repos, templates and tasks without saving them; return all faults or warnings."""
    check_request = requests.parse_request(requests.Checks, json_body(routes.current_request))
    _check_schema_values(
        [*check_request.repos, *check_request.prompt_templates, *check_request.tasks]
    )
    world = wiring.get_world()
    named_objects = task_requests.read_named(world, *check_request.tasks, with_repos=False)
    checked: list[CheckedBody] = []
    faults: list[Fault] = []
    for prefix, body, check in _iter_bodies(check_request, named_objects):
        used_fields, ignored = blueprint_requests.drop_ignored_fields(body)
        try:
            checked.append(CheckedBody(prefix, ignored, check(used_fields)))
        except Invalid as refused:
            faults += refused.below_prefix(prefix).faults
    if faults:
        raise Invalid.from_faults(faults)
    warnings = resource_views.warning_views(_iter_warnings(world, checked, named_objects))
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
    check_request: requests.Checks, named_objects: References
) -> Iterator[tuple[str, dict[str, Any], Check]]:
    """Yield each body with its place in the request, and its check."""
    check_repo: Check = partial(requests.parse_request, requests.NewRepo)
    check_template: Check = partial(requests.parse_request, requests.NewPromptTemplate)
    check_task: Check = partial(task_requests.check_task, named_objects=named_objects)
    for name, bodies, check in (
        ("repos", check_request.repos, check_repo),
        ("promptTemplates", check_request.prompt_templates, check_template),
        ("tasks", check_request.tasks, check_task),
    ):
        for number, body in enumerate(bodies):
            yield f"{name}.{number}", body, check


def _iter_warnings(
    world: World, checked: list[CheckedBody], named_objects: References
) -> Iterator[FieldWarning]:
    """Yield the warnings of each body; only blueprints have some besides their ignored fields."""
    built = {
        checked_body.prefix: task_requests.build_task(world, checked_body.request, named_objects)
        for checked_body in checked
        if isinstance(checked_body.request, requests.NewTask)
        and Kind(checked_body.request.type) is not Kind.REPO_TASK
    }
    all_triggers = [trigger for _, triggers in built.values() for trigger in triggers]
    facts = save_warnings.read_facts(world, all_triggers, named_objects.templates)
    for checked_body in checked:
        body_warnings = (
            save_warnings.find_warnings(world, *built[checked_body.prefix], facts)
            if checked_body.prefix in built
            else []
        )
        yield from prefix_warnings(checked_body.prefix, [*checked_body.ignored, *body_warnings])
