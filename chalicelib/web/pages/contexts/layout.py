"""The variables that every page has: its menu, and what its reader may do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from chalicelib.web.http.urls import PageUrls

MENU = (
    ("tasks", "Tasks", "read"),
    ("tasks/scheduled", "Scheduled", "read"),
    ("templates", "Templates", "read"),
    ("repos", "Repos", "read"),
    ("secrets", "Secrets", "read"),
    ("tickets", "Tickets", "read"),
    ("activity", "Activity", "admin"),
    ("settings", "Settings", "admin"),
)
"""Path, label and needed scope of each entry of the menu."""
NEW_TASK_PATH = "/tasks/new"


@dataclass(frozen=True, kw_only=True)
class Permissions:
    """Which scopes the reader's key has; pages hide the buttons that it does not allow."""

    read: bool
    run: bool
    write: bool
    admin: bool

    @staticmethod
    def of_reader(may_use: Callable[[str], bool]) -> Permissions:
        """Return the permissions by a function that decides about one scope."""
        return Permissions(
            read=may_use("read"),
            run=may_use("run"),
            write=may_use("write"),
            admin=may_use("admin"),
        )

    def has_scope(self, scope: str) -> bool:
        return bool(getattr(self, scope))


@dataclass(frozen=True)
class MenuLink:
    """An entry of the menu."""

    url: str
    label: str
    is_current: bool


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The frame of a page. Without a session it has neither a menu nor buttons."""

    has_session: bool
    menu: tuple[MenuLink, ...]
    is_new_task: bool


def draw_layout(path: str, urls: PageUrls, may: Permissions, *, has_session: bool) -> Layout:
    """Return the frame of the page at `path`."""
    menu = [
        MenuLink(urls.root_link + target, label, _is_current(path, target))
        for target, label, scope in MENU
        if may.has_scope(scope)
    ]
    return Layout(has_session=has_session, menu=tuple(menu), is_new_task=path == NEW_TASK_PATH)


def _is_current(path: str, target: str) -> bool:
    """Return whether a page belongs to an entry of the menu; a new task belongs to none."""
    if target == "tasks":
        return (
            path.startswith("/tasks")
            and not path.startswith("/tasks/scheduled")
            and path != NEW_TASK_PATH
        )
    return path.startswith(f"/{target}")
