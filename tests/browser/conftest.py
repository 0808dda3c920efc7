"""A real browser in front of the deployed local stack."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from infra.dev.emulator import ROOT
from infra.dev.screenshots import CHROMIUM, FLAGS
from tests.e2e.conftest import System, system
from tests.support.lasting import starting_lasting_programs

__all__ = ["system"]
PICTURES = ROOT / "build" / "browser"
SIZES = {"wide": (1280, 860), "phone": (390, 844)}
CHOSEN = list(SIZES) if os.environ.get("ALL_SIZES") else ["wide"]
"""`make test` looks at one width, `make test-browser` at all."""


def _found() -> bool:
    """Return whether Chromium is there, after trying to install it as root."""
    if not Path(CHROMIUM).exists() and os.geteuid() == 0 and shutil.which("apt-get"):
        for command in (("update",), ("install", "-y", "--no-install-recommends", "chromium")):
            subprocess.run(["apt-get", *command], capture_output=True, check=False, timeout=600)
    return Path(CHROMIUM).exists()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    if not _found():
        why = f"THE BROWSER TESTS DID NOT RUN: there is no {CHROMIUM} (apt-get install chromium)"
        pytest.skip(why)
    from playwright.sync_api import sync_playwright

    with ExitStack() as stack:
        with starting_lasting_programs():
            playwright = stack.enter_context(sync_playwright())
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(params=CHOSEN)
def page(request: pytest.FixtureRequest, chromium: Any, system: System) -> Iterator[Any]:
    """A signed-in page; scripts that fail or break the policy fail the test."""
    with signed_in(chromium, system, request.param) as page:
        yield page
        PICTURES.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=PICTURES / f"{request.node.name.replace('[', '-').strip(']')}.png")


@contextmanager
def signed_in(chromium: Any, system: System, size: str = "wide", **more: Any) -> Iterator[Any]:
    """Give a page of a browser that is signed in; a fault of a script is one of the test."""
    width, height = SIZES[size]
    context = chromium.new_context(
        viewport={"width": width, "height": height}, base_url=system.card["url"], **more
    )
    context.set_default_timeout(60_000)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda one: errors.append(one.text) if "Content Security" in one.text else 0)
    page.goto(system.ok("POST", "/api/auth/sign-in-links")["path"])
    page.get_by_role("button", name="Sign in").click()
    yield page
    context.close()
    assert errors == []


def accessible(page: Any) -> None:
    """Assert that axe finds nothing serious on the current page."""
    found = Axe().run(page).response["violations"]
    serious = [one for one in found if one["impact"] in ("serious", "critical")]
    assert [(one["id"], one["nodes"][0]["html"]) for one in serious] == [], page.url
