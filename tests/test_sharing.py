"""Data and models through real remotes: all come back, and no damage is ever used."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import chdir
from pathlib import Path
from time import monotonic, sleep

import pytest
from ruamel.yaml import YAML

from helpers import ROOT
from helpers.shared_project import DATA, MODEL, Project, flip_a_bit, stored
from szmass.verify import Check, VerifyError, verify

SHARD = f"{DATA}/temperature_uk/c/4/0/0"
WAIT_S = 60.0


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project.of_group(tmp_path_factory.mktemp("group"))


def object_of(project: Project, path: str) -> str:
    """The MD5 under which DVC stores a file."""
    return project.succeed("md5sum", path).split()[0]


def kill_on_the_way(project: Project, objects: Path, *command: str) -> None:
    """Kills a command once a few objects have arrived in a folder."""
    process = subprocess.Popen(
        command,
        cwd=project.path,
        env=project.environment() | {"PYTHONPATH": "src"},
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = monotonic() + WAIT_S
    while len(stored(objects)) < 5 and process.poll() is None:
        assert monotonic() < deadline
        sleep(0.001)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def check(
    project: Project, *targets: str, remote: str | None = None, remove: bool = False
) -> Check:
    """What `szmass verify` finds in a project."""
    with chdir(project.path):
        return verify(targets, remote, remove=remove)


def test_a_newcomers_default_remote_is_empty(project: Project, tmp_path: Path):
    """It lies beside each clone; the message is the one that docs/sharing.md explains."""
    pulled = project.clone(tmp_path / "elsewhere" / "szmass").run("dvc", "pull", DATA)
    assert pulled.returncode != 0
    assert "Is your cache up to date?" in pulled.stderr


@pytest.mark.slow
def test_damage_is_found_and_mended_wherever_it_is(project: Project):
    project.succeed("dvc", "push", "--quiet")
    remote = project.path.parent / "szmass-dvc-store"
    md5 = object_of(project, SHARD)
    flip_a_bit(stored(remote)[md5])
    colleague = project.clone(project.path.parent / "szmass-colleague")

    assert DATA in colleague.run("dvc", "pull", DATA).stderr
    assert not (colleague.path / SHARD).exists()
    named = colleague.szmass("verify", "--remote", "store")
    assert named.returncode == 1
    assert f"{SHARD}: damaged in store" in named.stderr
    assert "the same command with --remove, then dvc push" in named.stderr

    check(project, remote="store", remove=True)
    project.succeed("dvc", "push", "--quiet")
    colleague.succeed("dvc", "pull", "--quiet", DATA)
    assert colleague.hashes(DATA) == project.hashes(DATA)

    stored(remote)[md5].unlink()
    assert [file.path for file in check(project, remote="store", remove=True).missing] == [SHARD]
    project.succeed("dvc", "push", "--quiet")
    assert md5 in stored(remote)

    flip_a_bit(stored(colleague.path / ".dvc" / "cache")[md5])
    assert colleague.hashes(SHARD) != project.hashes(SHARD), "the workspace links to the cache"
    assert [file.path for file in check(colleague, remove=True).damaged] == [SHARD]
    colleague.succeed("dvc", "pull", "--quiet", DATA)
    assert colleague.hashes(DATA) == project.hashes(DATA)


@pytest.mark.slow
def test_versions_can_be_listed_and_fetched(project: Project, tmp_path: Path):
    project.succeed("dvc", "push", "--quiet")
    project.succeed("git", "tag", "--annotate", "microwave-maps@v1.0.0", "--message", "First")
    first = project.hashes(DATA, MODEL)
    project.change_data(seed=4)
    project.succeed("dvc", "push", "--quiet")
    project.succeed("git", "tag", "--annotate", "microwave-maps@v2.0.0", "--message", "Second")
    here = str(project.path)

    assert "v1.0.0" in project.succeed("gto", "history", "microwave-maps")
    listed = project.succeed("git", "tag", "--list", "microwave-maps@*").split()
    assert listed == ["microwave-maps@v1.0.0", "microwave-maps@v2.0.0"]
    files = project.succeed("dvc", "list", here, DATA, "--rev", listed[0])
    assert "temperature_uk" in files

    other = Project(tmp_path / "other")
    other.path.mkdir()
    other.start_git()
    other.succeed("dvc", "init", "--quiet")
    other.succeed("dvc", "get", here, DATA, "--rev", listed[0], "--out", DATA)
    other.succeed("dvc", "import", here, MODEL, "--rev", listed[0], "--out", "mresunet")
    (other.path / "models").mkdir()
    (other.path / "mresunet").rename(other.path / MODEL)
    assert other.hashes(DATA, MODEL) == first
    other.succeed("dvc", "artifacts", "get", here, "microwave-maps", "--rev", "v2.0.0")
    (other.path / DATA).rename(other.path / "first.zarr")
    (other.path / "microwave.zarr").rename(other.path / DATA)
    assert other.hashes(DATA) == project.hashes(DATA)
    assert set(other.hashes(DATA).values()) != set(other.hashes("first.zarr").values())


@pytest.mark.slow
def test_an_experiment_travels(project: Project, tmp_path: Path):
    shared = tmp_path / "shared.git"
    project.succeed("git", "clone", "--quiet", "--bare", str(project.path), str(shared))
    group = Project(tmp_path / "szmass")
    project.succeed("git", "clone", "--quiet", str(shared), str(group.path))
    group.share_cache(project)
    group.write_data(seed=5)
    group.succeed("dvc", "commit", "--quiet", "--force")
    group.succeed("dvc", "exp", "save", "--quiet", "--name", "seed-5")
    group.succeed("dvc", "exp", "push", "--quiet", "origin", "seed-5")

    colleague = Project(tmp_path / "szmass-colleague")
    project.succeed("git", "clone", "--quiet", str(shared), str(colleague.path))
    colleague.succeed("dvc", "exp", "pull", "--quiet", "origin", "seed-5")
    colleague.succeed("dvc", "exp", "apply", "--quiet", "seed-5")
    assert colleague.hashes(DATA, MODEL) == group.hashes(DATA, MODEL)


def test_a_full_disk_is_named_and_loses_nothing(project: Project, tmp_path: Path):
    small = tmp_path / "small"
    small.mkdir()
    project.use(str(small))
    mount = f"mount -t tmpfs -o size=2m none {small}"
    inside = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c")
    if project.run(*inside, mount).returncode and not os.environ.get("CI"):
        pytest.skip("no file system of a test's own can be mounted here")
    full = project.run(*inside, f"{mount} && dvc push")
    assert full.returncode
    assert "No space left on device" in full.stderr
    project.succeed("dvc", "push", "--quiet")  # without the mount there is room
    assert not check(project, remote="team").missing
    (project.path / ".dvc" / "config.local").unlink()


def test_a_killed_push_to_a_folder_goes_on(project: Project, tmp_path: Path):
    remote = tmp_path / "remote"
    project.use(str(remote))
    kill_on_the_way(project, remote, "dvc", "push", "--quiet", "--jobs", "1")
    before = {md5: file.stat().st_ino for md5, file in stored(remote).items() if len(md5) == 32}
    assert before
    project.succeed("dvc", "push", "--quiet")
    after = stored(remote)
    again = [md5 for md5, inode in before.items() if after[md5].stat().st_ino != inode]
    assert len(again) <= 1, "only the object in work is sent again"
    found = check(project, remote="team")
    assert not found.damaged
    assert not found.missing
    (project.path / ".dvc" / "config.local").unlink()


def test_what_nobody_has_is_named_as_missing(project: Project, tmp_path: Path):
    group = project.clone(tmp_path / "szmass")
    group.use(str(tmp_path / "remote"))
    spectra = project.path / "data" / "spectra.csv"
    (group.path / "data" / "spectra.csv").write_bytes(spectra.read_bytes())
    group.succeed("dvc", "commit", "--quiet", "--force", "data/spectra.csv")
    group.succeed("dvc", "push", "--quiet")
    assert group.szmass("verify", "data/spectra.csv", "--remote", "team").returncode == 0
    missing = group.szmass("verify", "data", "--remote", "team")
    assert missing.stdout == "team: 1 files are what dvc.lock says, 2 are not there\n"
    assert f"{DATA}: missing in team" in missing.stderr
    assert "szmass: to mend it: dvc push, where the data is" in missing.stderr


@pytest.mark.parametrize("target", ["data/microwav.zarr", "data/spectra", "tabulate_spectra"])
def test_a_target_that_is_no_output_is_answered_with_those_there_are(project: Project, target: str):
    with pytest.raises(VerifyError, match=f"{target}: no output .*{DATA}"):
        check(project, target)


def test_an_unknown_remote_is_told(project: Project):
    with pytest.raises(VerifyError, match="remote 'teem' doesn't exist"):
        check(project, remote="teem")


def test_every_artifact_is_the_output_of_a_stage():
    pipeline = YAML(typ="safe").load(ROOT / "dvc.yaml")
    outputs = str([stage.get("outs") for stage in pipeline["stages"].values()])
    for name, artifact in pipeline["artifacts"].items():
        assert artifact["path"] in outputs, name
        assert artifact["type"] in {"dataset", "model"}, name


def test_the_documented_remotes_are_right(project: Project, tmp_path: Path):
    """The lines of docs/sharing.md, for every kind of server."""
    clone = project.clone(tmp_path / "szmass")
    page = (ROOT / "docs" / "sharing.md").read_text()
    lines = [line.strip() for line in page.splitlines() if line.startswith("    dvc remote ")]
    kinds = {"s3://", "ssh://", "webdavs://"}
    assert {kind for kind in kinds if any(kind in line for line in lines)} == kinds
    clone.succeed("sh", "-ec", "\n".join(line.partition("#")[0] for line in lines))
    written = clone.succeed("cat", ".dvc/config", ".dvc/config.local")
    assert written.count("verify = true") == len(kinds) + 1  # and the default remote
