"""Real servers on loopback ports that a test starts: an SSH server, an S3 store, a WebDAV share."""

from __future__ import annotations

import getpass
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

import pytest

HOST = "127.0.0.1"
START_S = 30.0
SSHD = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
S3_KEY, S3_SECRET = "group", "a secret of the group"
DAV_USER, DAV_PASSWORD = "group", "a password of the group"


@dataclass(frozen=True)
class Server:
    """A storage server, as a DVC remote names it."""

    port: int
    folder: Path
    """Where it keeps its files."""
    url: str
    """With `{port}`, so that a proxy can stand before the server."""
    settings: Mapping[str, str]
    """Of `dvc remote modify`, likewise."""
    secret: str
    """The setting without which nobody is let in."""

    def remote(self, port: int | None = None) -> tuple[str, dict[str, str]]:
        """The URL and the settings of a remote, by this port."""
        port = port or self.port
        settings = {key: text.format(port=port) for key, text in self.settings.items()}
        return self.url.format(port=port), settings


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on."""
    sockets = [socket.create_server((HOST, 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def answers(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as connection:
        return connection.connect_ex((HOST, port)) == 0


@contextmanager
def started(*command: str, log: Path, ready: Callable[[], bool]) -> Iterator[None]:
    """Runs a server for as long as the block; fails with its log where it does not come up."""
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL)
    try:
        deadline = monotonic() + START_S
        while not ready():
            if process.poll() is not None or monotonic() > deadline:
                raise RuntimeError(f"{command[0]} did not start: {log.read_text()[-2000:]}")
            sleep(0.05)
        yield
    finally:
        process.kill()
        process.wait()


@contextmanager
def ssh_server(folder: Path) -> Iterator[Server]:
    """OpenSSH with a host key, a user's key and a configuration of its own; needs no root."""
    if SSHD is None and not os.environ.get("CI"):
        pytest.skip("no sshd here: install openssh-server")
    assert SSHD, "no sshd: continuous integration installs openssh-server"
    keys, files = folder / "keys", folder / "files"
    keys.mkdir(parents=True)
    files.mkdir()
    for name in ("host", "user"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(keys / name)], check=True
        )
    if os.geteuid() == 0:  # sshd wants the empty folder that its service would make
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    (port,) = free_ports(1)
    settings = {
        "Port": str(port),
        "ListenAddress": HOST,
        "HostKey": str(keys / "host"),
        "AuthorizedKeysFile": str(keys / "user.pub"),
        "PidFile": "none",
        "PasswordAuthentication": "no",
        "KbdInteractiveAuthentication": "no",
        "StrictModes": "no",
        "UsePAM": "no",
        "MaxStartups": "100",
        "MaxSessions": "100",
        "Subsystem": "sftp internal-sftp",
    }
    config = folder / "sshd_config"
    config.write_text("".join(f"{key} {value}\n" for key, value in settings.items()))
    remote = {"keyfile": str(keys / "user"), "allow_agent": "false"}
    url = f"ssh://{getpass.getuser()}@{HOST}:{{port}}{files}"
    command = (SSHD, "-D", "-e", "-f", str(config))
    with started(*command, log=folder / "log", ready=lambda: answers(port)):
        yield Server(port, files, url, remote, "keyfile")


@contextmanager
def s3_store(folder: Path, bucket: str = "szmass") -> Iterator[Server]:
    """SeaweedFS, an object store with S3's interface and signed requests, and one bucket."""
    import s3fs

    folder.mkdir(parents=True)
    identity = {
        "name": "group",
        "credentials": [{"accessKey": S3_KEY, "secretKey": S3_SECRET}],
        "actions": ["Admin", "Read", "Write", "List"],
    }
    (folder / "identities.json").write_text(json.dumps({"identities": [identity]}))
    names = ["master.port", "volume.port", "filer.port", "s3.port"]
    names += [f"{name}.grpc" for name in names]
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    port = ports["s3.port"]
    options = ports | {
        "dir": folder,
        "ip": HOST,
        "ip.bind": HOST,
        "filer.localSocket": folder / "filer.sock",
        "s3.config": folder / "identities.json",
        "s3.port.iceberg": 0,
        "master.volumeSizeLimitMB": 64,
        "volume.max": 8,
    }
    endpoint = f"http://{HOST}:{port}"
    store = s3fs.S3FileSystem(
        key=S3_KEY, secret=S3_SECRET, endpoint_url=endpoint, skip_instance_cache=True
    )

    arguments = [f"-{name}={value}" for name, value in options.items()]
    weed = str(Path(sys.executable).with_name("weed"))
    with started(
        weed, "server", "-filer", "-s3", *arguments, log=folder / "log", ready=lambda: answers(port)
    ):
        store.mkdir(bucket)
        settings = {
            "endpointurl": f"http://{HOST}:{{port}}",
            "access_key_id": S3_KEY,
            "secret_access_key": S3_SECRET,
        }
        yield Server(port, folder, f"s3://{bucket}/data", settings, "secret_access_key")
    for number in ports.values():  # what a killed SeaweedFS leaves behind
        for left in Path(tempfile.gettempdir()).glob(f"seaweedfs-*-{number}.sock"):
            left.unlink()


@contextmanager
def webdav_share(folder: Path) -> Iterator[Server]:
    """WsgiDAV with a user and a password."""
    files = folder / "files"
    (files / "data").mkdir(parents=True)
    (port,) = free_ports(1)
    settings = {
        "host": HOST,
        "port": port,
        "provider_mapping": {"/": str(files)},
        "simple_dc": {"user_mapping": {"*": {DAV_USER: {"password": DAV_PASSWORD}}}},
    }
    config = folder / "wsgidav.json"
    config.write_text(json.dumps(settings))
    remote = {"user": DAV_USER, "password": DAV_PASSWORD}
    command = (sys.executable, "-m", "wsgidav.server.server_cli", "--config", str(config))
    with started(*command, log=folder / "log", ready=lambda: answers(port)):
        yield Server(port, files, f"webdav://{HOST}:{{port}}/data", remote, "password")
