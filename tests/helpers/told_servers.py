"""Servers that answer everything as they are told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread


class Server(BaseHTTPRequestHandler):
    """Answers everything alike."""

    body = b""
    status = HTTPStatus.OK

    def do_GET(self) -> None:  # http.server's name
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(self.body)

    def do_HEAD(self) -> None:  # http.server's name
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Prints nothing."""


@contextmanager
def answering(status: HTTPStatus, text: str) -> Iterator[str]:
    """The address of a server that gives a status and a text."""
    handler = type("Told", (Server,), {"body": text.encode(), "status": status})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
