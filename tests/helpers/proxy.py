"""A proxy before a real server: it counts, damages or holds what passes."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Event, Lock, Thread

from helpers.servers import HOST

PIECE = 1 << 16
PAYLOAD = 1 << 14
"""Bytes in one piece above which it is data, not a header or a listing."""


@dataclass
class Proxy:
    """What passes between clients and a server; `up` is to the server, `down` from it."""

    port: int
    passed: dict[str, int] = field(default_factory=lambda: {"up": 0, "down": 0})
    """Bytes."""
    damage: str = ""
    """A direction: every piece of data there has one bit flipped."""
    damaged: int = 0
    """Pieces."""
    hold: dict[str, int] = field(default_factory=dict)
    """Bytes after which nothing passes any more, by direction."""
    held: Event = field(default_factory=Event)
    released: Event = field(default_factory=Event)
    lock: Lock = field(default_factory=Lock)

    def hold_after(self, amount: int, direction: str) -> None:
        """Lets so many bytes pass there, then nothing more until `let_go`."""
        self.held.clear()
        self.released.clear()
        self.hold = {direction: self.passed[direction] + amount}

    def let_go(self) -> None:
        """Ends the hold, and counts anew."""
        self.hold, self.passed = {}, {"up": 0, "down": 0}
        self.released.set()

    def handle(self, piece: bytes, direction: str) -> bytes:
        """What becomes of a piece that passes."""
        with self.lock:
            self.passed[direction] += len(piece)
            full = self.passed[direction] > self.hold.get(direction, self.passed[direction])
            if self.damage == direction and len(piece) >= PAYLOAD:
                self.damaged += 1
                middle = len(piece) // 2
                piece = piece[:middle] + bytes([piece[middle] ^ 1]) + piece[middle + 1 :]
        if full:
            self.held.set()
            self.released.wait()
        return piece


@contextmanager
def proxy(server_port: int) -> Iterator[Proxy]:
    """Stands before a server on a port of its own for as long as the block."""
    with socket.create_server((HOST, 0)) as listener:
        made = Proxy(listener.getsockname()[1])
        Thread(target=_accept, args=(listener, server_port, made), daemon=True).start()
        yield made
        made.released.set()
        listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, server_port: int, made: Proxy) -> None:
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            Thread(target=_connect, args=(client, server_port, made), daemon=True).start()


def _connect(client: socket.socket, server_port: int, made: Proxy) -> None:
    with client, socket.create_connection((HOST, server_port)) as server:
        for end in (client, server):  # small packets at once, as without a proxy
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        up = Thread(target=_pass, args=(client, server, "up", made), daemon=True)
        up.start()
        _pass(server, client, "down", made)
        up.join()


def _pass(source: socket.socket, target: socket.socket, direction: str, made: Proxy) -> None:
    with suppress(OSError):
        while piece := source.recv(PIECE):
            target.sendall(made.handle(piece, direction))
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
