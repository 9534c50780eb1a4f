"""DVC's cache and remotes: absent, away, slow, or as they should be."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path
from time import monotonic

import pytest

from helpers.told_servers import answering
from szmass.doctor import remotes
from szmass.doctor.finding import State


def write_remote(root: Path, name: str, address: str) -> None:
    """Settings of a repository without git that has a remote."""
    (root / ".dvc" / "config").write_text(
        f"[core]\n    no_scm = true\n['remote \"{name}\"']\n    url = {address}\n"
    )


def test_settings_are_those_of_dvc(root: Path) -> None:
    """As DVC itself reads them: relative to their file, the clone's own last."""
    from dvc.config import Config

    (root / ".dvc" / "config").write_text(
        "[core]\n    remote = a\n['remote \"a\"']\n    url = ../../store\n    verify = true\n"
        "['remote \"b\"']\n    url = s3://bucket/x\n"
    )
    (root / ".dvc" / "config.local").write_text(
        "[cache]\n    dir = ../cached\n['remote \"b\"']\n    url = ssh://host/x\n"
    )
    found = remotes.dvc_settings(root)
    assert isinstance(found, remotes.DvcSettings)
    expected = Config(str(root / ".dvc"))
    assert found.cache == Path(expected["cache"]["dir"]).resolve() == root / "cached"
    assert set(found.remotes) == set(expected["remote"]) == {"a", "b"}
    for name, place in found.remotes.items():
        url = expected["remote"][name]["url"]
        assert place == (url if "://" in url else str(Path(url).resolve()))


def test_settings_that_cannot_be_read_are_wrong(root: Path) -> None:
    (root / ".dvc" / "config").write_text("no section\n")
    found = remotes.dvc_settings(root)
    assert not isinstance(found, remotes.DvcSettings)
    assert found.state is State.WRONG
    assert "config" in found.text
    assert "\n" not in found.text


def test_a_folder_is_a_remote_once_it_is_there(root: Path) -> None:
    assert remotes.remote(root, "store", str(root / "store")).state is State.NOTE
    (root / "store").mkdir()
    assert remotes.remote(root, "store", str(root / "store")).state is State.OK


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("http://127.0.0.1:9/x", "Connection refused"),  # to DVC this is a folder that is not there
        ("ssh://me:secret@127.0.0.1:9/x", "Connect call failed"),
    ],
)
def test_a_remote_that_is_away_is_wrong(root: Path, address: str, message: str) -> None:
    write_remote(root, "away", address)
    found = remotes.remote(root, "away", address)
    assert found.state is State.WRONG
    assert message in found.text
    assert "secret" not in found.text
    assert "\n" not in found.text


def test_a_remote_that_dvc_does_not_know_is_wrong(root: Path) -> None:
    found = remotes.remote(root, "none", "s3://bucket/none")
    assert found.state is State.WRONG
    assert "none" in found.text


def test_a_server_without_the_folder_is_a_remote_to_come(root: Path) -> None:
    with answering(HTTPStatus.NOT_FOUND, "") as server:
        address = f"{server}/x"
        write_remote(root, "new", address)
        found = remotes.remote(root, "new", address)
    assert (found.state, found.remedy) == (State.NOTE, "dvc push -r new makes it")


def test_a_remote_that_never_answers_has_its_time(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remotes, "REMOTE_S", 0.5)
    monkeypatch.setattr(remotes, "ASK_REMOTE", "import time; time.sleep(60)")
    started = monotonic()
    found = remotes.remote(root, "slow", "ssh://host/x")
    assert monotonic() - started < 10.0
    assert (found.state, found.text) == (State.WRONG, "ssh://host/x: does not answer in 0.5 s")
