"""A stand-in for the Hugging Face hub: it takes what a data set's upload sends, and remembers it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


class Hub:
    """What was asked: repositories made, files of commits by path, and the tokens that came with requests."""

    def __init__(self, refuse: int = 0) -> None:
        self.refuse = refuse
        self.url = ""
        self.made: list[dict[str, Any]] = []
        self.files: dict[str, bytes] = {}
        self.tokens: set[str | None] = set()

    def answer(self, path: str, body: bytes) -> dict[str, Any]:
        if path == "/api/repos/create":
            self.made.append(json.loads(body))
            return {"url": f"{self.url}/datasets/me/set", "name": "me/set", "id": "0"}
        if "/preupload/" in path:
            files = json.loads(body)["files"]
            return {"files": [{"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in files]}
        if "/commit/" in path:
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    self.files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            return {"commitUrl": f"{self.url}/datasets/me/set/commit/1", "commitOid": "1" * 40, "success": True}
        return {"errors": [], "warnings": []}


@contextmanager
def hub(refuse: int = 0) -> Iterator[Hub]:
    """A hub on a free port; with `refuse` it answers every request with that status."""
    state = Hub(refuse)

    class Handler(BaseHTTPRequestHandler):
        def _reply(self) -> None:
            body = self._body()
            state.tokens.add(self.headers.get("Authorization"))
            said = {"error": "Invalid user token."} if state.refuse else state.answer(self.path, body)
            content = json.dumps(said).encode()
            self.send_response(state.refuse or 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)

        do_GET = do_POST = do_HEAD = _reply

        def log_message(self, format: str, *arguments: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
