"""An operator's own notifier, which pushes arrive at: it verifies each call as <https://www.standardwebhooks.com> says, and
keeps it for the phone whose address it is.
"""

import base64
import collections
import hmac
import http.server
import json
import pathlib
import queue
import secrets
import tempfile
import threading
import time


class Notifier:
    """Listens on loopback until it is closed."""

    def __init__(self):
        notifier, self.secret = self, secrets.token_bytes(32)
        self.calls = collections.defaultdict(queue.SimpleQueue)

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                taken = notifier.is_signed(self.headers, body)
                if taken:
                    call = json.loads(body)
                    notifier.calls[call["address"]].put(call)
                self.send_response(204 if taken else 401)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.directory = tempfile.TemporaryDirectory(prefix="assent-notifier-")
        threading.Thread(target=self.server.serve_forever).start()

    def settings(self):
        """What makes a server call here, for its environment."""
        secret = pathlib.Path(self.directory.name, "secret")
        secret.touch(0o600)
        secret.write_text("whsec_" + base64.b64encode(self.secret).decode())
        url = f"http://127.0.0.1:{self.server.server_port}/"
        return {"ASSENT__PUSH__WEBHOOK__URL": url, "ASSENT__PUSH__WEBHOOK__SECRET_FILE": str(secret)}

    def is_signed(self, headers, body):
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        expected = "v1," + base64.b64encode(hmac.digest(self.secret, signed, "sha256")).decode()
        recent = abs(time.time() - int(headers["webhook-timestamp"])) < 300
        return recent and hmac.compare_digest(expected, headers["webhook-signature"])

    def next_for(self, address):
        """The next call about this address, which comes soon."""
        return self.calls[address].get(timeout=20)

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.directory.cleanup()
