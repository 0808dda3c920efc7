"""Links that hold at any address: behind a stage's prefix, a custom domain, or a local front.

Every link is relative to the page that carries it, so nobody has to know where the service lies.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, urlencode


@dataclass(frozen=True)
class Urls:
    """The links of one page, found from the depth of its path."""

    depth: int

    @staticmethod
    def of(path: str) -> Urls:
        """Return the links of the page at `path` (as the service names it, without a prefix)."""
        return Urls(max(0, path.strip("/").count("/")))

    @property
    def root(self) -> str:
        return "../" * self.depth or "./"

    def to(self, *parts: str, **query: str | None) -> str:
        """Return the link to a path of the service, its parts quoted."""
        path = "/".join(quote(part, safe="") for part in parts)
        asked = urlencode({name: text for name, text in query.items() if text})
        return f"{self.root}{path}" + (f"?{asked}" if asked else "")

    def inside(self, path: str) -> str:
        """Return the link to a path that somebody asked for; what leads elsewhere leads home."""
        clean = path.lstrip("/\\")
        bad = "://" in clean.split("?")[0] or ":" in clean.split("/")[0].split("?")[0]
        odd = "\\" in clean or ".." in clean or any(ord(c) < 33 for c in clean)
        # A link that signs in somebody else is nothing to be led to either.
        again = clean.split("?")[0].split("/")[0] in ("login", "logout")
        return self.root + ("tasks" if bad or odd or again or not clean else clean)
