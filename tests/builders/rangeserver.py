"""A loopback HTTP server that sends parts of files, as servers of BAM files do.

It is a process of its own, since htslib waits for it without letting other threads of Python run.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

FAULTS = "faults.json"


@contextmanager
def serving(folder: Path, secret: str = "", silent: str = "") -> Iterator[str]:
    """Serve a folder's files; give the address of the folder.

    With a ``secret`` only requests whose query is exactly that are answered, others get 403. Of the
    file named ``silent`` nothing is ever sent. See :func:`break_file` for other faults.
    """
    command = [sys.executable, __file__, str(folder), secret, silent]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        finally:
            server.terminate()


def break_file(folder: Path, name: str, **fault: Any) -> None:
    """Let the server of ``folder`` send a file badly from now on; with no ``fault`` well again.

    Args:
        folder: As served.
        name: The file.
        fault: ``status``: an HTTP status in its place, after so many ``answers`` since the server
            began (none). ``seconds_a_byte``: between two bytes; 0 for
            never the first one; a file ``{name}.asked`` tells that it came to that. ``hole``: two
            offsets, between which no byte is ever sent: the connection ends before. ``honest``: an
            answer to a Range says so in its length.
    """
    file = folder / FAULTS
    faults = json.loads(file.read_text()) if file.exists() else {}
    file.write_text(json.dumps(faults | {name: fault}))


def main(folder: Path, secret: str, silent: str) -> None:
    """Serve until the process is ended; print the port first."""
    asked: Counter[str] = Counter()

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
            broken = folder / FAULTS
            fault = json.loads(broken.read_text()).get(path.name, {}) if broken.exists() else {}
            asked[path.name] += 1
            if "status" in fault and asked[path.name] > fault.get("answers", 0):
                return self.refuse(fault["status"])
            content = path.read_bytes()
            status, first, last = 200, 0, len(content) - 1
            wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
            if wanted:
                status, first = 206, int(wanted[1])
                last = min(last, int(wanted[2] or last))
                if first >= len(content):
                    # As RFC 9110, 15.5.17, advises, and nginx does; curl takes it for an error.
                    return self.refuse(416, ("Content-Range", f"bytes */{len(content)}"))
            hole, after = fault.get("hole", (len(content), len(content)))
            sent = content[first : last + 1 if first >= after else min(last + 1, hole)]
            if fault.get("honest") and wanted:
                last = first + len(sent) - 1
            self.send_response(status)
            if wanted:
                self.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("Content-Length", str(last + 1 - first))
            self.end_headers()
            if send:
                try:
                    if "seconds_a_byte" in fault:
                        (folder / f"{path.name}.asked").touch()
                        self.trickle(sent, fault["seconds_a_byte"])
                    self.wfile.write(sent)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True  # the reader has what it wanted
                if len(sent) < last + 1 - first:
                    self.close_connection = True
            return None

        def trickle(self, content: bytes, seconds: float) -> None:
            for byte in content if seconds else b"":
                self.wfile.write(bytes([byte]))
                time.sleep(seconds)
            time.sleep(600)

        def refuse(self, status: int, *headers: tuple[str, str]) -> None:
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a reader that went away
    print(server.server_port, flush=True)  # noqa: T201
    server.serve_forever()


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
