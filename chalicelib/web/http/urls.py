"""Links that work behind a stage's prefix, a custom domain or a local proxy.

Every link is relative to its page, so no code has to know the service's own URL.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, urlencode

PAGE_ROOTS = frozenset(
    {"tasks", "templates", "repos", "secrets", "tickets", "activity", "settings", "welcome"}
)
"""First parts of the paths to which a sign-in may redirect."""

_PART = re.compile(r"(?!\.+$)[A-Za-z0-9_.~-]+", re.ASCII)
_QUERY = re.compile(r"[A-Za-z0-9_.~%&=+-]*", re.ASCII)


@dataclass(frozen=True)
class PageUrls:
    """The links of one page, computed from the depth of its path."""

    depth: int

    @staticmethod
    def of_path(path: str) -> PageUrls:
        """Return the links of the page at `path`, which is given without a stage's prefix."""
        return PageUrls(max(0, path.strip("/").count("/")))

    @property
    def root_link(self) -> str:
        return "../" * self.depth or "./"

    def link_to(self, *parts: str, **query: str | None) -> str:
        """Return the link to a path of the service, with its parts quoted."""
        path = "/".join(quote(part, safe="") for part in parts)
        query_string = urlencode({name: text for name, text in query.items() if text})
        return f"{self.root_link}{path}" + (f"?{query_string}" if query_string else "")

    def link_inside(self, target: str) -> str:
        """Return the link to a requested page, or to the tasks if it is not a known page.

        Only plain names below a known page are accepted, because every browser reads them alike.
        """
        path, _, query = target.strip("/").partition("?")
        parts = path.split("/")
        is_known = parts[0] in PAGE_ROOTS and all(_PART.fullmatch(part) for part in parts)
        if not is_known or not _QUERY.fullmatch(query):
            return self.link_to("tasks")
        return self.root_link + path + (f"?{query}" if query else "")
