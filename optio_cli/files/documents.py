"""The format of `blueprints.yaml`: the wanted contents of a stage as a reviewable file."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import yaml

from optio_cli.core.api import Json
from optio_cli.core.errors import ExitCode, Failure
from optio_cli.files import variables

SECTIONS = ("repos", "templates", "blueprints")
IDENTITY_FIELDS = {"repos": "repoUrl", "templates": "name", "blueprints": "name"}


MAX_CHARACTERS = 20_000_000
"""Maximum of a file's values with all aliases expanded: ten lines can expand to billions."""
WRONG_VALUES = (ValueError, KeyError, TypeError, AttributeError, RecursionError)
"""Errors that PyYAML does not wrap: values that their tag does not allow, and deep nesting."""


class StrictLoader(yaml.SafeLoader):
    """Loads YAML, keeps times as text, as the API expects, and rejects duplicate names."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._size = 0
        self._sizes: dict[int, int] = {}

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        again, before = self.check_event(yaml.AliasEvent), self._size
        node = super().compose_node(parent, index)
        if again:
            self._size += self._sizes.get(id(node), 1)
        else:
            self._size += 1 + (len(node.value) if isinstance(node, yaml.ScalarNode) else 0)
            self._sizes[id(node)] = self._size - before
        if self._size > MAX_CHARACTERS:
            message = f"its values have more than {MAX_CHARACTERS} characters in total"
            raise yaml.composer.ComposerError(
                None, None, message, node.start_mark if node else None
            )
        return node

    def compose_mapping_node(self, anchor: dict[Any, Any]) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                message = f"{key.value!r} is defined twice here"
                raise yaml.composer.ComposerError(None, None, message, key.start_mark)
            seen.add(str(key.value))
        return node


StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, rule) for tag, rule in rules if tag != "tag:yaml.org,2002:timestamp"]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class BlockDumper(yaml.SafeDumper):
    """Writes YAML as people do: text of several lines becomes a block."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> Any:
        return super().increase_indent(flow, False)


_ESCAPED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff]")
"""Characters that YAML reads as line breaks or not at all, unless they are escaped."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = '"' if _ESCAPED.search(text) else "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


BlockDumper.add_representer(str, _represent_text)


@dataclass(frozen=True)
class StageDocument:
    """Repos, templates and blueprints, each with its location in the files."""

    repos: tuple[tuple[str, Json], ...] = ()
    templates: tuple[tuple[str, Json], ...] = ()
    blueprints: tuple[tuple[str, Json], ...] = ()


def parse_documents(texts: list[tuple[str, str]], overrides: Json) -> StageDocument:
    """Return the document of all files (name and text), or raise with every fault of its form.

    `overrides` holds values of variables that override those in the files.
    """
    sections: dict[str, list[tuple[str, Json]]] = {section: [] for section in SECTIONS}
    faults: list[Json] = []
    wholes = {name: _load_yaml(name, text) for name, text in texts}
    values = variables.take_variables(wholes, overrides)
    for name, whole in wholes.items():
        prefix = f"{name}: " if len(wholes) > 1 else ""
        for section, entries in variables.fill_variables(whole, values).items():
            if section not in SECTIONS:
                faults.append(
                    _make_fault(
                        f"{prefix}{section}", f"is not a section: use {', '.join(SECTIONS)}"
                    )
                )
            elif not isinstance(entries, list):
                faults.append(_make_fault(f"{prefix}{section}", "must be a list"))
            else:
                for number, entry in enumerate(entries):
                    where = f"{prefix}{section}[{number}]"
                    faults += _find_faults(where, section, entry, sections[section])
                    sections[section].append((where, entry if isinstance(entry, dict) else {}))
    if faults:
        raise Failure(f"{faults[0]['field']} {faults[0]['message']}", ExitCode.REFUSED, faults)
    return StageDocument(**{section: tuple(entries) for section, entries in sections.items()})


def _load_yaml(name: str, text: str) -> dict[str, Any]:
    try:
        whole = yaml.load(text, StrictLoader)
    except WRONG_VALUES as error:
        message = (
            str(error) if isinstance(error, ValueError) else "it has a value that YAML cannot read"
        )
        raise Failure(f"{name} is not valid YAML: {message}", ExitCode.REFUSED) from None
    except yaml.YAMLError as error:
        advice = " (a cron expression needs quotes)" if "alias" in str(error) else ""
        raise Failure(f"{name} is not valid YAML{advice}: {error}", ExitCode.REFUSED) from None
    try:
        json.dumps(whole, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise Failure(
            f"{name} has a value that JSON cannot represent: {error}", ExitCode.REFUSED
        ) from None
    if whole is None:
        return {}
    if not isinstance(whole, dict):
        raise Failure(f"{name} must be a mapping with {', '.join(SECTIONS)}", ExitCode.REFUSED)
    return whole


def _find_faults(
    where: str, section: str, entry: Any, before: list[tuple[str, Json]]
) -> list[Json]:
    key = IDENTITY_FIELDS[section]
    if not isinstance(entry, dict):
        return [_make_fault(where, "must be a mapping")]
    if not isinstance(entry.get(key), str) or not entry[key].strip():
        return [_make_fault(f"{where}.{key}", "is missing: it identifies the entry")]
    faults = [
        _make_fault(f"{where}.{key}", f"{entry[key]!r} is also used at {other}")
        for other, earlier in before
        if earlier.get(key) == entry[key] and earlier.get("id") == entry.get("id")
    ]
    triggers = entry.get("triggers", [])
    if not isinstance(triggers, list) or not all(isinstance(trigger, dict) for trigger in triggers):
        return [*faults, _make_fault(f"{where}.triggers", "must be a list of mappings")]
    for number, trigger in enumerate(triggers):
        config = trigger.get("config", {})
        at = f"{where}.triggers[{number}]"
        if not isinstance(config, dict):
            faults.append(_make_fault(f"{at}.config", "must be a mapping"))
        elif "secret" in config and not _is_reference(config["secret"]):
            message = "must be a reference, {env: NAME} or {file: PATH}, never the secret itself"
            faults.append(_make_fault(f"{at}.config.secret", message))
    return faults


def _is_reference(value: object) -> bool:
    return (
        isinstance(value, dict)
        and len(value) == 1
        and next(iter(value)) in ("env", "file")
        and isinstance(next(iter(value.values())), str)
    )


def _make_fault(field: str, message: str) -> Json:
    return {"field": field, "message": message}


def dump_document(sections: dict[str, list[Json]]) -> str:
    """Return a document as YAML; sections without entries are left out."""
    filled = {name: entries for name, entries in sections.items() if entries}
    return yaml.dump(filled, Dumper=BlockDumper, sort_keys=False, allow_unicode=True, width=100)
