"""A loopback HTTP server that sends parts of files, as servers of BAM files do.

It is a process of its own, since htslib waits for it without letting other threads of Python run.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit


@contextmanager
def serving(folder: Path, secret: str = "", silent: str = "") -> Iterator[str]:
    """Serve a folder's files; give the address of the folder.

    With a ``secret`` only requests whose query is exactly that are answered, others get 403. Of the
    file named ``silent`` nothing is ever sent.
    """
    command = [sys.executable, __file__, str(folder), secret, silent]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        finally:
            server.terminate()


def main(folder: Path, secret: str, silent: str) -> None:
    """Serve until the process is ended; print the port first."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.answer(send=False)

        def do_GET(self) -> None:
            self.answer(send=True)

        def answer(self, *, send: bool) -> None:
            parts = urlsplit(self.path)
            path = folder / unquote(parts.path).lstrip("/")
            if secret and parts.query != secret:
                return self.refuse(403)
            if not path.is_file():
                return self.refuse(404)
            if path.name == silent:
                time.sleep(600)
            content = path.read_bytes()
            status, first, last = 200, 0, len(content) - 1
            wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
            if wanted:
                status, first = 206, int(wanted[1])
                last = min(last, int(wanted[2] or last))
                if first >= len(content):
                    return self.refuse(416)
            self.send_response(status)
            if wanted:
                self.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("Content-Length", str(last + 1 - first))
            self.end_headers()
            if send:
                try:
                    self.wfile.write(content[first : last + 1])
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True  # the reader has what it wanted
            return None

        def refuse(self, status: int) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)  # noqa: T201
    server.serve_forever()


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
