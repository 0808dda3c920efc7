"""Variables of a file, which adapt its blueprints to another repo, agent or stage."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from optio_cli.core.api import Json
from optio_cli.core.errors import ExitCode, Failure

VARIABLES_SECTION = "variables"
REFERENCE_PATTERN = re.compile(r"\$\{(\w+)\}")


def take_variables(wholes: Mapping[str, Json], overrides: Json) -> Json:
    """Remove the variables from the files and return them.

    A later file overrides an earlier one, and `overrides` replaces every file.
    """
    variables: Json = {}
    for name, whole in wholes.items():
        declared = whole.pop(VARIABLES_SECTION, {})
        if not isinstance(declared, dict):
            raise _variable_failure(
                f"{name}: {VARIABLES_SECTION}", "must be a mapping of names to values"
            )
        variables |= {str(variable): value for variable, value in declared.items()}
    for variable in overrides:
        if variable not in variables:
            raise _variable_failure(
                f"--set {variable}", f"no file declares it under {VARIABLES_SECTION!r}"
            )
    return variables | overrides


def fill_variables(value: Any, variables: Json) -> Any:
    """Return a value with each `${name}` of a known variable replaced; unknown names stay.

    A text that is only `${name}` becomes the variable's value and takes its type.
    """
    if isinstance(value, dict):
        return {name: fill_variables(part, variables) for name, part in value.items()}
    if isinstance(value, list):
        return [fill_variables(part, variables) for part in value]
    if not isinstance(value, str):
        return value
    whole = REFERENCE_PATTERN.fullmatch(value)
    if whole and whole[1] in variables:
        return variables[whole[1]]
    return REFERENCE_PATTERN.sub(lambda match: _replace_reference(match, variables), value)


def _replace_reference(match: re.Match[str], variables: Json) -> str:
    name = match[1]
    if name not in variables:
        return match[0]
    value = variables[name]
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        message = f"is part of a text, so {name!r} must be a text or a number, not {value!r}"
        raise _variable_failure(match[0], message)
    return str(value)


def _variable_failure(field: str, message: str) -> Failure:
    return Failure(f"{field} {message}", ExitCode.REFUSED, [{"field": field, "message": message}])
