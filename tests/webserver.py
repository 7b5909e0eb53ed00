"""A small web server of files in memory, with ranges and the faults that servers have."""

import re
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


class Server:
    """Serves `files` by their paths on a port of its own while it is entered.

    `ranges` says whether parts are given; `status` answers every GET so, `cut` ends so many answers half-way.
    """

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.ranges = True
        self.status = 200
        self.cut = 0
        self.sent = 0
        self.stopped = False
        self.asked: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopped = True  # also for connections that are kept open
        self._http.shutdown()
        self._http.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self) -> None:
                self._answer(with_body=False)

            def do_GET(self) -> None:
                self._answer(with_body=True)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

            def _answer(self, *, with_body: bool) -> None:
                if server.stopped:
                    self.close_connection = True
                    return
                content = server.files.get(self.path.partition("?")[0])
                with server._lock:
                    server.asked[self.path] += with_body
                    cut = with_body and content is not None and len(content) > 100 and server.cut > 0
                    server.cut -= cut
                if content is None or server.status != 200:
                    self._send(404 if content is None else server.status, b"", with_body=False)
                    return
                start, stop = 0, len(content)
                asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
                if asked and server.ranges:
                    start, stop = int(asked[1]), min(int(asked[2]) + 1, len(content))
                    self._send(206, content[start:stop], with_body=with_body, cut=cut)
                else:
                    self._send(200, content, with_body=with_body, cut=cut)

            def _send(self, status: int, body: bytes, *, with_body: bool, cut: bool = False) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if with_body:
                    body = body[: len(body) // 2] if cut else body
                    with server._lock:
                        server.sent += len(body)
                    self.wfile.write(body)
                    if cut:
                        self.close_connection = True

        return Handler
