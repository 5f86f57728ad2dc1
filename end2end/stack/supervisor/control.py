"""The other end of the control socket: what `stack.py start|stop|kill|status` does."""

import json
import os
import socket
from pathlib import Path
from typing import Any

from supervisor.supervise import CONTROL, StackError


def is_running(data_dir: Path) -> bool:
    """Whether a supervisor listens in this directory."""
    try:
        connect(data_dir).close()
    except OSError:
        return False
    return True


def connect(data_dir: Path) -> socket.socket:
    """Connect by a relative name, as the supervisor binds it: socket paths must be short."""
    before = os.getcwd()
    connection = socket.socket(socket.AF_UNIX)
    try:
        os.chdir(data_dir)
        connection.connect(CONTROL)
    except OSError:
        connection.close()
        raise
    finally:
        os.chdir(before)
    return connection


def ask(data_dir: Path, request: dict[str, Any]) -> dict[str, Any]:
    """Send one request and wait for its outcome: the component as it is then."""
    try:
        connection = connect(data_dir)
    except OSError as error:
        raise StackError(f"no stack is running in {data_dir}") from error
    with connection:
        connection.sendall(json.dumps(request).encode() + b"\n")
        line = connection.makefile("r").readline()
    if not line:
        raise StackError("the stack ended before it answered")
    reply = json.loads(line)
    if not reply["ok"]:
        raise StackError(reply["error"])
    return reply["component"]
