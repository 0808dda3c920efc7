"""Base classes of the contexts of pages, and the state of a form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import ClassVar

from chalicelib.web.pages.forms import FormError


@dataclass(frozen=True, kw_only=True)
class PageContext:
    """The variables of one template. Its fields and the template's variables must be the same."""

    template: ClassVar[str]

    def list_variables(self) -> dict[str, object]:
        """Return the variables of the template by name."""
        return {variable.name: getattr(self, variable.name) for variable in fields(self)}


@dataclass(frozen=True, kw_only=True)
class FormState:
    """The texts of a form's fields and their faults, by field, and the errors of the whole form."""

    texts: Mapping[str, str] = field(default_factory=dict)
    faults: Mapping[str, str] = field(default_factory=dict)
    errors: Sequence[FormError] = ()

    @property
    def without_texts(self) -> FormState:
        """The form with its faults only, for the fields of secrets."""
        return replace(self, texts={})

    def has_fault_in(self, *names: str) -> bool:
        """Return whether any of these fields has a fault, so that its section must be open."""
        return any(name in self.faults for name in names)

    def only_if(self, condition: bool, otherwise: Mapping[str, str] | None = None) -> FormState:
        """Return the form if it was submitted for this part of a page, or a prefilled one."""
        return self if condition else FormState(texts=otherwise or {})


@dataclass(frozen=True, kw_only=True)
class FormContext(PageContext):
    """The variables of a template with a form."""

    form: FormState


def title_form(edited_name: str | None, otherwise: str) -> str:
    """Return the title of a form that edits the named object, or that adds another one."""
    return otherwise if edited_name is None else f"Edit {edited_name}"
