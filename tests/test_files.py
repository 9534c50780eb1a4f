"""An output is replaced whole or not at all, never through a link, and by one writer at a time."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from helpers import ROOT
from helpers.killed_writers import (
    NEVER,
    KilledWriters,
    write_file,
    write_folder,
    write_resumed,
)
from szmass.files import (
    OutputError,
    replacing_file,
    replacing_folder,
    resumable_folder,
    sole_writer,
    write_metrics,
    write_text,
)

WAITING_WRITER = """
import sys, time
from pathlib import Path
from szmass.files import sole_writer
with sole_writer(Path(sys.argv[1])):
    print("writing", flush=True)
    time.sleep(60)
"""


def test_a_file_and_its_folder_are_made(tmp_path: Path) -> None:
    write_text(tmp_path / "a" / "b.txt", "5 µK\n")
    assert (tmp_path / "a" / "b.txt").read_text(encoding="utf-8") == "5 µK\n"
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b.txt"]


def test_a_failure_leaves_what_was_there_and_nothing_beside(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("whole")

    def write_half() -> None:
        with replacing_file(path) as unfinished:
            unfinished.write_text("ha")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert path.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [path]


def test_a_read_only_link_into_a_cache_is_replaced_and_the_cache_is_not(tmp_path: Path) -> None:
    cached, path = tmp_path / "cache", tmp_path / "metrics.json"
    cached.write_text("old")
    cached.chmod(0o444)
    os.link(cached, path)
    write_metrics(path, {"bias": 0.5})
    assert json.loads(path.read_text()) == {"bias": 0.5}
    assert cached.read_text() == "old"


@pytest.fixture(scope="module")
def writers() -> Iterator[KilledWriters]:
    writers = KilledWriters()
    yield writers
    writers.close()


def content(path: Path) -> list[str]:
    """The texts of a file, or of the files of a folder."""
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    return [file.read_text() for file in files]


@pytest.mark.parametrize(
    ("write", "files", "changes"),
    [(write_file, 1, 4), (write_folder, 2, 9), (write_resumed, 2, 12)],
)
def test_a_kill_before_any_change_of_files_leaves_the_old_or_the_new_output(
    writers: KilledWriters,
    tmp_path: Path,
    write: Callable[[Path, str], None],
    files: int,
    changes: int,
) -> None:
    path = tmp_path / "output"
    for change in range(NEVER):
        assert not writers.killed(NEVER, write, path, "old")
        assert [other.name for other in tmp_path.iterdir()] == ["output"]
        killed = writers.killed(change, write, path, "new")
        if not path.exists():  # between the two renames; the next writer has it back at once
            with pytest.raises(KeyboardInterrupt), replacing_folder(path):
                raise KeyboardInterrupt
        assert content(path) in (["old"] * files, ["new"] * files)
        assert not writers.killed(NEVER, write, path, "new")
        assert content(path) == ["new"] * files
        if not killed:
            break
    assert change > changes


def test_work_goes_on_where_it_was_killed_unless_it_is_another(tmp_path: Path) -> None:
    path = tmp_path / "output"

    def kept(identity: str) -> list[str]:
        """What the work has kept before."""
        names: list[str] = []
        with suppress(KeyboardInterrupt), resumable_folder(path, identity) as unfinished:
            names += [file.name for file in unfinished.iterdir() if file.name != "identity"]
            (unfinished / "finished").touch()
            raise KeyboardInterrupt
        return names

    assert [kept("one"), kept("one"), kept("two")] == [[], ["finished"], []]
    (tmp_path / "output.training" / "identity").write_bytes(b"\xff")
    assert kept("two") == []


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that writes `tmp_path/output`."""
    process = subprocess.Popen(
        [sys.executable, "-c", WAITING_WRITER, str(tmp_path / "output")],
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    yield process
    process.kill()
    process.communicate()


def test_an_output_has_one_writer_at_a_time(writer: subprocess.Popen[str], tmp_path: Path) -> None:
    path = tmp_path / "output"
    for replacing in (
        replacing_file(path), replacing_folder(path), resumable_folder(path, "one"),
    ):  # fmt: skip
        with (
            pytest.raises(
                OutputError,
                match=f"{path}: process {writer.pid} on {socket.gethostname()} is writing it: ",
            ),
            replacing,
        ):
            raise AssertionError
    writer.kill()
    writer.wait()
    write_text(path, "ours")
    assert [other.name for other in tmp_path.iterdir()] == ["output"]


def test_a_writer_that_has_just_ended_does_not_let_two_in(tmp_path: Path) -> None:
    """Its file is gone, and a lock on it would keep nobody out."""
    path = tmp_path / "output"
    with sole_writer(path):
        (tmp_path / "output.writer").unlink()
        with sole_writer(path), pytest.raises(OutputError), sole_writer(path):
            raise AssertionError


def test_git_and_dvc_do_not_see_what_a_killed_writer_leaves(tmp_path: Path) -> None:
    from dvc.repo import Repo

    for name in (".gitignore", ".dvcignore"):
        shutil.copy(ROOT / name, tmp_path)
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    left = [f"metrics/a.json{ending}" for ending in (".writer", ".unfinished")]
    ignored = subprocess.run(
        ["git", "check-ignore", *left], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert ignored.stdout.split() == left
    with Repo.init(str(tmp_path)) as repo:
        assert all(repo.dvcignore.is_ignored_file(str(tmp_path / name)) for name in left)


def test_an_error_of_the_system_names_the_output_and_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    with (
        pytest.raises(
            OutputError, match=rf"{path}: could not be written \(786432 requested.*{tmp_path}"
        ),
        replacing_file(path),
    ):
        raise OSError("786432 requested and 19328 written")
    assert list(tmp_path.iterdir()) == []
