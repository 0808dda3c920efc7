"""A Linear of our own: GraphQL by graphql-core, on the published schema where it is there."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from graphql import DocumentNode, GraphQLSchema, build_schema, execute_sync, parse, validate

from tests.fakes.description import ROOT
from tests.fakes.tracker import CREDENTIAL, SAID_AT, Answer, FakeTracker, Item, Said

OWN = """
scalar DateTime
scalar DateTimeOrDuration
enum PaginationOrderBy { createdAt updatedAt }
input StringComparator { eq: String eqIgnoreCase: String nin: [String!] }
input NullableDateComparator { gte: DateTimeOrDuration }
input TeamFilter { key: StringComparator }
input WorkflowStateFilter { type: StringComparator name: StringComparator }
input IssueLabelFilter { name: StringComparator }
input IssueFilter {
  updatedAt: NullableDateComparator state: WorkflowStateFilter team: TeamFilter
}
input CommentCreateInput { issueId: String body: String }
input CommentUpdateInput { body: String }
input IssueUpdateInput { stateId: String }
type PageInfo { hasNextPage: Boolean! endCursor: String }
type User { displayName: String! }
type WorkflowState { id: ID! name: String! type: String! }
type WorkflowStateConnection { nodes: [WorkflowState!]! pageInfo: PageInfo! }
type Team { id: ID! states(filter: WorkflowStateFilter): WorkflowStateConnection! }
type IssueLabel { id: ID! name: String! team: Team }
type IssueLabelConnection { nodes: [IssueLabel!]! pageInfo: PageInfo! }
type Comment { id: ID! body: String! createdAt: DateTime! user: User }
type CommentConnection { nodes: [Comment!]! pageInfo: PageInfo! }
type Issue {
  id: ID! identifier: String! title: String! description: String url: String!
  updatedAt: DateTime! creator: User state: WorkflowState! team: Team!
  labels(first: Int): IssueLabelConnection!
  comments(first: Int, after: String, orderBy: PaginationOrderBy): CommentConnection!
}
type IssueConnection { nodes: [Issue!]! pageInfo: PageInfo! }
type CommentPayload { success: Boolean! comment: Comment! }
type IssuePayload { success: Boolean! issue: Issue }
type Query {
  issue(id: String!): Issue!
  issues(
    first: Int, after: String, filter: IssueFilter, orderBy: PaginationOrderBy
  ): IssueConnection!
  issueLabels(filter: IssueLabelFilter): IssueLabelConnection!
}
type Mutation {
  commentCreate(input: CommentCreateInput!): CommentPayload!
  commentUpdate(id: String!, input: CommentUpdateInput!): CommentPayload!
  issueUpdate(id: String!, input: IssueUpdateInput!): IssuePayload!
  issueAddLabel(id: String!, labelId: String!): IssuePayload!
}
"""
"""The part that we use, in our own words: for a machine without the published schema."""
TEAM = "team-1"


@cache
def schema() -> GraphQLSchema:
    base = os.environ.get("OPTIO_SHARED") or ROOT.parent / "shared"
    path = f"{base}/data/specs/linear.graphql.gz"
    if not os.path.exists(path):  # noqa: PTH110
        return build_schema(OWN)
    with gzip.open(path, "rt") as text:
        return build_schema(text.read(), assume_valid=True)


@cache
def checked(document: str) -> tuple[DocumentNode, list[str]]:
    parsed = parse(document)
    return parsed, [error.message for error in validate(schema(), parsed)]


class FakeLinear(FakeTracker):
    source = "linear"
    page = 50

    def __init__(self, now: Callable[[], datetime]) -> None:
        super().__init__(now)
        self.states = {"state-1": "In progress", "state-2": "Done"}
        self.known = {"label-1": "by-agent"}

    def limit(self) -> Answer:
        reset = int((self.now() + timedelta(minutes=2)).timestamp() * 1000)
        error = {"message": "Rate limit exceeded", "extensions": {"code": "RATELIMITED"}}
        return 400, {"X-RateLimit-Requests-Reset": str(reset)}, {"errors": [error]}

    def real(
        self, method: str, path: str, query: dict[str, str], headers: Any, body: Any
    ) -> Answer:
        if (method, path) != ("POST", "/graphql"):
            return 404, {}, {}
        if headers.get("Authorization") != CREDENTIAL:
            return 401, {}, {"errors": [{"message": "Authentication required"}]}
        document, faults = checked(body["query"])
        if faults:
            self.wrong += faults
            return 400, {}, {"errors": [{"message": faults[0]}]}
        done = execute_sync(schema(), document, self._root(), variable_values=body["variables"])
        if done.errors:
            self.wrong += [str(error) for error in done.errors if "no such" not in error.message]
            return 200, {}, {"errors": [{"message": done.errors[0].message}]}
        return 200, {}, {"data": done.data}

    def _root(self) -> dict[str, Any]:
        return {
            "issues": self._issues,
            "issue": lambda info, id: self._view(self._item(id)),
            "issueLabels": lambda info, filter: {
                "nodes": [
                    {"id": key, "name": name, "team": None}
                    for key, name in self.known.items()
                    if name.lower() == filter["name"]["eqIgnoreCase"].lower()
                ]
            },
            "commentCreate": self._say,
            "commentUpdate": self._edit,
            "issueUpdate": self._move,
            "issueAddLabel": self._label,
        }

    def _item(self, key: str) -> Item:
        number = int(key.removeprefix("ENG-"))
        if number not in self.items:
            raise KeyError("no such issue")
        return self.items[number]

    def _issues(self, info: Any, first: int, filter: Any, orderBy: str, after: Any = None) -> Any:  # noqa: N803
        assert first <= self.page
        number = self.behind(after) if after else None
        if after and number is None:
            raise KeyError("no such cursor")
        since = filter.get("updatedAt", {}).get("gte", "1970-01-01T00:00:00+00:00")
        hidden = filter.get("state", {}).get("type", {}).get("nin", [])
        found = [
            item
            for item in reversed(self.oldest())
            if item.updated_at >= datetime.fromisoformat(since)
            and (item.open or "completed" not in hidden)
            and (number is None or item.number < number)
        ]
        shown = found[:first]  # whoever looks at all of them for each page takes seconds
        info = {
            "hasNextPage": len(found) > len(shown),
            "endCursor": self.cursor(shown[-1]) if shown else None,
        }
        return {"nodes": [self._view(item) for item in shown], "pageInfo": info}

    def _view(self, item: Item) -> dict[str, Any]:
        return {
            "id": str(item.number),
            "identifier": f"{self.team or 'ENG'}-{item.number}",
            "title": item.title,
            "description": item.body,
            "url": f"https://linear.app/acme/issue/ENG-{item.number}",
            "updatedAt": item.updated_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "creator": {"displayName": "Ann"},
            "state": {"type": "started" if item.open else "completed"},
            "labels": {"nodes": [{"name": name} for name in item.labels]},
            "team": {"id": TEAM, "states": self._states},
            "comments": lambda info, first, orderBy, after=None: _page(  # noqa: N803
                [_comment(said) for said in item.said if after is None or said.id > after], first
            ),
        }

    def _states(self, info: Any, filter: Any) -> Any:
        wanted = filter["name"]["eqIgnoreCase"].lower()
        return {"nodes": [{"id": k} for k, name in self.states.items() if name.lower() == wanted]}

    def _say(self, info: Any, input: Any) -> Any:
        item = self._item(input["issueId"])
        item.updated_at = self.now()
        return {"success": True, "comment": _comment(item.say(input["body"]))}

    def _edit(self, info: Any, id: str, input: Any) -> Any:
        found = self.comment(id)
        if found is None:
            raise KeyError("no such comment")
        self.edited(found[1], input["body"])
        return {"success": True, "comment": _comment(found[1])}

    def _move(self, info: Any, id: str, input: Any) -> Any:
        item = self._item(id)
        item.open = self.states[input["stateId"]] != "Done"
        item.updated_at = self.now()
        return {"success": True, "issue": self._view(item)}

    def _label(self, info: Any, id: str, labelId: str) -> Any:  # noqa: N803
        item = self._item(id)
        self.label(item, *dict.fromkeys([*item.labels, self.known[labelId]]))
        return {"success": True, "issue": self._view(item)}

    def text(self, said: Said) -> str:
        return str(said.text)

    def external_id(self, item: Item) -> str:
        return f"{self.team or 'ENG'}-{item.number}"


def _page(rows: list[dict[str, Any]], first: int) -> dict[str, Any]:
    shown = rows[:first]
    info = {
        "hasNextPage": len(rows) > len(shown),
        "endCursor": str(shown[-1]["id"]) if shown else None,
    }
    return {"nodes": shown, "pageInfo": info}


def _comment(said: Said) -> dict[str, Any]:
    name = "Optio" if said.ours else "Ann"
    return {
        "id": said.id,
        "body": said.text,
        "createdAt": f"{SAID_AT}Z",
        "user": {"displayName": name},
    }
