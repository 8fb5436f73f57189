"""An exchange that refuses every request and quotes all of it, keys included."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class TelltaleExchange:
    """Listens on 127.0.0.1 from the beginning."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        """What it was asked, headers included."""
        requests = self.requests

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                # What authenticates comes first: clients shorten what an exchange says.
                headers = sorted(self.headers.items(), key=lambda one: "acc" in one[0].lower())
                told = " ".join(f"{name}: {value}" for name, value in reversed(headers))
                requests.append(f"{self.path} {told}")
                body = json.dumps({"code": "refused", "message": f"I do not like {told}"}).encode()
                self.send_response(401)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()
