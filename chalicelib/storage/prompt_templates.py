"""Prompt templates in DynamoDB; a row contains the ids of the blueprints linked to it."""

from __future__ import annotations

from pynamodb.exceptions import DoesNotExist

from chalicelib.domain.errors import Conflict, NotFound, Superseded
from chalicelib.domain.firing import Claim
from chalicelib.domain.prompt_template import PromptTemplate
from chalicelib.ports import Taken
from chalicelib.storage import claims, codec, pages
from chalicelib.storage.records import ClaimRecord, TemplateRecord
from chalicelib.storage.sizes import fitting
from chalicelib.storage.transactions import Transaction

LIBRARY = "library"


class DynamoPromptTemplates:
    """The store of prompt templates. Each name is a claim, so that it is unique."""

    def get(self, template_id: str) -> PromptTemplate:
        try:
            record = TemplateRecord.get(template_id, consistent_read=True)
        except DoesNotExist:
            raise NotFound("prompt template", template_id) from None
        return codec.load(PromptTemplate, record.data)

    def add(self, new: PromptTemplate, claim: Claim | None) -> None:
        transaction = Transaction()
        transaction.put("template", _row(new), TemplateRecord.id.does_not_exist())
        transaction.put("name", _name(new), ClaimRecord.id.does_not_exist())
        claims.take(transaction, claim, new.created_at)
        try:
            transaction.commit()
        except Taken as taken:
            if "claim" in taken.parts:
                raise
            raise _taken(new) from taken

    def put(self, new: PromptTemplate, was: PromptTemplate) -> None:
        transaction = Transaction()
        changes = [
            TemplateRecord.version.set(new.version),
            TemplateRecord.data.set(fitting(_row(new)).data),
        ]
        same = TemplateRecord.version == was.version
        transaction.update("template", TemplateRecord(id=new.id), changes, same)
        if _name(new).id != _name(was).id:
            transaction.put("name", _name(new), ClaimRecord.id.does_not_exist())
            transaction.delete("old name", _name(was))
        try:
            transaction.commit()
        except Taken as taken:
            if "name" in taken.parts:
                raise _taken(new) from taken
            raise Superseded(f"prompt template {new.id!r} was modified concurrently") from taken

    def remove(self, old: PromptTemplate) -> None:
        transaction = Transaction()
        unlinked = TemplateRecord.links.does_not_exist()
        transaction.delete("template", _row(old), unlinked)
        transaction.delete("name", _name(old))
        try:
            transaction.commit()
        except Taken as taken:
            message = f"prompt template {old.name!r} is used by blueprints: unlink them first"
            raise Conflict(message) from taken

    def newest(self, before: str | None, limit: int) -> tuple[list[PromptTemplate], str | None]:
        rows = pages.newest(TemplateRecord.newest, LIBRARY, before, limit + 1)
        return pages.things(PromptTemplate, rows, limit)


def _taken(template: PromptTemplate) -> Conflict:
    return Conflict(
        f"the name {template.name!r} is already used by another prompt template", "name"
    )


def _row(template: PromptTemplate) -> TemplateRecord:
    return TemplateRecord(
        id=template.id,
        library=LIBRARY,
        age=codec.age(template.created_at, template.id),
        version=template.version,
        data=codec.dump(template),
    )


def _name(template: PromptTemplate) -> ClaimRecord:
    return ClaimRecord(
        id=f"template-name#{template.name.casefold()}", digest="", result=template.id
    )
