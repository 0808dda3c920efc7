"""Requests whose target a user named go to the public network, and nowhere else."""

from __future__ import annotations

import contextlib
import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests

from chalicelib.domain.egress import ForbiddenTarget, checked_url, is_permitted
from chalicelib.domain.errors import Invalid
from chalicelib.domain.repos.repo import check_clone_url
from chalicelib.integrations.http import guarded
from chalicelib.integrations.http.webhook_sender import GuardedWebhookSender

PRIVATE = [
    *("127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1"),
    *("169.254.169.254", "169.254.170.2", "100.64.0.1", "224.0.0.1", "255.255.255.255"),
    *("::1", "::", "fe80::1", "fe80::1%eth0", "fd00:ec2::254", "ff02::1"),
    *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:7f00:1::"),
    *("::127.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b:1::7f00:1", "fec0::1", "192.0.0.192"),
]


@pytest.mark.parametrize("address", PRIVATE)
def test_what_is_not_public_may_not_be_asked_unless_it_is_named(address: str):
    assert not is_permitted(address, "example.com", ())
    assert is_permitted(address, "git.corp.example", ("Git.Corp.Example",))
    assert not is_permitted(address, "evil.git.corp.example", ("git.corp.example",))


def test_a_network_that_is_named_opens_itself_and_no_other():
    assert is_permitted("10.2.3.4", "x", ("10.2.0.0/16",))
    assert not is_permitted("10.3.0.1", "x", ("10.2.0.0/16",))
    assert is_permitted("93.184.216.34", "x", ())
    assert is_permitted("2606:4700::1111", "x", ())


@pytest.mark.parametrize(
    "url",
    [
        *("http://example.com", "ftp://example.com", "https://", "//example.com", "https://[::1"),
        *("https://localhost", "https://a.localhost", "https://127.1", "https://2130706433"),
        *("https://0x7f.1", "https://0x7f000001", "https://[::1]/", "https://127.0.0.1:8443/x"),
        *("https://me:pw@example.com", "https://exa mple.com", "https://example.com:99999"),
        *("https://127.0.0.0xa", "https://169.254.169.0xfe", "https://0x7f.0.0.0xA:8443/x"),
        *("https://127.0.0.1%2fa.com", "https://127.0.0.1%00.com", "https://a..b.com"),
        *(
            "https://8.8.8.8%2f.internal",
            "https://8.8.8.8%2f@169.254.169.254",
            "https://8.8.8.8%23x",
        ),
        *(
            "https://[2606:4700::1111%2f.x]",
            "https://[2606:4700::1111%25eth0]/",
            "https://1.1.1.1%",
        ),
        *(
            "https://①②⑦.⓪.⓪.①",
            "https://127。0。0。1/",
            "https://\uff11\uff12\uff17.0.0.1",
            "https://a.\uff4cocalhost",
        ),
        *("https://8.8.8.8%2f.internal.example.com", "https://example.com%2f.internal"),
        "https://" + "a" * 64 + ".example.com",
        "https://169.254.169.254/latest/meta-data",
        "https://" + "a" * 3000 + ".com",
    ],
)
def test_a_url_that_leads_nowhere_public_is_refused_when_it_is_saved(url: str):
    with pytest.raises(Invalid) as refused:
        checked_url(url, (), "url")
    assert refused.value.faults[0].field == "url"


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8%2f.internal", "8.8.8.8%", "1.1.1.1%eth0", "2606:4700::1111%2f.x", "8.8.8.8 "],
)
def test_an_address_is_read_whole_and_never_up_to_a_percent_sign(address: str):
    assert not is_permitted(address, "example.com", ())
    assert not is_permitted(address, "example.com", ("10.0.0.0/8",))


def _checked_as_service(host: str) -> str:
    return checked_url(f"https://{host}/", (), "baseUrl")


def _checked_as_repo(host: str) -> str:
    return check_clone_url(f"https://{host}/acme/web", (), files=False)


@pytest.mark.parametrize("ending", ["%2f.internal", "%2F", "%23", "%00", "%", "%25", "%eth0"])
@pytest.mark.parametrize("check", [_checked_as_service, _checked_as_repo])
def test_a_host_with_an_escape_is_refused_for_repos_and_services(
    check: Callable[[str], str], ending: str
):
    for host in (f"8.8.8.8{ending}", f"example.com{ending}", f"[2606:4700::1111{ending}]"):
        with pytest.raises(Invalid):
            check(host)


def test_a_name_that_nobody_can_look_up_is_a_connection_that_failed():
    for host in ("a" * 64 + ".example.com", "a..example.com"):
        with pytest.raises(requests.ConnectionError):
            guarded.make_session().get(f"https://{host}/")
        assert GuardedWebhookSender().send_request(f"https://{host}/", b"", {}).error


def test_a_public_url_and_one_that_is_named_are_taken():
    assert checked_url("https://xn--bcher-kva.example", (), "url")
    assert checked_url("https://bücher.example", (), "url")
    assert checked_url("https://[2606:4700::1111]/x", (), "url")
    assert checked_url(" https://hooks.example.com/x?y=1 ", (), "url")
    assert checked_url("http://127.0.0.1:9/x", ("127.0.0.1",), "url")
    assert checked_url("https://jira.corp", ("jira.corp",), "url")


class Server:
    """A server on the loopback address that redirects as its path requests."""

    def __init__(self) -> None:
        seen = self.seen = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                seen.append(self.path)
                target = self.path.partition("?to=")[2]
                self.send_response(302 if target else 200)
                if target:
                    self.send_header("Location", target)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *given: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Names of our own, each of which answers one address after another."""
    known: dict[str, list[str]] = {}
    real = socket.getaddrinfo

    def getaddrinfo(host: str, port: int, *given: Any, **named: Any) -> Any:
        if host not in known:
            return real(host, port, *given, **named)
        address = known[host].pop(0) if len(known[host]) > 1 else known[host][0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return known


def allow(monkeypatch: pytest.MonkeyPatch, *rules: str) -> None:
    monkeypatch.setitem(guarded.settings.__dict__, "allowed_private", rules)


def test_a_name_that_leads_to_a_private_address_is_never_connected_to(
    server: Server, names: dict[str, list[str]]
):
    names["hooks.example.com"] = ["127.0.0.1"]
    with pytest.raises(ForbiddenTarget, match=r"127\.0\.0\.1"):
        guarded.make_session().get(f"http://hooks.example.com:{server.port}/")
    assert server.seen == []


def test_a_name_that_changes_its_answer_is_connected_to_at_the_address_that_was_checked(
    server: Server, names: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
):
    names["rebind.example.com"] = ["93.184.216.34", "127.0.0.1"]
    tried: list[str] = []

    def refuse(address: tuple[str, int], *given: Any) -> socket.socket:
        tried.append(address[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", refuse)
    with pytest.raises(requests.ConnectionError):
        guarded.make_session().get(f"http://rebind.example.com:{server.port}/")
    assert tried == ["93.184.216.34"]
    assert server.seen == []


def test_a_redirect_to_a_private_address_is_not_followed(
    server: Server, names: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
):
    allow(monkeypatch, "hooks.example.com")
    names["hooks.example.com"] = ["127.0.0.1"]
    start = f"http://hooks.example.com:{server.port}/start?to="
    for inner in (f"http://127.0.0.1:{server.port}/inner", f"http://localhost:{server.port}/inner"):
        with pytest.raises(ForbiddenTarget):
            guarded.make_session().get(start + inner)
    assert not [path for path in server.seen if path == "/inner"]
    assert guarded.make_session().get(f"http://hooks.example.com:{server.port}/").status_code == 200


def test_a_circle_of_redirects_ends_and_no_proxy_connects_in_our_stead(
    server: Server, monkeypatch: pytest.MonkeyPatch
):
    allow(monkeypatch, "127.0.0.1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    again = f"http://127.0.0.1:{server.port}/again?to=/again?to=/again?to=/a?to=/a?to=/a?to=/a?to=/"
    with pytest.raises(requests.TooManyRedirects):
        guarded.make_session().get(again)


def test_a_session_of_another_library_is_guarded_by_the_same_adapter(server: Server):
    theirs = requests.Session()
    with pytest.raises(ForbiddenTarget):
        guarded.guard_session(theirs, max_retries=0).get(f"http://127.0.0.1:{server.port}/")


@pytest.mark.parametrize("source", ["jira", "linear", "notion", "github"])
def test_no_tracker_is_asked_at_an_address_that_is_not_public(
    server: Server, names: dict[str, list[str]], source: str
):
    from chalicelib.domain.tickets.provider import TicketProvider
    from chalicelib.integrations.trackers.registry import RealTrackers
    from chalicelib.ports import TrackerUnreachable as Refused
    from tests.conftest import NOON

    names["tracker.example.com"] = ["127.0.0.1"]
    config = {"baseUrl": f"http://tracker.example.com:{server.port}", "email": "a@b.c"}
    config |= {"repo": "acme/web", "dataSourceId": "d"}
    provider = TicketProvider(
        id="p", name="P", source=source, config=config, created_at=NOON, updated_at=NOON
    )
    tracker = RealTrackers().open_tracker(provider, "a token", NOON)
    with pytest.raises(Refused, match=r"127\.0\.0\.1"):
        list(tracker.iter_changed(None))
    assert server.seen == []


def test_no_forge_is_asked_at_an_address_that_is_not_public(
    server: Server, names: dict[str, list[str]]
):
    from github import Auth

    from chalicelib.integrations.github.transport import make_client

    names["forge.example.com"] = ["127.0.0.1"]
    forge = make_client(
        auth=Auth.Token("a token"),
        base_url=f"http://forge.example.com:{server.port}",
        retry=None,
        seconds_between_requests=0,
    )
    with pytest.raises(ForbiddenTarget, match=r"127\.0\.0\.1"):
        forge.requester.requestJsonAndCheck("GET", "/repos/acme/web")
    assert server.seen == []


@pytest.fixture
def endless() -> Iterator[int]:
    """The port of a server whose answers end never; in `/packed` they are few bytes of gzip."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            packed = gzip.compress(bytes(8 * 1024 * 1024)) if self.path == "/packed" else b""
            self.send_response(302 if self.path == "/away" else 200)
            self.send_header("Location", "/")
            if packed:
                self.send_header("Content-Encoding", "gzip")
            self.end_headers()
            with contextlib.suppress(OSError):
                while True:
                    self.wfile.write(packed or (b"x" if self.path == "/slow" else bytes(65536)))
                    time.sleep(0.02 if self.path == "/slow" else 0)

        def log_message(self, *given: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("path", ["/", "/packed", "/away", "/slow"])
def test_an_answer_without_an_end_is_a_connection_that_failed(
    endless: int, monkeypatch: pytest.MonkeyPatch, path: str
):
    allow(monkeypatch, "127.0.0.1")
    monkeypatch.setattr(guarded, "MAX_RESPONSE_BYTES", 1024 * 1024)
    monkeypatch.setattr(guarded, "MAX_RESPONSE_SECONDS", 1.0)
    monkeypatch.setattr(guarded, "CHUNK_BYTES", 1024 if path != "/slow" else 8)
    with pytest.raises(requests.ConnectionError, match="too long"):
        guarded.make_session().get(f"http://127.0.0.1:{endless}{path}")
