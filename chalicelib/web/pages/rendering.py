"""Renders the package's templates; all values are escaped, and an undefined one is an error."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from jinja2.ext import Extension

from chalicelib.web.pages import filters

LINE_INDENTATION = re.compile(r"^[ \t]+", re.MULTILINE)


class _Unindented(Extension):
    """Drops the indentation of a template's lines, so that a page does not contain it.

    Inside `<pre>` and `<textarea>` write spaces at the start of a line as an expression.
    """

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        """Return the source of a template without the indentation of its lines."""
        return LINE_INDENTATION.sub("", source)


@cache
def jinja_environment() -> Environment:
    """Return the environment of the package's templates."""
    environment = Environment(
        loader=PackageLoader("chalicelib.web", "templates"),
        extensions=(_Unindented,),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters |= filters.JINJA_FILTERS
    environment.globals |= {"asset": asset_path, "SENDERS": filters.SENDER_LABELS}
    return environment


def render_template(template: str, /, **values: object) -> str:
    """Render a template with its values."""
    return jinja_environment().get_template(template).render(**values)


@cache
def static_files() -> Mapping[str, str]:
    """Return the texts of all static files, by name."""
    folder = files("chalicelib.web") / "static"
    return {
        entry.name: entry.read_text("utf-8")
        for entry in folder.iterdir()
        if entry.name.endswith((".css", ".js", ".svg"))
    }


@cache
def asset_path(name: str) -> str:
    """Return the path of a static file, with the hash of its content."""
    return f"static/{hashlib.sha256(static_files()[name].encode()).hexdigest()[:12]}/{name}"
