"""Protocols of git: TLS and SSH, in clear only where the order allows it, never by a detour."""

from __future__ import annotations

import base64
import ipaddress
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from chalicelib.runner.job_control import JobControl
from chalicelib.runner.output.log import JobLog
from chalicelib.runner.output.redact import Redactor
from chalicelib.runner.repository.git import Git

MOVED = "/moved"


@dataclass
class Host:
    """A host that records requested paths, and redirects all requests as configured."""

    leads_to: str = ""
    closed: bool = False
    asked: list[str] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def serve(tmp: Path) -> Iterator[Callable[..., Host]]:
    servers: list[tuple[ThreadingHTTPServer, threading.Thread]] = []

    def start(host: Host, certified: ssl.SSLContext | None = None) -> Host:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                host.asked.append(self.path)
                host.shown += self.headers.get_all("Authorization", [])
                led_on = host.leads_to and not self.path.startswith(MOVED)
                self.send_response(302 if led_on else 401 if host.closed else 404)
                self.send_header("Location", host.leads_to + self.path)
                self.send_header("WWW-Authenticate", 'Basic realm="x"')
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if certified:
            server.socket = certified.wrap_socket(server.socket, server_side=True)
        host.url = f"http{'s' if certified else ''}://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        servers.append((server, thread))
        return host

    yield start
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def certified(tmp: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A certificate for this machine, which git is configured to trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, kind = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (tmp / "crt").write_bytes(made.public_bytes(pem))
    (tmp / "key").write_bytes(key.private_bytes(pem, kind, serialization.NoEncryption()))
    monkeypatch.setenv("GIT_SSL_CAINFO", str(tmp / "crt"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp / "crt", tmp / "key")
    return context


def asked(url: str, tmp: Path, *, plain_http: bool) -> str:
    """Return git's output when it lists the branches of a repo there."""

    def private() -> Path:
        folder = tmp / "private"
        folder.mkdir(exist_ok=True)
        return folder

    log = JobLog(Redactor([]))
    git = Git(JobControl(timedelta(minutes=1)), log, private, "a token", plain_http=plain_http)
    said = git.run_with_token("ls-remote", "--", f"{url}/a/b", cwd=tmp)
    assert said.code != 0
    return said.err


def test_plain_http_is_asked_only_where_the_order_says_so(serve: Callable[..., Host], tmp: Path):
    host = serve(Host())
    assert "transport 'http' not allowed" in asked(host.url, tmp, plain_http=False)
    assert host.asked == []
    assert "not found" in asked(host.url, tmp, plain_http=True)
    assert host.asked


def test_what_begins_with_https_is_not_led_on_in_clear(
    serve: Callable[..., Host], certified: ssl.SSLContext, tmp: Path
):
    inner = serve(Host())
    front = serve(Host(leads_to=inner.url), certified)
    asked(front.url, tmp, plain_http=False)
    assert front.asked
    assert inner.asked == []


def test_what_begins_with_https_is_led_on_over_https(
    serve: Callable[..., Host], certified: ssl.SSLContext, tmp: Path
):
    inner = serve(Host(), certified)
    front = serve(Host(leads_to=inner.url), certified)
    asked(front.url, tmp, plain_http=False)
    assert inner.asked


def test_the_token_is_shown_to_the_host_of_the_repo_and_to_none_that_it_leads_to(
    serve: Callable[..., Host], certified: ssl.SSLContext, tmp: Path
):
    inner = serve(Host(closed=True), certified)
    front = serve(Host(leads_to=inner.url), certified)
    asked(inner.url, tmp, plain_http=False)
    assert set(inner.shown) == {f"Basic {base64.b64encode(b'x-access-token:a token').decode()}"}

    inner.shown.clear()
    asked(front.url, tmp, plain_http=False)
    assert inner.asked
    assert inner.shown == []


def test_the_token_is_shown_for_a_repo_that_its_host_calls_otherwise_now(
    serve: Callable[..., Host], certified: ssl.SSLContext, tmp: Path
):
    host = serve(Host(closed=True), certified)
    host.leads_to = host.url + MOVED
    asked(host.url, tmp, plain_http=False)
    assert host.shown
    assert host.asked[-1].startswith(MOVED)


@pytest.mark.parametrize("url", ["git://127.0.0.1:9", "ext::sh -c id", "ftp://127.0.0.1:9"])
def test_no_other_protocol_is_spoken(url: str, tmp: Path):
    assert "not allowed" in asked(url, tmp, plain_http=True)
