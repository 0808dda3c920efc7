"""A GitHub of our own over real HTTP: it holds state, serves real git, and fails on request."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.fakes.description import Description
from tests.fakes.github_issues import IssueBook

TOKEN = "ghp_a_token_of_tests"
Answer = tuple[int, Any]
_PARTS = ("title", "message")
CLOSING = re.compile(r"\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?) #(\d+)", re.IGNORECASE)


@dataclass
class Fault:
    """An answer that comes instead of the right one, or (`late`) after the action was done."""

    method: str
    path: str
    status: int
    message: str = "told to fail"
    headers: dict[str, str] = field(default_factory=dict)
    times: int = 1
    late: bool = False


class FakeGitHub:
    """One repo, its pull requests, checks, reviews and issues."""

    def __init__(self, slug: str = "acme/web", git_root: Path | None = None) -> None:
        self.slug = slug
        self.git_root = git_root
        self.description = Description.load()
        self.lock = threading.RLock()
        self.token = TOKEN
        self.heads: dict[str, str] = {"main": "b" * 40}
        self.pulls: dict[int, dict[str, Any]] = {}
        self.runs: dict[str, list[dict[str, Any]]] = {}
        self.statuses: dict[str, list[dict[str, Any]]] = {}
        self.reviews: dict[int, list[dict[str, Any]]] = {}
        self.comments: dict[int, list[dict[str, Any]]] = {}
        self.files: dict[str, str] = {}
        self.faults: list[Fault] = []
        self.calls: list[tuple[str, str, int]] = []
        self.wrong: list[str] = []
        self.mergeable: dict[int, bool | None] = {}
        self.permissions: dict[str, str] = {"ann": "write", "bob": "admin"}
        """Permissions of people, by login; others may read public content only."""
        self.methods = {"squash", "merge", "rebase"}
        self.merged: list[dict[str, Any]] = []
        self.has_queue = False
        self.queue: list[int] = []
        self.has_drafts = True
        self.archived = False
        self.old_slug: str | None = None
        self.keeps_query = True
        self.headers: dict[str, str] = {}
        """Headers of the current answer."""
        self.minted = 0
        self.token_ends = "2026-05-04T13:00:00Z"
        self._number = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.book = IssueBook(slug, self.repo_url, lambda: datetime.now(UTC))

    def __enter__(self) -> FakeGitHub:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *rest: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        assert self.wrong == [], self.wrong

    # what happens at GitHub, by other hands than ours

    @property
    def repo_url(self) -> str:
        return f"{self.url}/{self.slug}"

    def check(
        self,
        sha: str,
        conclusion: str | None,
        name: str = "ci",
        said: str = "",
        *,
        app: str = "github-actions",
        beside: bool = False,
    ) -> None:
        """Set the state of a check: in place of its last run, or (`beside`) after it."""
        runs = self.runs.setdefault(sha, [])
        if not beside:
            runs[:] = [run for run in runs if run["name"] != name]
        runs.append(
            {
                "id": self._next(),
                "name": name,
                "app": {"slug": app},
                "head_sha": sha,
                "status": "completed" if conclusion else "in_progress",
                "conclusion": conclusion,
                "details_url": f"{self.url}/checks",
                "output": {
                    "title": said or None,
                    "summary": None,
                    "text": None,
                    "annotations_count": 0,
                    "annotations_url": self.url,
                },
            }
        )

    def status(self, sha: str, state: str, context: str = "lint") -> None:
        self.statuses.setdefault(sha, []).append(
            {"context": context, "state": state, "description": f"{context} is {state}"}
        )

    def review(self, number: int, state: str, body: str = "", who: str = "ann") -> None:
        self.reviews.setdefault(number, []).append(
            {"id": self._next(), "user": {"login": who}, "state": state, "body": body}
        )

    def issue(self, title: str, labels: list[str], body: str = "") -> int:
        number = self._next()
        self.book.add(number, labels, title=title, body=body)
        return number

    def issues_of_tests(self, count: int) -> None:
        """Open many issues, a few in each second."""
        began = datetime.now(UTC) - timedelta(days=1)
        for index in range(count):
            item = self.book.add(self._next(), [])
            item.updated_at = began + timedelta(seconds=index // 3)

    def close(self, number: int, *, merged: bool = False) -> None:
        self.pulls[number] |= {"state": "closed", "merged": merged}

    def reopen(self, number: int) -> None:
        self.pulls[number] |= {"state": "open", "merged": False}

    def rename(self, slug: str) -> None:
        """Move the repo: its old name is redirected, its numbers and branches stay."""
        self.old_slug, self.slug = self.slug, slug
        self.book.slug, self.book.web_url = slug, self.repo_url

    def redirect(self, method: str, path: str, query: str) -> str | None:
        """Return where a request by the old name is led, as GitHub does: to the repo's number."""
        before = f"/repos/{self.old_slug}"
        if self.old_slug is None or not (path == before or path.startswith(f"{before}/")):
            return None
        asked = f"?{query}" if query and self.keeps_query else ""
        return f"{self.url}/api/v3/repositories/1296269{path.removeprefix(before)}{asked}"

    def push(self, branch: str, sha: str) -> None:
        self.heads[branch] = sha

    def fail(self, method: str, path: str, status: int, **more: Any) -> None:
        self.faults.append(Fault(method, path, status, **more))

    def head(self, branch: str) -> str | None:
        if self.git_root is None:
            return self.heads.get(branch)
        done = self._git("rev-parse", "--verify", "--quiet", f"refs/heads/{branch}")
        return done.stdout.strip() or None

    def _git(self, *words: str) -> subprocess.CompletedProcess[str]:
        assert self.git_root is not None
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.git_root)}
        return subprocess.run(
            ["git", "-C", str(self.git_root / self.slug), *words],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def _next(self) -> int:
        self._number += 1
        return self._number

    # the interface

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> Answer:
        """Return what GitHub would: the routes below, in their order."""
        if method == "POST" and path == "/app/installations/7/access_tokens":
            self.minted += 1
            ends = self.token_ends
            return 201, {"token": self.token, "expires_at": ends, "permissions": {}}
        path = path.replace("/repositories/1296269", f"/repos/{self.slug}")
        inside = path.removeprefix(f"/repos/{self.slug}")
        if inside == path:
            return _no(404)
        if self.archived and method != "GET":
            return _no(403, "Repository was archived so is read-only.")
        for verb, pattern, route in _ROUTES:
            found = re.fullmatch(pattern, inside)
            if verb == method and found:
                return route(self, *found.groups(), query=query, body=body)
        if inside.startswith("/issues"):
            rest = inside.removeprefix("/issues")
            return self.of_issues(rest, method=method, query=query, body=body)
        return _no(404)

    def repo(self, *, query: Any, body: Any) -> Answer:
        return 200, {
            "default_branch": "main",
            "full_name": self.slug,
            "allow_squash_merge": "squash" in self.methods,
            "allow_merge_commit": "merge" in self.methods,
            "allow_rebase_merge": "rebase" in self.methods,
        }

    def permission(self, login: str, *, query: Any, body: Any) -> Answer:
        if login.endswith("[bot]"):
            return _no(404)
        # A role says more than the older permission, which has three words for five.
        role = self.permissions.get(login, "read")
        older = {"maintain": "write", "triage": "read"}.get(role, role)
        return 200, {"permission": older, "role_name": role, "user": {"login": login}}

    def installation(self, *, query: Any, body: Any) -> Answer:
        return 200, {"id": 7, "app_id": 1, "access_tokens_url": f"{self.url}/api/v3/app"}

    def branch(self, name: str, *, query: Any, body: Any) -> Answer:
        sha = self.head(name)
        return (200, {"name": name, "commit": {"sha": sha}}) if sha else _no(404)

    def list_pulls(self, *, query: Any, body: Any) -> Answer:
        owner, _, wanted = query.get("head", "").partition(":")
        if owner and owner.lower() != self.slug.partition("/")[0].lower():
            return 200, []
        found = [
            self.pull_view(number)
            for number, pull in sorted(self.pulls.items(), reverse=True)
            if wanted in ("", pull["head"]) and query.get("state") in ("all", pull["state"])
        ]
        return 200, found

    def open_pull(self, *, query: Any, body: Any) -> Answer:
        head, base = body["head"], body["base"]
        if self.head(head) is None or self.head(base) is None:
            return _no(422, "Validation Failed", [{"field": "head", "code": "invalid"}])
        if any(p["head"] == head and p["state"] == "open" for p in self.pulls.values()):
            said = f"A pull request already exists for {self.slug.split('/')[0]}:{head}."
            return _no(422, "Validation Failed", [{"message": said}])
        if self.head(head) == self.head(base):
            said = f"No commits between {base} and {head}"
            return _no(422, "Validation Failed", [{"message": said}])
        if body.get("draft") and not self.has_drafts:
            return _no(422, "Draft pull requests are not supported in this repository.")
        number = self._next()
        self.pulls[number] = {**body, "state": "open", "merged": False, "labels": []}
        return 201, self.pull_view(number)

    def pull(self, number: str, *, query: Any, body: Any) -> Answer:
        known = int(number) in self.pulls
        return (200, self.pull_view(int(number))) if known else _no(404)

    def edit_pull(self, number: str, *, query: Any, body: Any) -> Answer:
        if int(number) not in self.pulls:
            return _no(404)
        self.pulls[int(number)] |= body
        return 200, self.pull_view(int(number))

    def pull_view(self, number: int) -> dict[str, Any]:
        pull = self.pulls[number]
        api = f"{self.url}/api/v3/repos/{self.slug}/pulls/{number}"
        sha = self.head(pull["head"]) or pull.get("last_sha") or "0" * 40
        pull["last_sha"] = sha
        return {
            "url": api,
            "number": number,
            "node_id": f"PR_{number}",
            "html_url": f"{self.repo_url}/pull/{number}",
            "state": pull["state"],
            "title": pull["title"],
            "body": pull["body"],
            "draft": bool(pull.get("draft")),
            "merged_at": "2026-05-04T12:00:00Z" if pull["merged"] else None,
            "mergeable": self.mergeable.get(number, True),
            "requested_reviewers": pull.get("asked", []),
            "head": {"ref": pull["head"], "sha": sha},
            "base": {"ref": pull["base"], "sha": self.head(pull["base"])},
        }

    def mutate(self, asked: dict[str, Any]) -> tuple[int, bytes]:
        """Do the few things that only GraphQL can."""
        given = asked["variables"].get("input", {})
        node = given.get("pullRequestId") or asked["variables"].get("id", "")
        number = int(node.removeprefix("PR_"))
        said: dict[str, Any] = {}
        if "markPullRequestReadyForReview" in asked["query"]:
            self.pulls[number]["draft"] = False
            said = {"markPullRequestReadyForReview": {"pullRequest": {"isDraft": False}}}
        elif "enqueuePullRequest" in asked["query"]:
            if not self.has_queue or given["expectedHeadOid"] != self.head(
                self.pulls[number]["head"]
            ):
                error = {"type": "UNPROCESSABLE", "message": "Pull request is not mergeable"}
                return 200, json.dumps({"data": None, "errors": [error]}).encode()
            self.queue.append(number)
            said = {"enqueuePullRequest": {"mergeQueueEntry": {"id": "MQE_1"}}}
        else:
            assert "isInMergeQueue" in asked["query"], asked
            said = {"node": {"isInMergeQueue": number in self.queue}}
        return 200, json.dumps({"data": said}).encode()

    def merge(self, number: str, *, query: Any, body: Any) -> Answer:
        pull = self.pulls[int(number)]
        if body["sha"] != self.head(pull["head"]):
            return _no(409, "Head branch was modified. Review and try the merge again.")
        if pull["state"] != "open" or pull.get("draft"):
            return _no(405, "Pull Request is not mergeable")
        if self.has_queue:
            rule = "Changes must be made through the merge queue"
            return _no(405, f"Repository rule violations found\n\n{rule}\n\n")
        method = body.get("merge_method", "merge")
        if method not in self.methods:
            named = {"squash": "Squash merges", "merge": "Merge commits", "rebase": "Rebase merges"}
            return _no(405, f"{named[method]} are not allowed on this repository.")
        self.merged.append(body)
        if self.git_root is not None:
            self._squash(pull)
        pull |= {"state": "closed", "merged": True}
        said = (pull["body"] or "", *(body.get(f"commit_{part}", "") for part in _PARTS))
        for closed in CLOSING.findall("\n".join(said)):
            if int(closed) in self.book.items:
                self.book.items[int(closed)].open = False
        return 200, {"sha": "c" * 40, "merged": True, "message": "merged"}

    def _squash(self, pull: dict[str, Any]) -> None:
        base, head = self.head(pull["base"]), self.head(pull["head"])
        me = ("-c", "user.name=GitHub", "-c", "user.email=noreply@localhost")
        made = self._git(
            *(*me, "commit-tree", f"{head}^{{tree}}", "-p", str(base), "-m", pull["title"])
        )
        self._git("update-ref", f"refs/heads/{pull['base']}", made.stdout.strip())

    def list_runs(self, sha: str, *, query: Any, body: Any) -> Answer:
        page, size = int(query.get("page", 1)), int(query.get("per_page", 30))
        runs = self.runs.get(sha, [])
        shown = runs[(page - 1) * size : page * size]
        return 200, {"total_count": len(runs), "check_runs": shown}

    def combined(self, sha: str, *, query: Any, body: Any) -> Answer:
        latest = {one["context"]: one for one in self.statuses.get(sha, [])}
        states = {one["state"] for one in latest.values()}
        state = (
            "failure"
            if states & {"failure", "error"}
            else "pending"
            if not states or "pending" in states
            else "success"
        )
        return 200, {"state": state, "total_count": len(latest), "statuses": [*latest.values()]}

    def list_reviews(self, number: str, *, query: Any, body: Any) -> Answer:
        return 200, _paged(self.reviews.get(int(number), []), query)

    def list_comments(self, number: str, *, query: Any, body: Any) -> Answer:
        return 200, _paged(self.comments.get(int(number), []), query)

    def label(self, number: str, *, query: Any, body: Any) -> Answer:
        if int(number) not in self.pulls:
            return self.of_issues(f"/{number}/labels", method="POST", query=query, body=body)
        target = self.pulls[int(number)]
        target["labels"] = sorted({*target["labels"], *body["labels"]})
        return 200, [{"name": name} for name in target["labels"]]

    def of_issues(self, path: str, *, method: str, query: Any, body: Any) -> Answer:
        status, self.headers, said = self.book.answer(method, f"/issues{path}", query, body)
        return status, said

    def delete_ref(self, branch: str, *, query: Any, body: Any) -> Answer:
        if self.head(branch) is None:
            return _no(422, "Reference does not exist")
        if self.git_root is None:
            del self.heads[branch]
        else:
            self._git("update-ref", "-d", f"refs/heads/{branch}")
        return 204, None

    def contents(self, path: str, *, query: Any, body: Any) -> Answer:
        if path not in self.files:
            return _no(404)
        return 200, {"content": base64.b64encode(self.files[path].encode()).decode()}


def _paged(rows: list[Any], query: dict[str, str]) -> list[Any]:
    page, size = int(query.get("page", 1)), min(100, int(query.get("per_page", 30)))
    return rows[(page - 1) * size : page * size]


def app_key() -> str:
    """Return a private key as a GitHub App has one."""
    made = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return made.decode()


def _no(status: int, message: str = "Not Found", errors: Any = None) -> Answer:
    more = {"errors": errors} if errors else {}
    return status, {"message": message, "documentation_url": "https://docs.github.com", **more}


Route = Callable[..., Answer]
_ROUTES: list[tuple[str, str, Route]] = [
    ("GET", "", FakeGitHub.repo),
    ("GET", "/installation", FakeGitHub.installation),
    ("GET", r"/collaborators/([^/]+)/permission", FakeGitHub.permission),
    ("GET", r"/branches/(.+)", FakeGitHub.branch),
    ("GET", "/pulls", FakeGitHub.list_pulls),
    ("POST", "/pulls", FakeGitHub.open_pull),
    ("GET", r"/pulls/(\d+)", FakeGitHub.pull),
    ("PATCH", r"/pulls/(\d+)", FakeGitHub.edit_pull),
    ("PUT", r"/pulls/(\d+)/merge", FakeGitHub.merge),
    ("GET", r"/pulls/(\d+)/reviews", FakeGitHub.list_reviews),
    ("GET", r"/pulls/(\d+)/comments", FakeGitHub.list_comments),
    ("GET", r"/commits/(\w+)/check-runs", FakeGitHub.list_runs),
    ("GET", r"/commits/(\w+)/status", FakeGitHub.combined),
    ("POST", r"/issues/(\d+)/labels", FakeGitHub.label),
    ("DELETE", r"/git/refs/heads/(.+)", FakeGitHub.delete_ref),
    ("GET", r"/contents/(.+)", FakeGitHub.contents),
]


def _handler(fake: FakeGitHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # head and body are two writes

        def log_message(self, *rest: object) -> None:
            pass

        def _do(self) -> None:
            raw = self._body()
            parts = urlsplit(self.path)
            if parts.path == "/api/graphql":
                with fake.lock:
                    self._send(*fake.mutate(json.loads(raw)), {"Content-Type": "application/json"})
                return
            if not parts.path.startswith("/api/v3"):
                self._serve_git(parts.path, parts.query, raw)
                return
            path = unquote(parts.path.removeprefix("/api/v3"))
            location = fake.redirect(self.command, path, parts.query)
            if location:
                status = 301 if self.command == "GET" else 307
                said = {"message": "Moved Permanently", "url": location}
                self._say(self.command, path, status, said, {"Location": location})
                return
            query = dict(parse_qsl(parts.query))
            with fake.lock:
                self._api(path, query, json.loads(raw) if raw else None)

        def _api(self, path: str, query: dict[str, str], body: Any) -> None:
            method, headers = self.command, {}
            fault = next(
                (f for f in fake.faults if f.method == method and f.path in path and f.times), None
            )
            if fault:
                fault.times -= 1
                headers = fault.headers
            given = self.headers.get("Authorization", "").split(" ")[-1]
            for_apps = path.endswith(("/installation", "/access_tokens"))
            if not (given.count(".") == 2 if for_apps else given == fake.token):
                status, said = _no(401, "Bad credentials")
            elif fault and not fault.late:
                status, said = _no(fault.status, fault.message)
            else:
                named = path.replace("/repositories/1296269", f"/repos/{fake.slug}")
                if fake.description:
                    fake.wrong += fake.description.request(method, named, query, body)
                fake.headers = {}
                status, said = fake.answer(method, path, query, body)
                headers = {**fake.headers, **headers}
                if fake.description and status < 400:
                    fake.wrong += fake.description.answer(method, named, status, said)
                if fault:
                    status, said = _no(fault.status, fault.message)
            self._say(method, path, status, said, headers)

        def _say(
            self, method: str, path: str, status: int, said: Any, headers: dict[str, str]
        ) -> None:
            text = b"" if said is None else json.dumps(said).encode()
            tag = f'"{hashlib.sha256(text).hexdigest()}"'
            if method == "GET" and status == 200:
                if self.headers.get("If-None-Match") == tag:
                    status, text = 304, b""
                headers = {**headers, "ETag": tag}
            fake.calls.append((method, path, status))
            self._send(status, text, {"Content-Type": "application/json", **headers})

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
                pieces = b""
                while size := int(self.rfile.readline().strip(), 16):
                    pieces += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return pieces
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))

        def _serve_git(self, path: str, query: str, body: bytes) -> None:
            """Serve the repo by git's own program, to who has the token."""
            given = self.headers.get("Authorization", "")
            expected = base64.b64encode(f"x-access-token:{fake.token}".encode()).decode()
            if fake.git_root is None or given != f"Basic {expected}":
                self._send(401, b"", {"WWW-Authenticate": 'Basic realm="fake"'})
                return
            environment = {
                "PATH": os.environ["PATH"],
                "HOME": str(fake.git_root),
                "GIT_PROJECT_ROOT": str(fake.git_root),
                "GIT_HTTP_EXPORT_ALL": "1",
                "GIT_CONFIG_NOSYSTEM": "1",
                "REMOTE_USER": "x-access-token",
                "REQUEST_METHOD": self.command,
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(len(body)),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            }
            done = subprocess.run(
                ["git", "http-backend"],
                env=environment,
                input=body,
                capture_output=True,
                check=False,
            )
            head, _, rest = done.stdout.partition(b"\r\n\r\n")
            lines = [line.split(": ", 1) for line in head.decode().splitlines() if ": " in line]
            headers = dict(map(tuple, lines))
            status = int(headers.pop("Status", "200").split()[0])
            self._send(status, rest, headers)

        def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _do  # noqa: N815

    return Handler
