"""Prompt templates in DynamoDB; a row contains the ids of the blueprints linked to it."""

from __future__ import annotations

from pynamodb.exceptions import DoesNotExist

from chalicelib.domain.blueprints.prompt_template import PromptTemplate
from chalicelib.domain.errors import Conflict, NotFound, Superseded
from chalicelib.domain.firing.firing import IdempotencyClaim
from chalicelib.domain.page import Cursor, Page, list_position
from chalicelib.domain.versions import require_next_version
from chalicelib.ports import Part, WriteConflict
from chalicelib.storage import claims
from chalicelib.storage.dynamo import codec, pagination
from chalicelib.storage.dynamo.item_size import check_item_size
from chalicelib.storage.dynamo.transactions import Transaction
from chalicelib.storage.records import ClaimRecord, TemplateRecord

TEMPLATE_LIST = "library"


class DynamoPromptTemplates:
    """The store of prompt templates. Each name is a claim, so that it is unique."""

    def get(self, template_id: str) -> PromptTemplate:
        try:
            record = TemplateRecord.get(template_id, consistent_read=True)
        except DoesNotExist:
            raise NotFound("prompt template", template_id) from None
        return codec.load_json(PromptTemplate, record.data)

    def add(self, new: PromptTemplate, claim: IdempotencyClaim | None) -> None:
        transaction = Transaction()
        transaction.add_put(Part.TEMPLATE, _to_record(new), TemplateRecord.id.does_not_exist())
        transaction.add_put(Part.TEMPLATE_NAME, _name_claim(new), ClaimRecord.id.does_not_exist())
        claims.take_claim(transaction, claim, new.created_at)
        try:
            transaction.commit_all()
        except WriteConflict as taken:
            if Part.CLAIM in taken.parts:
                raise
            raise _name_conflict(new) from taken

    def put(self, new: PromptTemplate, was: PromptTemplate) -> None:
        require_next_version(new, was)
        transaction = Transaction()
        changes = [
            TemplateRecord.version.set(new.version),
            TemplateRecord.data.set(check_item_size(_to_record(new)).data),
        ]
        same = TemplateRecord.version == was.version
        transaction.add_update(Part.TEMPLATE, TemplateRecord(id=new.id), changes, same)
        if _name_claim(new).id != _name_claim(was).id:
            transaction.add_put(
                Part.TEMPLATE_NAME, _name_claim(new), ClaimRecord.id.does_not_exist()
            )
            transaction.add_delete(Part.TEMPLATE_NAME, _name_claim(was))
        try:
            transaction.commit_all()
        except WriteConflict as taken:
            if Part.TEMPLATE_NAME in taken.parts:
                raise _name_conflict(new) from taken
            raise Superseded(f"prompt template {new.id!r} was modified concurrently") from taken

    def remove(self, old: PromptTemplate) -> None:
        transaction = Transaction()
        unlinked = TemplateRecord.links.does_not_exist()
        transaction.add_delete(Part.TEMPLATE, _to_record(old), unlinked)
        transaction.add_delete(Part.TEMPLATE_NAME, _name_claim(old))
        try:
            transaction.commit_all()
        except WriteConflict as taken:
            message = f"prompt template {old.name!r} is used by blueprints: unlink them first"
            raise Conflict(message) from taken

    def list_newest(self, before: Cursor | None, limit: int) -> Page[PromptTemplate]:
        rows = pagination.query_newest(TemplateRecord.newest, TEMPLATE_LIST, before, limit + 1)
        return pagination.load_page(PromptTemplate, rows, limit)


def _name_conflict(template: PromptTemplate) -> Conflict:
    return Conflict(
        f"the name {template.name!r} is already used by another prompt template", "name"
    )


def _to_record(template: PromptTemplate) -> TemplateRecord:
    return TemplateRecord(
        id=template.id,
        library=TEMPLATE_LIST,
        age=list_position(template.created_at, template.id),
        version=template.version,
        data=codec.dump_json(template),
    )


def _name_claim(template: PromptTemplate) -> ClaimRecord:
    return ClaimRecord(
        id=f"template-name#{template.name.casefold()}", digest="", result=template.id
    )
