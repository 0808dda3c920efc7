"""The proxy of `make dev` implements HTTP/1.1 completely, and sets the source address itself."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.web.http.headers import COMMON_HEADERS
from infra.dev import proxy
from infra.dev.proxy import Front


class Stage:
    """Answers every request with what arrived."""

    def __init__(self) -> None:
        received: list[dict[str, Any]] = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                received.append(
                    {
                        "method": self.command,
                        "path": self.path,
                        "headers": self.headers.items(),
                        "body": body,
                    }
                )
                text = json.dumps({"path": self.path, "size": len(body)}).encode()
                if self.path.endswith("/long"):
                    text = b"y" * 5000
                self.send_response(204 if self.path.endswith("/nothing") else 200)
                self.send_header("X-Stage", "one")
                self.send_header("X-Stage", "two")
                self.send_header("Connection", "X-Private")
                self.send_header("X-Private", "of this hop")
                if not self.path.endswith("/nothing"):
                    self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                if self.command != "HEAD" and not self.path.endswith("/nothing"):
                    self.wfile.write(text)

            def log_message(self, *_: object) -> None:
                pass

            def __getattr__(self, name: str) -> Any:
                if name.startswith("do_"):
                    return self._answer
                raise AttributeError(name)

        self.received = received
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[int, Stage]]:
    stage = Stage()
    stage.thread.start()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with Front(port, stage.server.server_address[1], "an-api", "api", "the-credential"):
        yield port, stage
    stage.server.shutdown()
    stage.thread.join()
    stage.server.server_close()


def exchanged(port: int, *pieces: bytes, methods: str = "GET") -> list[tuple[int, Any, bytes]]:
    """Send bytes as they are over one connection; return an answer for each method."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        for piece in pieces:
            connection.sendall(piece)
        answers = []
        reader = connection.makefile("rb")
        for method in methods.split():
            answer = http.client.HTTPResponse(_Read(reader), method=method)  # type: ignore[arg-type]
            answer.begin()
            answers.append((answer.status, answer.headers, answer.read()))
        return answers


class _Read:
    """A socket for http.client, so that several answers are read from one."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader

    def makefile(self, *_: object) -> Any:
        return _Unclosed(self._reader)


class _Unclosed:
    def __init__(self, reader: Any) -> None:
        self._reader = reader

    def __getattr__(self, name: str) -> Any:
        return (lambda: None) if name == "close" else getattr(self._reader, name)


def chunked(pieces: list[bytes]) -> bytes:
    return (
        b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces if piece) + b"0\r\n\r\n"
    )


HEAD = b"POST /api/hooks/x HTTP/1.1\r\nHost: x\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


@settings(max_examples=40, deadline=None)
@given(
    bodies=st.lists(st.lists(st.binary(max_size=300), max_size=5), min_size=1, max_size=4),
    cuts=st.lists(st.integers(1, 400), max_size=8),
)
def test_chunked_bodies_arrive_whole_however_they_are_cut_or_follow_each_other(
    running: tuple[int, Stage], bodies: list[list[bytes]], cuts: list[int]
):
    port, stage = running
    stage.received.clear()
    sent = b"".join(CHUNKED + chunked(pieces) for pieces in bodies)
    sent += b"GET /api/health HTTP/1.1\r\nHost: x\r\n\r\n"
    pieces, position = [], 0
    for cut in cuts:
        pieces.append(sent[position : position + cut])
        position += cut
    answers = exchanged(port, *pieces, sent[position:], methods="POST " * len(bodies) + "GET")
    assert [status for status, _, _ in answers] == [200] * (len(bodies) + 1)
    assert [one["body"] for one in stage.received] == [b"".join(one) for one in bodies] + [b""]
    assert [one["method"] for one in stage.received] == ["POST"] * len(bodies) + ["GET"]


def test_a_chunk_may_have_an_extension_and_the_body_a_trailer(running: tuple[int, Stage]):
    port, stage = running
    ((status, _, _),) = exchanged(
        port, CHUNKED, b"5;name=x\r\nhello\r\n", b"0\r\nX-Checksum: 1\r\n\r\n", methods="POST"
    )
    assert (status, stage.received[-1]["body"]) == (200, b"hello")
    sent = {name.lower(): text for name, text in stage.received[-1]["headers"]}
    assert sent["content-length"] == "5"
    assert not sent.keys() & {"transfer-encoding", "x-checksum", "te"}


@pytest.mark.parametrize(
    "request_head",
    [
        HEAD + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\nabc",
        HEAD + b"Content-Length: -1\r\n\r\n",
        HEAD + b"Content-Length: 3x\r\n\r\nabc",
        CHUNKED + b"zz\r\nabc\r\n0\r\n\r\n",
        b"POST /api/hooks/x HTTP/1.1\r\n\r\n",
        b"nonsense\r\n\r\n",
    ],
)
def test_what_two_readers_could_frame_differently_is_refused(
    running: tuple[int, Stage], request_head: bytes
):
    port, stage = running
    stage.received.clear()
    following = b"GET /api/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
    ((status, _, _),) = exchanged(port, request_head + following, methods="POST")
    assert status in (400, 501)
    assert stage.received == []


def test_a_length_beside_chunks_can_smuggle_nothing(running: tuple[int, Stage]):
    port, stage = running
    stage.received.clear()
    inner = b"GET /api/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
    both = HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked([inner])
    ((status, _, _),) = exchanged(port, both, methods="POST")
    assert [one["path"] for one in stage.received] in ([], ["/api/api/hooks/x"])
    assert status in (200, 400)


def test_whoever_waits_for_100_continue_is_told_to_go_on(running: tuple[int, Stage]):
    port, stage = running
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(HEAD + b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        assert connection.recv(1024).startswith(b"HTTP/1.1 100")
        connection.sendall(b"hello")
        assert connection.recv(1024).startswith(b"HTTP/1.1 200")
    assert stage.received[-1]["body"] == b"hello"
    assert "expect" not in {name.lower() for name, _ in stage.received[-1]["headers"]}


def test_a_body_that_is_too_large_is_refused_before_it_is_sent(running: tuple[int, Stage]):
    port, stage = running
    stage.received.clear()
    head = HEAD + b"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n" % (proxy.LARGEST + 1)
    ((status, headers, body),) = exchanged(port, head, methods="POST")
    assert (status, json.loads(body)["error"]) == (413, "the request is too large")
    assert headers["Connection"] == "close"
    assert {name: headers[name] for name in COMMON_HEADERS} == COMMON_HEADERS
    assert stage.received == []


def test_a_chunked_body_has_the_same_limit(
    running: tuple[int, Stage], monkeypatch: pytest.MonkeyPatch
):
    port, stage = running
    stage.received.clear()
    monkeypatch.setattr(proxy, "LARGEST", 1000)
    ((status, _, _),) = exchanged(port, CHUNKED + chunked([b"x" * 600] * 2), methods="POST")
    assert (status, stage.received) == (413, [])


def test_a_head_request_is_answered_like_a_get_without_its_body(running: tuple[int, Stage]):
    port, _ = running
    ask = b" /api/long HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n"
    head, get = exchanged(port, b"HEAD" + ask + b"GET" + ask, methods="HEAD GET")
    assert (head[0], head[1]["Content-Length"], head[2]) == (200, "5000", b"")
    assert gzip.decompress(get[2]) == b"y" * 5000
    nothing = b" /api/nothing HTTP/1.1\r\nHost: x\r\n\r\n"
    empty, after = exchanged(port, b"DELETE" + nothing + b"GET" + ask, methods="DELETE GET")
    assert (empty[0], empty[2]) == (204, b"")
    assert "Content-Length" not in empty[1]
    assert after[0] == 200


def test_the_front_alone_says_who_asks_and_by_which_credential(running: tuple[int, Stage]):
    port, stage = running
    forged = (
        b"X-Forwarded-For: 8.8.8.8\r\nx-forwarded-for: 9.9.9.9\r\nForwarded: for=8.8.8.8\r\n"
        b"X-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\nX-Real-IP: 8.8.8.8\r\n"
        b"X-Optio-Front: guessed\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nX-Kept: 1\r\n"
    )
    exchanged(port, b"GET /api/x HTTP/1.1\r\nHost: me:1\r\n" + forged + b"\r\n")
    headers = [(name.lower(), text) for name, text in stage.received[-1]["headers"]]
    about = {name: [text for other, text in headers if other == name] for name, _ in headers}
    assert about["x-forwarded-for"] == ["127.0.0.1"]
    assert about["x-forwarded-proto"] == ["http"]
    assert about["x-forwarded-host"] == ["me:1"]
    assert about["x-optio-front"] == ["the-credential"]
    assert about["host"] == ["an-api.execute-api.localhost"]
    assert about["x-kept"] == ["1"]
    assert not about.keys() & {"forwarded", "x-real-ip", "x-hop", "connection"}


@pytest.mark.parametrize(
    "target, path",
    [
        (b"/api/a%2fb//c/..;x?q=%2B&q=&r", "/api/api/a%2fb//c/..;x?q=%2B&q=&r"),
        (b"http://127.0.0.1:1/api/health?x=1", "/api/api/health?x=1"),
        (b"/../_ministack/reset", "/api/../_ministack/reset"),
        (b"http://x", "/api/"),
        (b"*", "/api/"),
    ],
)
def test_a_path_arrives_as_it_was_sent_below_the_stage(
    running: tuple[int, Stage], target: bytes, path: str
):
    port, stage = running
    exchanged(port, b"OPTIONS " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n", methods="OPTIONS")
    assert stage.received[-1]["path"] == path


def test_headers_of_the_stage_come_as_often_as_it_sent_them(running: tuple[int, Stage]):
    port, _ = running
    ((_, headers, _),) = exchanged(port, b"GET /api/x HTTP/1.1\r\nHost: x\r\n\r\n")
    assert headers.get_all("X-Stage") == ["one", "two"]
    assert "X-Private" not in headers
    assert len(headers.get_all("Date")) == 1


def test_an_old_client_gets_its_answer_and_the_end_of_the_connection(running: tuple[int, Stage]):
    port, _ = running
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(b"GET /api/x HTTP/1.0\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200")


def test_a_stack_that_is_down_is_told_with_the_headers_of_every_answer():
    with socket.socket() as closed, socket.socket() as probe:
        closed.bind(("127.0.0.1", 0))
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
        probe.close()
        with Front(port, int(closed.getsockname()[1]), "a", "api"):
            ((status, headers, body),) = exchanged(port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (status, json.loads(body)["error"]) == (502, "the stack is not up")
    assert {name: headers[name] for name in COMMON_HEADERS} == COMMON_HEADERS
