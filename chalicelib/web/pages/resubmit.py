"""Keeps a form whose session ended before it was submitted, so that no entry is lost."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from chalice.app import Response
from cryptography.exceptions import InvalidTag

from chalicelib import wiring
from chalicelib.web.pages.contexts.small_pages import ResubmitPage
from chalicelib.web.pages.request import HIDDEN_FIELDS, PageRequest
from chalicelib.web.pages.session import PageSession

FormLists = Mapping[str, list[str]]
KEPT_FORM_PURPOSE = "kept form"
MAX_FORM_LENGTH = 200_000
"""Maximum characters of a form that is carried through a login."""


def offer_resubmit(
    visit: PageRequest, form_lists: FormLists, session: PageSession, *, status: int, to: str = ""
) -> Response:
    """Show a button that submits the kept form; it is never submitted automatically."""
    page = ResubmitPage(form_lists=form_lists, form_url=to)
    return replace(visit, session=session).show_page(page, status)


def restore_lists(lists: FormLists) -> FormLists:
    """Return the submitted fields that a page may show again."""
    return {name: texts for name, texts in lists.items() if name not in (*HIDDEN_FIELDS, "csrf")}


def seal_form(form_lists: FormLists) -> str:
    """Return a form as encrypted text, or an empty text for a form that is too long."""
    text = json.dumps(form_lists)
    return (
        wiring.get_world().encryption.encrypt_secret(text, KEPT_FORM_PURPOSE)
        if len(text) <= MAX_FORM_LENGTH
        else ""
    )


def open_form(text: str) -> FormLists | None:
    """Return the form that `seal_form` encrypted, or None."""
    if not text:
        return None
    try:
        form_lists: FormLists = json.loads(
            wiring.get_world().encryption.decrypt_secret(text, KEPT_FORM_PURPOSE)
        )
    except (ValueError, InvalidTag):
        return None
    return form_lists
