"""A push to and a pull from real servers, killed and damaged on the way, and those that refuse."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from helpers.proxy import Proxy, proxy
from helpers.servers import Server, s3_store, ssh_server, webdav_share
from helpers.shared_project import DATA, MODEL, Project

SHARD = f"{DATA}/temperature_uk/c/4/0/0"
WAIT_S = 60.0
Start = Callable[[Path], AbstractContextManager[Server]]

each_kind = pytest.mark.parametrize("kind", [ssh_server, s3_store, webdav_share], indirect=True)


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project.of_group(tmp_path_factory.mktemp("group"))


@pytest.fixture(scope="module")
def kind(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server that the tests of its kind share."""
    start: Start = request.param
    with start(tmp_path_factory.mktemp("server") / "of_kind") as server:
        yield server


def use(project: Project, server: Server, way: Proxy, **other: str) -> None:
    url, settings = server.remote(way.port)
    project.use(url, **settings | other)


def killed_half_way(project: Project, command: str, way: Proxy, direction: str, total: int) -> None:
    """Kills a transfer that the proxy holds, and lets the next ones pass."""
    way.hold_after(total // 2, direction)
    process = subprocess.Popen(
        ["dvc", command, "--quiet", "--jobs", "1"],
        cwd=project.path,
        env=project.environment(),
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert way.held.wait(WAIT_S)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    way.let_go()


@pytest.mark.slow
@each_kind
def test_killed_and_damaged_transfers_end_well(kind: Server, group: Project, tmp_path: Path):
    total = sum((group.path / name).stat().st_size for name in group.hashes(DATA, MODEL))
    colleague = group.clone(tmp_path / "colleague")
    with proxy(kind.port) as way:
        use(group, kind, way)
        use(colleague, kind, way)
        killed_half_way(group, "push", way, "up", total)
        group.succeed("dvc", "push", "--quiet", "--jobs", "1")
        assert way.passed["up"] < 0.8 * total, "what had arrived was sent again"

        way.damage = "down"
        spoilt = colleague.run("dvc", "pull", DATA)
        assert spoilt.returncode
        assert way.damaged
        assert DATA in spoilt.stderr or "failed to transfer" in spoilt.stderr
        assert not (colleague.path / SHARD).exists()

        way.damage = ""
        assert "0 are not there" in group.szmass("verify", "--remote", "team").stdout
        killed_half_way(colleague, "pull", way, "down", total)
        colleague.succeed("dvc", "pull", "--quiet", "--jobs", "1")
        assert way.passed["down"] < 0.8 * total, "what had arrived came again"
        assert colleague.hashes(DATA, MODEL) == group.hashes(DATA, MODEL)


def test_what_webdav_lets_in_damaged_is_found_and_mended(group: Project, tmp_path: Path):
    """S3 and SSH compare checksums on arrival; plain WebDAV does not."""
    check = ("verify", DATA, "--remote", "team")
    with webdav_share(tmp_path / "server") as server, proxy(server.port) as way:
        use(group, server, way)
        way.damage = "up"
        group.succeed("dvc", "push", "--quiet")
        way.damage = ""
        assert f"{SHARD}: damaged in team" in group.szmass(*check, "--remove").stderr
        group.succeed("dvc", "push", "--quiet")
        assert group.szmass(*check).returncode == 0


@each_kind
def test_a_remote_that_refuses_or_is_away_is_named(
    kind: Server, group: Project, monkeypatch: pytest.MonkeyPatch
):
    """Where DVC itself says no more than that the files are missing, as with WebDAV."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")  # of five, each with a longer wait
    with proxy(kind.port) as way:
        use(group, kind, way, **{kind.secret: "wrong"})
        refused = group.szmass("verify", "--remote", "team")
        use(group, kind, way)
    away = group.szmass("verify", "--remote", "team")
    for answer in (refused, away):
        assert answer.returncode == 1
        assert answer.stderr.startswith("szmass: team: "), answer.stderr
    assert "onnect" in away.stderr
