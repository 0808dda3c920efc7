"""The variables of the pages without a list: the sign-in, the first steps and errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chalicelib.domain.errors import Fault
from chalicelib.web.pages.contexts.base import PageContext


@dataclass(frozen=True, kw_only=True)
class LoginPage(PageContext):
    """The variables of the sign-in. `sealed_form` is a form to submit after it."""

    template = "login.html"

    next: str
    error: str
    sealed_form: str


@dataclass(frozen=True, kw_only=True)
class SignInLinkPage(PageContext):
    """The variables of the page of a sign-in link."""

    template = "sign_in_link.html"

    code: str


@dataclass(frozen=True, kw_only=True)
class ResubmitPage(PageContext):
    """The variables of the page that offers to submit a kept form."""

    template = "again.html"

    form_lists: Mapping[str, Sequence[str]]
    form_url: str


@dataclass(frozen=True, kw_only=True)
class ErrorPage(PageContext):
    """The variables of an error page."""

    template = "error.html"

    title: str
    message: str
    faults: Sequence[Fault]


@dataclass(frozen=True, kw_only=True)
class WelcomePage(PageContext):
    """The variables of the first steps: which of them are done."""

    template = "welcome.html"

    has_repos: bool
    has_secrets: bool
    has_blueprints: bool
    has_runs: bool


@dataclass(frozen=True, kw_only=True)
class CronTime:
    """A fire time in UTC, and in the zone of its schedule if that is another one."""

    utc: str
    local: str


@dataclass(frozen=True, kw_only=True)
class CronPart(PageContext):
    """The variables of the description of a cron expression, or its error.

    `zone` is empty for a schedule in UTC.
    """

    template = "_cron.html"

    error: str = ""
    description: str = ""
    zone: str = ""
    times: Sequence[CronTime] = ()
