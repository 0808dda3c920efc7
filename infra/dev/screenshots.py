"""`make screenshots`: every page, light and dark, wide and narrow, with demo data."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from infra.dev import dev_state
from infra.dev.demo import example
from infra.dev.demo_data import make
from infra.dev.emulator import ROOT

CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
SIZES = {"wide": (1280, 860), "narrow": (390, 844)}


def list_pages(ids: dict[str, str]) -> dict[str, str]:
    """Return the pages to show, by the name of their picture."""
    return {
        "welcome": "/welcome",
        "tasks": "/tasks",
        "task": f"/tasks/{ids['run']}",
        "scheduled": "/tasks/scheduled",
        "definition": f"/tasks/scheduled/{ids['definition']}",
        "new": "/tasks/new",
        "templates": "/templates",
        "repos": "/repos",
        "secrets": "/secrets",
        "tickets": "/tickets",
        "activity": "/activity",
        "settings": "/settings",
        "webhooks": "/settings/webhooks",
        "webhook": f"/settings/webhooks/{ids['webhook']}",
    }


def take_screenshots(url: str, token: str, ids: dict[str, str], out: Path) -> None:
    """Write the pictures of all pages to `out`."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only here

    out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        for scheme in ("light", "dark"):
            for size, (width, height) in SIZES.items():
                context = browser.new_context(
                    viewport={"width": width, "height": height},
                    color_scheme="dark" if scheme == "dark" else "light",
                    timezone_id="Europe/Berlin",
                    locale="en-GB",
                )
                page = context.new_page()
                page.goto(f"{url}/login")
                page.screenshot(path=out / f"login-{scheme}-{size}.png")
                page.fill("#key", token)
                page.click("button.primary")
                page.wait_for_url("**/tasks")
                for name, path in list_pages(ids).items():
                    page.goto(url + path)
                    page.wait_for_timeout(700)
                    page.screenshot(path=out / f"{name}-{scheme}-{size}.png")
                context.close()
        browser.close()


def main() -> None:
    """Make demo data on the running `make dev`, once, and take the pictures."""
    state = dev_state.state_folder()
    card = dev_state.card(state)
    ids_file = state / "demo-data.json"
    if not ids_file.exists():
        ids_file.write_text(json.dumps(make(card, example(state))))
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "screenshots"
    take_screenshots(card["url"], card["token"], json.loads(ids_file.read_text()), out)


if __name__ == "__main__":
    main()
