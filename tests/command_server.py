"""Runs installed commands in forks of one process that has imported torch.

A command spends seconds on imports, and tests of shell scripts run dozens of commands. A client on
the PATH, quick to start, sends its arguments, folder, environment and standard streams.
"""

from __future__ import annotations

import importlib
import json
import os
import socket
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

# Each has a command of that name.
MODULES = {"rescore": "rescorer.cli.rescore", "lightrnn": "rescorer.cli.lightrnn"}
_IMPORTED_LATE = (
    *("torch", "rescorer.models.loading", "rescorer.rescoring.list_files"),
    *(
        "rescorer.rescoring.lattice_files",
        "rescorer.rescoring.tuning",
        "rescorer.rescoring.outputs",
    ),
)
_LENGTH_BYTES = 8

_CLIENT = """#!{python} -IS
import json, os, socket, sys
call = json.dumps([{name!r}, sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    socket.send_fds(server, [len(call).to_bytes({length_bytes}, "big")], [0, 1, 2])
    server.sendall(call)
    status = server.recv(1)
sys.exit(status[0] if status else "the command was killed")
"""


@contextmanager
def command_clients() -> Iterator[Path]:
    """A folder with a client for each command, whose server runs until the context ends."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        address = str(folder / "socket")
        for command in MODULES:
            client = folder / "bin" / command
            client.parent.mkdir(exist_ok=True)
            client.write_text(
                _CLIENT.format(
                    python=sys.executable,
                    name=command,
                    address=address,
                    length_bytes=_LENGTH_BYTES,
                ),
                encoding="utf-8",
            )
            client.chmod(0o755)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(address)
            listener.listen()
            server = subprocess.Popen(
                [sys.executable, __file__, str(listener.fileno())],
                pass_fds=[listener.fileno()],
                stdin=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
        try:
            yield folder / "bin"
        finally:
            server.terminate()
            server.wait()


def serve(listener: socket.socket) -> None:
    """Answer each connection in a fork, for ever."""
    for module in (*MODULES.values(), *_IMPORTED_LATE):
        importlib.import_module(module)
    children: list[int] = []
    while True:
        connection, _ = listener.accept()
        child = os.fork()
        if not child:
            listener.close()
            os._exit(answer(connection))
        connection.close()
        children = [pid for pid in (*children, child) if os.waitpid(pid, os.WNOHANG) == (0, 0)]


def answer(connection: socket.socket) -> int:
    """Run the command of this connection, and send its exit status."""
    head, streams, *_ = socket.recv_fds(connection, _LENGTH_BYTES, 3)
    with connection.makefile("rb") as file:
        name, arguments, folder, environment = json.loads(file.read(int.from_bytes(head, "big")))
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [name, *arguments]
    status = 1
    try:
        getattr(importlib.import_module(MODULES[name]), name)()
    except SystemExit as exit:
        status = exit.code if isinstance(exit.code, int) else int(exit.code is not None)
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    connection.sendall(bytes([status]))
    return status


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
