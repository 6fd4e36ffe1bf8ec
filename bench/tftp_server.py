"""Our TFTP server as the bench runs it: one process, over files in memory or a function."""

import argparse
import importlib
import signal
from collections.abc import Callable
from pathlib import Path

from provisioning.transports.tftp import Server, TftpRequest

Answer = Callable[[TftpRequest], bytes | None]


def from_folder(folder: Path) -> Answer:
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    return lambda request: files.get(request.file)


def from_name(name: str) -> Answer:
    """Load `module:callable`; a callable whose name begins with "new_" is called to make one."""
    module, _, attribute = name.partition(":")
    found = getattr(importlib.import_module(module), attribute)
    answer: Answer = found() if attribute.startswith("new_") else found
    return answer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--folder", type=Path)
    source.add_argument("--answer", help="module:callable")
    args = parser.parse_args()
    answer = from_name(args.answer) if args.answer else from_folder(args.folder)
    server = Server(answer, args.host, args.port)
    signal.signal(signal.SIGTERM, lambda *_: server.stop())
    server.serve()


if __name__ == "__main__":
    main()
