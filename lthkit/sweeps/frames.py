"""Messages between a sweep and its workers on this machine: pickled values through a pipe that nobody else has."""

from __future__ import annotations

import pickle
from typing import IO, Any

STOP = "stop"  # what a sweep says to a worker besides jobs
READY = "ready"  # what a worker says first


def send(pipe: IO[bytes], message: Any) -> None:
    """Write one message. OSError if the other side is gone."""
    content = pickle.dumps(message)
    pipe.write(len(content).to_bytes(8, "big") + content)
    pipe.flush()


def receive(pipe: IO[bytes]) -> Any:
    """The next message; None when the other side is gone."""
    head = pipe.read(8)
    if len(head) < 8:
        return None
    size = int.from_bytes(head, "big")
    content = pipe.read(size)
    return pickle.loads(content) if len(content) == size else None
