"""`szmass mlflow-server`: MLflow for a group, from one command."""

from __future__ import annotations

import signal
from argparse import ArgumentParser, Namespace
from contextlib import suppress
from pathlib import Path

HELP = "MLflow for a group, on PostgreSQL and an object store"
EXAMPLE = "szmass mlflow-server --folder /data/szmass-mlflow --host 0.0.0.0"


def add_arguments(parser: ArgumentParser) -> None:
    """Adds where it keeps its files, and where it listens."""
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path("../szmass-mlflow"),
        help="where it keeps everything (default: %(default)s)",
    )
    parser.add_argument("--host", default="127.0.0.1", help="to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=5000, help="(default: %(default)s)")


def run(options: Namespace) -> None:
    """Runs the server until it is interrupted."""
    from szmass.mlflow_server import serve

    def started(address: str) -> None:
        print(
            f"MLflow     {address}\n"
            f"runs       PostgreSQL in {options.folder / 'postgres'}\n"
            f"files      SeaweedFS in {options.folder / 'objects'}\n"
            f"send runs  export MLFLOW_TRACKING_URI={address}\n"
            "Ctrl-C ends it; the same command goes on with what is there.",
            flush=True,
        )

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        serve(options.folder, host=options.host, port=options.port, started=started)
