"""The ticket providers with their health, and the form to add or edit one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from chalice.app import Response

from chalicelib import wiring
from chalicelib.actions import providers
from chalicelib.domain.errors import Conflict, DomainError, Invalid
from chalicelib.domain.provider import ANSWERS, fields_of
from chalicelib.domain.ticket import SOURCES
from chalicelib.web import audit, models, reading_settled
from chalicelib.web.http import known_id
from chalicelib.web.pages.visit import Visit


def index(visit: Visit) -> Response:
    """Show the providers, and the form to add one or to edit the selected one."""
    if visit.query("part"):
        return visit.fragment("_tickets.html", found=wiring.world().providers.all())
    return _page(visit, None)


def _page(visit: Visit, error: DomainError | None) -> Response:
    world = wiring.world()
    found = world.providers.all()
    chosen = visit.form.get("id") or visit.query("edit")
    editing = world.providers.get(known_id("provider", chosen)) if chosen else None
    saved = {"source": visit.query("source") or "github"}
    if editing:
        saved = {"name": editing.name, **editing.config}
    return visit.form_page("tickets.html", error, saved, seen="", found=found, editing=editing)


def save(visit: Visit) -> Response:
    """Add, rename, pause, resume or remove a provider, or give it another credential."""
    wanted, chosen = visit.form.get("do", ""), visit.form.get("id", "")
    try:
        if wanted == "delete":
            providers.remove(wiring.world(), known_id("provider", chosen))
            return visit.go("tickets", done="deleted")
        if chosen or wanted:
            return visit.go("tickets", done=_changed(visit, known_id("provider", chosen), wanted))
        _add(visit)
    except (Invalid, Conflict) as error:
        return _page(visit, error)
    return visit.go("tickets", done="provider-added")


def _changed(visit: Visit, provider_id: str, wanted: str) -> str:
    world, form = wiring.world(), visit.form
    was = world.providers.get(provider_id)
    if wanted in ("pause", "resume"):
        providers.change(world, was, replace(was, enabled=wanted == "resume"))
        return f"provider-{wanted}d"
    body: dict[str, object] = {
        name: form[name] for name in ("name", "credential") if form.get(name, "").strip()
    }
    place = {name: text for name, text in was.config.items() if name not in ANSWERS}
    body["config"] = {**place, **_named(form, ANSWERS)}
    asked = models.parsed(models.ProviderPatch, body, was=was)
    providers.change(world, was, reading_settled.patched_provider(was, asked), asked.credential)
    return "saved"


def _add(visit: Visit) -> None:
    world, form = wiring.world(), visit.form
    source = form.get("source", "")
    known = fields_of(source) if source in SOURCES else ()
    body: dict[str, object] = {"source": source, "credential": form.get("credential", "")}
    body["config"] = _named(form, known)
    if form.get("name", "").strip():
        body["name"] = form["name"]
    asked = models.parsed(models.NewProvider, body)
    new = reading_settled.provider(asked, world.now())
    kept = providers.create(world, new, asked.credential, visit.once(new.id))
    audit.made(kept.id, kept.name)


def _named(form: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    return {name: form[name] for name in names if form.get(name, "").strip()}


def sync(visit: Visit) -> Response:
    """Request an immediate sync of every provider."""
    count = providers.sync_now(wiring.world())
    return visit.go("tickets", done="synced" if count else "synced-none")


def enable(visit: Visit, provider_id: str) -> Response:
    """Re-enable a disabled provider."""
    providers.enable(wiring.world(), known_id("provider", provider_id))
    return visit.go("tickets", done="provider-resumed")
