"""Files of any kind that an agent leaves in OPTIO_OUTPUT."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from chalicelib.runner.output.redact import Redactor
from tests.support.fake_runner_api import PlayedApi, do, job

SECRET = "s3cr3t-k3y-0123"


def left(api: PlayedApi, tmp: Path, command: str, **more: Any) -> dict[str, Any]:
    """Return the report of an agent that runs `command` in OPTIO_OUTPUT."""
    return do(api, tmp, job(f'cd "$OPTIO_OUTPUT"\n{command}', **more))


def test_files_are_sent_away_and_listed(api: PlayedApi, tmp: Path):
    report = left(api, tmp, "echo '<p>hi' > report.html; printf 'x\\0y' > 'raw data'; : > empty")

    assert report["outcome"] == "succeeded", report["errorMessage"]
    assert report["outputs"] == [
        {"name": "empty", "size": 0, "contentType": "application/octet-stream"},
        {"name": "raw data", "size": 3, "contentType": "application/octet-stream"},
        {"name": "report.html", "size": 6, "contentType": "text/html"},
    ]
    assert api.put["report.html"] == (b"<p>hi\n", "text/html")
    assert api.put["raw data"][0] == b"x\0y"
    assert "kept of OPTIO_OUTPUT: empty, raw data, report.html" in api.text


def test_an_agent_that_fails_leaves_its_files_all_the_same(api: PlayedApi, tmp: Path, origin: Path):
    report = left(api, tmp, "echo so far > notes.txt; exit 3", origin=origin)

    assert report["outcome"] == "failed"
    assert [output["name"] for output in report["outputs"]] == ["notes.txt"]


def test_a_cancelled_job_sends_no_files(api: PlayedApi, tmp: Path):
    api.beat_answer = (200, {"continue": False, "reason": "cancelled"})

    report = left(api, tmp, "echo x > x; sleep 30")

    assert report["outputs"] == []
    assert api.put == {}


def test_secrets_are_blackened_in_text_and_keep_other_files_away(api: PlayedApi, tmp: Path):
    command = """
echo "key=$KEY" > notes.txt
printf '\\377\\376 %s' "$KEY" > image.bin
printf '%s' "$KEY" | iconv -t UTF-16 > wide.txt
printf '%s' "$KEY" | base64 > coded.txt
echo x > "$KEY"
"""
    report = left(api, tmp, command, secrets={"KEY": SECRET})

    assert api.put == {
        "coded.txt": (b"***\n", "text/plain"),
        "notes.txt": (b"key=***\n", "text/plain"),
    }
    assert [output["size"] for output in report["outputs"]] == [4, 8]
    assert "image.bin: a secret is in it, and it is not a text" in api.text
    assert "wide.txt: a secret is in it" in api.text
    assert "***: a secret is part of its name" in api.text


def test_what_is_no_plain_file_is_named_and_left_out(api: PlayedApi, tmp: Path):
    (tmp / "outside").write_text("not yours")
    command = f"""
echo good > good.txt
ln -s {tmp}/outside link
ln -s /etc link-to-folder
mkfifo pipe
mkdir folder; echo x > folder/x
python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("socket")'
echo x > "$(printf 'two\\nlines')"
echo x > 'back\\slash'
touch "$(printf 'bad\\377')"
touch "$(printf 'n%.0s' $(seq 201))"
chmod 0 good.txt
"""
    report = left(api, tmp, command)

    assert report["outcome"] == "succeeded", report["errorMessage"]
    kept = ["good.txt"] if os.geteuid() == 0 else []
    assert [output["name"] for output in report["outputs"]] == kept
    for name in (
        "link",
        "link-to-folder",
        "pipe",
        "folder",
        "socket",
        "two\\nlines",
        "back\\slash",
    ):
        assert f"not kept of OPTIO_OUTPUT: {name}: " in api.text
    assert "folder: it is a directory: pack it into one file" in api.text
    assert "longer than 200 bytes" in api.text
    assert "not yours" not in api.text


def test_a_directory_that_became_a_link_leads_nowhere(api: PlayedApi, tmp: Path):
    (tmp / "elsewhere").mkdir()
    (tmp / "elsewhere" / "private").write_text("not yours")
    swap = f'cd /; rmdir "$OPTIO_OUTPUT" && ln -s {tmp}/elsewhere "$OPTIO_OUTPUT"; true'

    report = left(api, tmp, swap)

    assert report["outcome"] == "succeeded", report["errorMessage"]
    assert (report["outputs"], api.put) == ([], {})


def test_thousands_of_files_are_cut_with_a_notice(api: PlayedApi, tmp: Path):
    report = left(api, tmp, "for n in $(seq 1000 6000); do : > $n; done")

    assert [output["name"] for output in report["outputs"]] == [str(n) for n in range(1000, 1100)]
    assert "4901 files above the 100 that are kept" in api.text


def test_files_that_are_too_big_together_are_left_out_one_by_one(api: PlayedApi, tmp: Path):
    report = left(api, tmp, "for n in a b c; do head -c 6000000 /dev/zero > $n; done; echo x > d")

    assert [output["name"] for output in report["outputs"]] == ["a", "d"]
    assert api.text.count("too big: all files may have 10 MiB together") == 2


def test_an_api_that_takes_no_files_ends_no_job(api: PlayedApi, tmp: Path):
    answer = api.answer

    def refusing(name: str, body: dict[str, Any]) -> tuple[int, dict[str, Any] | None]:
        return (404, {"error": "unknown"}) if name == "outputs" else answer(name, body)

    api.answer = refusing  # type: ignore[method-assign]
    report = left(api, tmp, "echo x > x")

    assert (report["outcome"], report["outputs"]) == ("succeeded", [])
    assert "the files in OPTIO_OUTPUT could not be kept" in api.text


@pytest.mark.parametrize("code", ["utf-8", "utf-16", "utf-16-be", "utf-32"])
def test_a_secret_is_found_in_bytes_of_each_code(code: str):
    found = Redactor([SECRET]).contains_secret(b"\xff" + f"key: {SECRET}.".encode(code))

    assert found == (code != "utf-32")
