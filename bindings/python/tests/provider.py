"""A real `assent serve` on loopback, its admin API, and a relying party that polls."""

import base64
import json
import os
import pathlib
import select
import shutil
import socket
import subprocess
import tempfile
import urllib.error
import urllib.parse
import urllib.request

CIBA = "urn:openid:params:grant-type:ciba"


def free_ports(count):
    """Ports that nobody listens on right now; held together, so that no two are the same."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [held.getsockname()[1] for held in sockets]
    for held in sockets:
        held.close()
    return ports


def call(method, url, body=None, headers=None):
    """One HTTP call; returns status and JSON, also of a refusal."""
    request = urllib.request.Request(url, data=body, method=method, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            status, content = reply.status, reply.read()
    except urllib.error.HTTPError as refusal:
        with refusal:
            status, content = refusal.code, refusal.read()
    return status, json.loads(content) if content else None


class Provider:
    """The server in a directory of its own, with one client. Ends when closed.

    `issuer` is another URL at which the world finds it, such as a proxy's; `address` is its own.
    """

    def __init__(self, issuer=None):
        assent = os.environ["ASSENT"]
        self.directory = tempfile.mkdtemp(prefix="assent-python-")
        public, admin = free_ports(2)
        self.address = ("127.0.0.1", public)
        self.issuer = issuer or f"http://127.0.0.1:{public}"
        settings = pathlib.Path(self.directory, "op")
        subprocess.run(
            [assent, "init", "--dir", settings, "--listen", f"127.0.0.1:{public}",
             "--admin-listen", f"127.0.0.1:{admin}", "--issuer", self.issuer],
            check=True, stdout=subprocess.DEVNULL,
        )
        config = next(settings.glob("*.toml"))
        self.log = open(pathlib.Path(self.directory, "log"), "w+", encoding="utf-8")
        self.process = subprocess.Popen(
            [assent, "serve", "--config", config, "--print-addresses"],
            stdout=subprocess.PIPE, stderr=self.log, text=True,
        )
        self.admin_url = f"http://127.0.0.1:{admin}/admin/v1"
        self.token = next(settings.glob("admin*token*")).read_text().strip()
        self._wait_until_ready()
        self.client = self.admin("POST", "/clients", {"client_name": "Example Bank", "scope": "openid"})
        self.users = 0

    def _wait_until_ready(self):
        readable, _, _ = select.select([self.process.stdout], [], [], 60)
        if not readable or not self.process.stdout.readline():
            self.process.kill()
            self.log.seek(0)
            raise RuntimeError("assent serve did not start:\n" + self.log.read())

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.log.close()
        shutil.rmtree(self.directory)

    def admin(self, method, path, body=None, expect=(200, 201, 204)):
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        status, reply = call(method, self.admin_url + path, data, headers)
        if status not in expect:
            raise AssertionError(f"{method} {path}: {status} {reply}")
        return reply

    def new_user(self):
        """A user who has nothing yet; returns the subject."""
        self.users += 1
        return self.admin("POST", "/users", {"username": f"user{self.users}"})["subject"]

    def ticket(self, subject):
        return self.admin("POST", f"/users/{subject}/tickets")["ticket"]

    def type_digits(self, enrolment, digits, expect=(200,)):
        """What the page that showed the ticket does with the digits that the user reads from the phone."""
        return self.admin("POST", f"/enrolments/{enrolment}/confirm", {"digits": digits}, expect)

    def devices(self, subject):
        return self.admin("GET", f"/users/{subject}/devices")["devices"]

    def _post(self, path, form):
        secret = f"{self.client['client_id']}:{self.client['client_secret']}"
        headers = {
            "Authorization": "Basic " + base64.b64encode(secret.encode()).decode(),
            "Content-Type": "application/x-www-form-urlencoded",
        }
        return call("POST", self.issuer + path, urllib.parse.urlencode(form).encode(), headers)

    def ask(self, subject, message="Pay 20 EUR"):
        """A backchannel authentication request; returns its auth_req_id."""
        form = {"scope": "openid", "login_hint": subject, "binding_message": message}
        status, reply = self._post("/backchannel/authenticate", form)
        if status != 200:
            raise AssertionError(f"backchannel: {status} {reply}")
        return reply["auth_req_id"]

    def poll(self, auth_req_id):
        """One call of the token endpoint."""
        return self._post("/token", {"grant_type": CIBA, "auth_req_id": auth_req_id})
