"""A workspace driven at random: what is pushed is what the agent did, and nothing is lost."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.support.repositories import BRANCH, Job, git, make_origin

CANARY = "canary-value-0123456789"
FILES: dict[str, str | bytes] = {
    "README": "hello\n",
    "src/a": "a\n",
    "src/b": "b\n",
    "win.txt": b"a\r\nb\r\n",
    "words.rot": "uryyb\n",
    ".gitignore": "ignored/\n",
}
NAMES = st.sampled_from(
    ["README", "src/a", "src/b", "new", "src/new", "words.rot", "d/e.rot", "made"]
)
WORDS = st.sampled_from(["one", "two", "three"])
ROT13 = str.maketrans("abcdefghijklmnopqrstuvwxyz", "nopqrstuvwxyzabcdefghijklm")
FILTER = (
    "git config filter.rot.clean 'tr a-z n-za-m'; git config filter.rot.smudge 'tr a-z n-za-m';"
    "rm words.rot; git checkout -q words.rot"
)
SETUPS = [
    "true",
    "echo lock > lock; mkdir -p deps; echo x > deps/x",
    "echo generated > made; echo changed > src/b",
    "git init -q deps; echo x > deps/x",
    "echo scaffold > scaffold; git add scaffold; git commit -qm scaffold",
]


class Workspace(RuleBasedStateMachine):
    """An agent at work; the model is the content of each file that it changed since setup."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="machine-"))
        self.made = 0
        self.expected: dict[str, str | None] = {}
        self.commits: list[str] = []
        self.aside: list[str] = []
        """Commits that only a reference of another kind than a branch names."""
        self.is_pinned = False
        """Whether another branch or worktree names the commit that is checked out."""
        self.has_links = False
        self.leaks = False

    @initialize(setup=st.sampled_from(SETUPS))
    def begin(self, setup: str) -> None:
        bare = make_origin(self.root, FILES)
        seed = self.root / "seed"
        (seed / ".gitattributes").write_text("*.rot filter=rot\n*.txt text\n")
        git("add", ".gitattributes", cwd=seed)
        git("commit", "-qm", "attributes", cwd=seed)
        git("push", "-q", "origin", "HEAD:main", cwd=seed)
        self.job = Job(self.root / "job", bare).setup(f"{FILTER}; {setup}")
        self.setup_head = self.run("git rev-parse HEAD")
        self.rewrites = setup != "true"

    def run(self, script: str) -> str:
        return self.job.run(script)

    def next_name(self, kind: str) -> str:
        self.made += 1
        return f"{kind}-{self.made}"

    def note_commit(self) -> None:
        self.is_pinned = False
        self.commits.append(self.run("git rev-parse HEAD"))

    @rule(name=NAMES, word=WORDS)
    def edit(self, name: str, word: str) -> None:
        self.run(f"mkdir -p $(dirname {name}); echo {word} > {name}")
        self.expected[name] = f"{word}\n"

    @rule(name=st.sampled_from(["README", "src/a", "src/b"]))
    def remove(self, name: str) -> None:
        self.run(f"rm -f {name}")
        self.expected[name] = None

    @rule(name=st.sampled_from(["README", "win.txt", "words.rot"]))
    def touch(self, name: str) -> None:
        self.run(f"if [ -e {name} ]; then touch {name}; git status --short; fi")

    @rule(everything=st.booleans())
    def commit(self, everything: bool) -> None:
        add = "git add -A 2>/dev/null || git add -u" if everything else "git add -u"
        self.run(f"rm -rf deps/.git; {add}; git commit -q --allow-empty -m work")
        self.note_commit()

    @precondition(lambda self: self.commits and not self.is_pinned and not self.leaks)
    @rule()
    def amend(self) -> None:
        if self.run("git rev-parse HEAD^@") and self.run("git rev-parse HEAD") in self.commits:
            self.run("git add -u; git commit -q --amend --allow-empty -m amended")
            self.commits.pop()
            self.note_commit()

    @rule()
    def branch(self) -> None:
        self.run(f"git switch -q -c {self.next_name('side')}")
        self.is_pinned = True

    @rule(squash=st.booleans())
    def branch_and_merge(self, squash: bool) -> None:
        name = self.next_name("merged")
        merge = f"--squash {name}; git commit -qm s" if squash else f"--no-ff --no-edit {name}"
        self.run(
            f"here=$(git symbolic-ref --short HEAD); git switch -q -c {name}; echo {name} > {name};"
            f"git add {name}; git commit -qm {name}; git switch -q $here; git merge -q {merge}"
        )
        self.expected[name] = f"{name}\n"
        self.note_commit()

    @rule()
    def stash_and_pop(self) -> None:
        # Not win.txt: git itself cannot pop a stash over a file that it takes for changed.
        self.run("git stash push -q -- README src words.rot && git stash pop -q || true")

    @precondition(lambda self: self.commits and not self.is_pinned)
    @rule()
    def rebase(self) -> None:
        """Write the commits since setup again, under other names."""
        self.run(
            # A rebase writes a file with other line ends again once a commit has it so.
            f"if ! git log --format= --name-only {self.setup_head}..HEAD | grep -q win.txt &&"
            "git diff --quiet && git diff --cached --quiet;"
            f"then git rebase -q --force-rebase {self.setup_head} || true; fi;"
            "if [ -e .git/rebase-merge ]; then git rebase --abort; fi"
        )
        self.commits = [self.run("git rev-parse HEAD")]

    @rule(deep=st.booleans(), commit=st.booleans())
    def nest(self, deep: bool, commit: bool) -> None:
        folder = self.next_name("src/nested" if deep else "nested")
        more = "git add .; git commit -qm nested" if commit else "true"
        self.run(f"git init -q {folder}; cd {folder}; echo n > n; {more}")
        self.expected[f"{folder}/n"] = "n\n"
        self.has_links = True

    @rule()
    def make_executable(self) -> None:
        self.run("if [ -f src/a ]; then chmod +x src/a; fi")

    @rule()
    def add_worktree(self) -> None:
        name = self.next_name("tree")
        self.run(f"git worktree add -q {name} -b {name} HEAD")
        self.is_pinned = True

    @rule(place=st.sampled_from(["refs/wip/", "refs/tags/", "refs/worktree/", "ROOT_{}_HEAD"]))
    def set_aside(self, place: str) -> None:
        name = self.next_name("aside")
        ref = place.format(self.made) if "{}" in place else place + name
        self.run(
            f"export GIT_INDEX_FILE=.git/aside; git read-tree HEAD; blob=$(echo {name} |"
            "git hash-object -w --stdin);"
            f"git update-index --add --cacheinfo 100644,$blob,{name};"
            f"git update-ref {ref} $(git commit-tree -p HEAD -m {name} $(git write-tree))"
        )
        self.aside.append(self.run(f"git rev-parse {ref}"))

    @precondition(lambda self: self.commits)
    @rule()
    def note(self) -> None:
        self.run("git notes add -f -m noted HEAD")

    @rule()
    def hide_a_file(self) -> None:
        self.run("git update-index --assume-unchanged README 2>/dev/null || true")

    @rule()
    def keep_a_secret_where_git_does_not_look(self) -> None:
        self.run(f"mkdir -p ignored; echo {CANARY} > ignored/env")

    @rule(name=st.sampled_from(["src/a", "leaked"]))
    def commit_a_secret(self, name: str) -> None:
        self.run(
            f"mkdir -p src; echo {CANARY} > {name}; git add {name};"
            "git commit --allow-empty -qm oops"
        )
        self.expected[name] = f"{CANARY}\n"
        self.leaks = True
        self.note_commit()

    def teardown(self) -> None:
        """Check once, at the end: a snapshot starts dozens of processes."""
        try:
            if hasattr(self, "setup_head"):
                self.check()
        finally:
            shutil.rmtree(self.root, ignore_errors=True)

    def check(self) -> None:
        snapshot = self.job.take()
        if snapshot is None:
            assert not self.leaks
            assert not self.aside
            assert all(self.read("main", name) == text for name, text in self.wanted().items())
            return
        snapshot = self.job.scan([("CANARY", CANARY)])
        names = self.run(f"git log --format= --name-only {self.setup_head}..HEAD").split("\n")
        # Other line ends are taken out of commits, as what setup left and links are.
        if not (self.rewrites or self.has_links or "win.txt" in names):
            for sha in self.commits:
                git("merge-base", "--is-ancestor", sha, snapshot.head, cwd=snapshot.repository)
        if self.leaks:
            assert snapshot.refused is not None
            assert "the secret CANARY is in" in snapshot.refused.reason
            return
        if self.aside:
            assert snapshot.refused is not None
            assert "work that its checked-out commit does not have" in snapshot.refused.reason
            assert set(self.aside) == set(snapshot.others.values())
            assert set(self.aside) <= set(git("rev-list", "--all", cwd=snapshot.repository).split())
            return
        assert snapshot.refused is None, snapshot.refused
        self.job.push()
        self.check_tree()
        assert CANARY not in git("log", "-p", "--all", "--text", cwd=self.job.origin)

    def check_tree(self) -> None:
        origin = self.job.origin
        listing = git("ls-tree", "-r", BRANCH, cwd=origin).split("\n")
        assert not any(line.startswith("160000") for line in listing)
        wanted, base = self.wanted(), self.list_names("main")
        for name, text in wanted.items():
            assert self.read(BRANCH, name) == text, name
        for name in base - set(wanted):
            was, now = (git("rev-parse", f"{c}:{name}", cwd=origin) for c in ("main", BRANCH))
            assert now == was, name
        assert self.list_names(BRANCH) - base <= set(wanted)

    def wanted(self) -> dict[str, str | None]:
        """Return what each file that the agent changed should be in the repository."""
        return {
            name: text.translate(ROT13) if text and name.endswith(".rot") else text
            for name, text in self.expected.items()
        }

    def list_names(self, commit: str) -> set[str]:
        return set(git("ls-tree", "-r", "--name-only", commit, cwd=self.job.origin).split("\n"))

    def read(self, commit: str, name: str) -> str | None:
        if name not in self.list_names(commit):
            return None
        return git("show", f"{commit}:{name}", cwd=self.job.origin) + "\n"


def run_machine(examples: int, steps: int) -> None:
    number = random.SystemRandom().randrange(2**32)
    print(f"hypothesis seed {number}")  # noqa: T201  a failed run is repeated with it

    @seed(int(os.environ.get("SNAPSHOT_SEED", number)))
    class Seeded(Workspace):
        pass

    run_state_machine_as_test(
        Seeded,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            phases=[Phase.generate] if steps < 10 else [Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_what_is_pushed_is_what_the_agent_did():
    run_machine(6, 8)


@pytest.mark.slow
def test_what_is_pushed_is_what_the_agent_did_in_many_ways():
    run_machine(150, 14)
