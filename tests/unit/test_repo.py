"""One repo has one normal URL, however it is written, and no credential is ever kept in it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.errors import Invalid
from chalicelib.domain.repos.repo import normal_url, repo_id

WORD = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,11}", fullmatch=True)
HOST = st.builds("{}.{}.{}".format, WORD, WORD, st.sampled_from(("com", "dev", "internal")))
HOST = HOST.filter(lambda host: not host.startswith("-"))
PATH = st.lists(WORD, min_size=1, max_size=4).map("/".join)
TAIL = st.sampled_from(("", "/", ".git", ".git/", "//", "/.git", ".git.git"))
PORT = st.integers(1, 65535).filter(lambda port: port != 443).map(":{}".format) | st.just("")


def cased(text: str, upper: int) -> str:
    """Return `text` with some of its letters in upper case."""
    return "".join(c.upper() if upper >> n & 1 else c for n, c in enumerate(text))


@given(host=HOST, path=PATH, tail=TAIL, port=PORT, upper=st.integers(0, 2**30))
def test_case_of_the_host_tail_and_slash_make_no_second_repo(
    host: str, path: str, tail: str, port: str, upper: int
):
    plain = f"https://{host}{port}/{path}"

    found = normal_url(f"  https://{cased(host, upper)}{port}/{path}{tail} ")

    assert found == normal_url(plain) == plain
    assert repo_id(found) == repo_id(normal_url(plain))


@given(host=HOST, path=PATH, data=st.data())
def test_needless_escapes_slashes_and_ports_make_no_second_repo(
    host: str, path: str, data: st.DataObject
):
    escaped = "".join(data.draw(st.sampled_from((c, f"%{ord(c):02x}"))) for c in path)
    written = escaped.replace("%2f", "/").replace(
        "/", data.draw(st.sampled_from(("/", "//", "/./")))
    )

    for scheme, port in (("https", 443), ("http", 80), ("ssh", 22)):
        assert normal_url(f"{scheme}://{host}:{port}/{written}") == f"{scheme}://{host}/{path}"


@given(host=HOST, path=PATH, tail=TAIL, user=st.sampled_from(("git", "deploy")))
def test_the_short_form_of_ssh_is_its_long_one(host: str, path: str, tail: str, user: str):
    path = f"acme/{path}"

    assert normal_url(f"{user}@{host}:{path}{tail}") == f"ssh://{user}@{host}/{path}"
    assert normal_url(f"{host}:{path}{tail}") == f"ssh://git@{host}/{path}"
    assert normal_url(f"ssh://{user}@{host}/{path}{tail}") == f"ssh://{user}@{host}/{path}"


@given(owner=WORD, name=WORD, tail=TAIL, upper=st.integers(0, 2**30))
def test_github_minds_no_case_at_all(owner: str, name: str, tail: str, upper: int):
    wanted = f"https://github.com/{owner}/{name}"

    assert normal_url(cased(f"{owner}/{name}", upper)) == wanted
    assert normal_url(f"https://GitHub.com/{cased(f'{owner}/{name}', upper)}{tail}") == wanted


@given(host=HOST, path=PATH, user=WORD, secret=WORD)
def test_a_credential_is_refused_and_not_repeated(host: str, path: str, user: str, secret: str):
    secret = f"{secret}-s3cr3t"
    for given_url in (
        f"https://{user}:{secret}@{host}/{path}",
        f"https://{secret}@{host}/{path}",
        f"ssh://{user}:{secret}@{host}/{path}",
        f"https://{user}:{secret}@{host}",
        f"https://{host}/{path}?token={secret}",
        f"https://{host}/{path}#{secret}",
    ):
        with pytest.raises(Invalid) as refused:
            normal_url(given_url)
        assert secret not in str(refused.value)
        assert refused.value.field == "repoUrl"


@given(st.one_of(st.text(max_size=60), st.builds("{}://{}/{}".format, WORD, st.text(), PATH)))
def test_whatever_is_written_has_one_form_or_none(text: str):
    try:
        once = normal_url(text)
    except Invalid:
        return
    assert normal_url(once) == once
    assert not any(c.isspace() for c in once)
    assert "@" not in once.partition("://")[2] or once.startswith("ssh://")


@pytest.mark.parametrize(
    "text",
    [
        "git://example.com/acme/web",
        "ext::sh -c id",
        "ftp://example.com/acme/web",
        "https://example.com",
        "https://example.com/../etc",
        "https://example.com/acme/%2e%2E/etc",
        "https://example.com/.git",
        "--upload-pack=id",
        "https://-oProxyCommand=id/acme",
        "",
    ],
)
def test_what_the_runner_would_not_clone_is_refused_with_the_field(text: str):
    with pytest.raises(Invalid) as refused:
        normal_url(text)

    assert refused.value.field == "repoUrl"
