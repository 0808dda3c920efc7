"""Failed conversations with a forge, in the words of git: their class, and what people read."""

from __future__ import annotations

import pytest

from chalicelib.runner.repository.forge_errors import error_class_of, refusal_words
from chalicelib.runner.repository.git import GitResult

BROKE = "send-pack: unexpected disconnect\nfatal: the remote end hung up unexpectedly\n"


@pytest.mark.parametrize(
    "text, pushing, cloning",
    [
        ("fatal: unable to access 'x': Could not resolve host: x", "network", "network"),
        ("fatal: unable to access 'x': The requested URL returned error: 503", *["network"] * 2),
        ("error: RPC failed; HTTP 504 curl 22 The requested URL\n" + BROKE, *["network"] * 2),
        ("error: RPC failed; HTTP 429 curl 22 The requested URL\n" + BROKE, *["network"] * 2),
        ("error: RPC failed; curl 55 Send failure: Connection reset\n" + BROKE, *["network"] * 2),
        ("error: RPC failed; HTTP 413 curl 22 The requested URL\n" + BROKE, "push", "clone"),
        ("error: RPC failed; HTTP 403 curl 22 The requested URL\n" + BROKE, "push", "credential"),
        ("fatal: Authentication failed for 'https://x'", "push", "credential"),
        (
            "fatal: unable to access 'x': The requested URL returned error: 401",
            "push",
            "credential",
        ),
        (" ! [remote rejected] HEAD -> x (pre-receive hook declined)", "push", "clone"),
        (
            "remote: our scanner timed out: HTTP 502\n ! [remote rejected] a -> b (hook)",
            "push",
            "clone",
        ),
        (
            "remote: error: GH006: Protected branch update failed for refs/heads/main.",
            "push",
            "clone",
        ),
    ],
)
def test_the_class_follows_the_status_and_then_the_words_of_git(
    text: str, pushing: str, cloning: str
):
    said = GitResult(128, "", text)

    assert (error_class_of(said, "push"), error_class_of(said, "clone")) == (pushing, cloning)


def test_a_long_refusal_keeps_its_beginning_and_its_end_within_the_bound_of_a_message():
    lines = ["remote: POLICY 17: no binaries", *(f"remote: {'x' * 500} {n}" for n in range(90))]

    words = refusal_words(GitResult(1, "", "\n".join([*lines, " ! [remote rejected] a -> b"])))

    assert words.startswith("remote: POLICY 17: no binaries\n")
    assert words.endswith(" ! [remote rejected] a -> b")
    assert "…" in words
    assert len(words.encode()) < 1800


def test_a_short_refusal_is_whole_and_a_silent_one_says_its_exit_code():
    assert refusal_words(GitResult(1, "", "one\n\ntwo\n")) == "one\ntwo"
    assert refusal_words(GitResult(7, "", "")) == "git exited 7"
