"""docs/agents.md, as it stands there: its agent and both of its tool servers, against a running provider whose phone answers."""

import base64
import json
import os
import pathlib
import re
import select
import shlex
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from assent_verifier import Action, canonical, detail, parse

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parents[1]
GUIDE = (ROOT / "docs" / "agents.md").read_text()
BLOCKS = {name: text for _, name, text in re.findall(r"^```(\w+) (\S+)\n(.*?)^```$", GUIDE, re.M | re.S)}
START = re.compile(r"cargo run --release --manifest-path assent/Cargo.toml -p simulator -- (.+) > assent.json\n")
CIBA = "urn:openid:params:grant-type:ciba"
CALL = {"tool": "bank.transfer", "parameters": {"to": "Corner Shop", "cents": 1250}}
QUIET = {"npm_config_audit": "false", "npm_config_update_notifier": "false", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
# What is installed is run, not what stands in the repository.
NOTHING_ELSE = {"PYTHONPATH": ""}
DONE = "transferred 1250 cents to Corner Shop"


# Says for how many milliseconds somebody wanted to wait.
CLOCK = """
import { syncBuiltinESMExports } from 'node:module'
import timers from 'node:timers/promises'
timers.setTimeout = async (milliseconds) => console.log(milliseconds)
syncBuiltinESMExports()
"""


def post(url, body, **headers):
    """Status and JSON of an answer, also of a refusal."""
    request = urllib.request.Request(url, data=body.encode(), headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, json.load(refusal)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as held:
        return held.getsockname()[1]


def line(process):
    """The next line that it says, within a time."""
    ready, _, _ = select.select([process.stdout], [], [], 30)
    if not ready:
        raise AssertionError("it says nothing")
    return process.stdout.readline().rstrip("\n")


def run(block, folder, **environment):
    """What a command of the page says."""
    environment = os.environ | QUIET | environment
    said = subprocess.run(["bash", "-euc", block], cwd=folder, env=environment, capture_output=True, text=True, timeout=240)
    if said.returncode != 0:
        raise AssertionError(f"{block}{said.stdout}{said.stderr}")
    return said.stdout


class Realm:
    """A provider as the page starts it, on a free port, and what its person does."""

    def __init__(self, test, folder):
        folder.mkdir()
        clients = json.loads(BLOCKS["clients.json"])
        # Another agent of the same realm.
        clients.append({**clients[0], "client_id": "other", "client_name": "Errand runner"})
        (folder / "clients.json").write_text(json.dumps(clients))
        (arguments,) = START.fullmatch(BLOCKS["start"]).groups()
        wanted = [re.sub(r"^127\.0\.0\.1:\d+$", "127.0.0.1:0", argument) for argument in shlex.split(arguments)]
        process = subprocess.Popen([os.environ["SIMULATOR"], *wanted, "--interval", "1"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        test.addClassCleanup(end, process)
        described = line(process)
        (folder / "assent.json").write_text(described)
        self.issuer = json.loads(described)["issuer"]
        script = BLOCKS["settings"] + 'echo "$ISSUER $AUTOMATION $SECRET"\n'
        said = subprocess.run(["bash", "-euc", script], cwd=folder, capture_output=True, text=True, check=True).stdout.split()
        self.environment = dict(zip(("ISSUER", "AUTOMATION", "SECRET"), said))

    def approve(self, asked):
        script = BLOCKS["approve"]
        self.answer(script, asked, "approved")

    def deny(self, asked):
        self.answer(BLOCKS["approve"].replace("action=allow", "action=deny"), asked, "denied")

    def answer(self, script, asked, outcome):
        environment = os.environ | self.environment | {"ID": asked}
        said = subprocess.run(["bash", "-euc", script], env=environment, capture_output=True, text=True, check=True).stdout
        if json.loads(said) != {"outcome": outcome}:
            raise AssertionError(said)

    def ask(self, client="helper", call=CALL, details=None):
        """What an agent other than the page's asks: status and answer."""
        secret = base64.b64encode(f"{client}:{self.environment['SECRET']}".encode()).decode()
        self.authorization = {"authorization": f"Basic {secret}"}
        details = [detail(Action(**call), "Household helper")] if details is None else details
        asking = {"scope": "openid", "login_hint": "alice"} | ({"authorization_details": json.dumps(details)} if details else {})
        return post(f"{self.issuer}/backchannel/authenticate", urllib.parse.urlencode(asking), **self.authorization)

    def approval(self, *arguments, **named):
        """An approval that was not used, with its `auth_req_id`, as a call of a tool brings both."""
        status, asked = self.ask(*arguments, **named)
        assert status == 200, asked
        self.approve(asked["auth_req_id"])
        collecting = urllib.parse.urlencode({"grant_type": CIBA, "auth_req_id": asked["auth_req_id"]})
        while True:
            status, tokens = post(f"{self.issuer}/token", collecting, **self.authorization)
            if status == 200:
                return {"auth_req_id": asked["auth_req_id"], "approval": tokens["approval_receipt"]}
            assert tokens["error"] in ("authorization_pending", "slow_down"), tokens
            time.sleep(1)  # the interval


def end(process):
    process.terminate()
    process.wait()
    process.stdout.close()


class Followed(unittest.TestCase):
    """The page's programs in a folder, what it has one install, and a realm."""

    installed = ("javascript",)

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="assent-agents-")
        cls.addClassCleanup(folder.cleanup)
        # `pip` builds in the folder that it is given.
        repository = pathlib.Path(folder.name) / "repository"
        for package in ("javascript", "python"):
            unbuilt = shutil.ignore_patterns("build", "*.egg-info", "node_modules")
            shutil.copytree(ROOT / "verifiers" / package, repository / "verifiers" / package, ignore=unbuilt)
        cls.folder = pathlib.Path(run(BLOCKS["folder"] + "pwd\n", repository, HOME=folder.name).strip())
        for name in ("agent.mjs", "tool-server.mjs", "tool_server.py"):
            (cls.folder / name).write_text(BLOCKS[name])
        for package in cls.installed:
            run(BLOCKS[f"install-{package}"], cls.folder)
        cls.realm = Realm(cls, cls.folder / "realm")

    def serve(self, program, **environment):
        """One of the page's tool servers, until the test ends; its URL."""
        port = free_port()
        environment = os.environ | NOTHING_ELSE | self.realm.environment | {"PORT": str(port)} | environment
        process = subprocess.Popen([*program], cwd=self.folder, env=environment, stdout=subprocess.PIPE, text=True)
        self.addCleanup(end, process)
        self.assertEqual(line(process), "listening")
        return f"http://127.0.0.1:{port}"

    def called(self, server, **call):
        """What a tool server says to a call."""
        status, said = post(server, json.dumps({**CALL, **call}))
        self.assertEqual(status, 200 if "result" in said else 403, said)
        return said.get("result") or said["reason"]

    def agent(self, server, answer):
        """What the page's agent says in the end."""
        script = f"exec {BLOCKS['run']}"
        environment = os.environ | self.realm.environment | {"TOOL_SERVER": server}
        process = subprocess.Popen(["bash", "-euc", script], cwd=self.folder, env=environment, stdout=subprocess.PIPE, text=True)
        self.addCleanup(end, process)
        answer(line(process))
        return line(process)


class Guide(Followed):
    def test_the_page_has_what_this_test_runs_and_nothing_else_to_run(self):
        shell = {"folder", "start", "settings", "install-javascript", "install-python", "run", "approve"}
        programs = {"clients.json", "agent.mjs", "tool-server.mjs", "tool_server.py"}
        self.assertEqual(set(BLOCKS), shell | programs | {"detail", "canonical", "shown"})

    def test_the_detail_its_canonical_text_and_its_lines_are_as_the_page_says(self):
        asked = parse(json.loads(BLOCKS["detail"]))
        self.assertEqual(asked.action, Action(**CALL))
        self.assertEqual(canonical(asked.action), BLOCKS["canonical"].rstrip("\n"))
        self.assertEqual("".join(f"{shown['label']}: {shown['value']}\n" for shown in asked.lines()), BLOCKS["shown"])

    def test_a_detail_with_another_digest_is_not_even_asked(self):
        (lied := detail(Action(**CALL)))["digest"] = detail(Action("bank.transfer", {"to": "Corner Shop", "cents": 1}))["digest"]
        status, answer = self.realm.ask(details=[lied])
        self.assertEqual((status, answer["error"]), (400, "invalid_authorization_details"))

    def test_the_agent_polls_more_slowly_for_good_once_it_is_told_to(self):
        slower = {"error": "slow_down"}
        pending, denied = {"error": "authorization_pending"}, {"error": "access_denied"}
        answers = [pending, slower | {"interval": 20}, pending, slower, slower | {"interval": 3}, denied]
        self.assertEqual(self.waited(answers, interval=7), [7, 7, 20, 20, 25, 30])
        self.assertEqual(self.waited([slower, denied]), [5, 10])

    def waited(self, answers, **asked):
        """For how many seconds the page's agent waits before each poll, by a clock that does not run, if it is answered so."""
        answers = [{"auth_req_id": "one", "expires_in": 120, **asked}, *answers]

        class Provider(BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers["content-length"]))
                body = json.dumps(answers.pop(0)).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        (self.folder / "clock.mjs").write_text(CLOCK)
        with ThreadingHTTPServer(("127.0.0.1", 0), Provider) as provider:
            threading.Thread(target=provider.serve_forever, daemon=True).start()
            known = {"ISSUER": f"http://127.0.0.1:{provider.server_port}", "SECRET": "any", "NODE_OPTIONS": "--import ./clock.mjs"}
            first, *waited, last = run(BLOCKS["run"], self.folder, **known).splitlines()
            provider.shutdown()
        self.assertEqual((first, last, answers), ("one", "not approved: access_denied", []))
        return [int(milliseconds) // 1000 for milliseconds in waited]


class Served:
    """One tool server of the page, and what it says to a whole number that is spelled as a fraction; told for each."""

    program = ()
    spelled_as_a_fraction = ""

    def test_the_agent_acts_with_an_approval_and_not_without(self):
        server = self.serve(self.program)
        self.assertEqual(self.agent(server, self.realm.approve), DONE)
        self.assertEqual(self.agent(server, self.realm.deny), "not approved: access_denied")
        self.assertEqual(self.called(server), "Missing")
        self.assertEqual(self.called(server, approval=None, auth_req_id=None), "Missing")

    def test_an_approval_is_of_these_parameters_and_used_once(self):
        server, approval = self.serve(self.program), self.realm.approval()
        self.assertEqual(self.called(server, **approval, parameters={"to": "Corner Shop", "cents": 125_000}), "OtherParameters")
        self.assertEqual(self.called(server, **approval, parameters={"to": "Corner Shop", "cents": "1250"}), "Arguments")
        self.assertEqual(self.called(server, **approval, parameters={"to": "Corner Shop"}), "Arguments")
        self.assertEqual(self.called(server, **approval, parameters={**CALL["parameters"], "cc": "x"}), "Arguments")
        self.assertEqual(self.called(server, **approval, parameters={"to": "Corner Shop", "cents": True}), "Arguments")
        self.assertEqual(self.called(server, **approval, parameters={"to": {"name": "Corner Shop"}}), "Form")
        self.assertEqual(self.called(server, **approval, tool="bank.close"), "NoTool")
        self.assertEqual(self.called(server, **approval), DONE)
        self.assertEqual(self.called(server, **approval), "Used")

    def test_a_number_that_is_spelled_as_a_fraction_is_what_this_language_reads(self):
        server, approval = self.serve(self.program), self.realm.approval()
        self.assertEqual(self.called(server, **approval, parameters={"to": "Corner Shop", "cents": 1250.5}), "Form")
        self.assertEqual(self.called(server, **approval, parameters={"to": "Corner Shop", "cents": -0.0}), "Form")
        self.assertEqual(self.called(server, **approval, parameters={"to": "Corner Shop", "cents": 1250.0}), self.spelled_as_a_fraction)

    def test_a_body_that_is_no_call_does_nothing(self):
        server = self.serve(self.program)
        for body in ("", "{", "nothing"):
            self.assertEqual(post(server, body), (500, {"reason": "broken"}), body)
        for body in ("[]", "null", "5", "{}"):
            self.assertEqual(post(server, body), (403, {"reason": "Form", "names": []}), body)

    def test_an_approval_of_something_else_is_none(self):
        server = self.serve(self.program)
        other_tool = self.realm.approval(call={"tool": "bank.close", "parameters": {}})
        self.assertEqual(self.called(server, **other_tool), "OtherTool")
        self.assertEqual(self.called(server, **self.realm.approval(details=())), "NoAction")

    def test_an_approval_of_another_agent_request_or_person_is_none(self):
        server, approval = self.serve(self.program), self.realm.approval()
        self.assertEqual(self.called(server, **self.realm.approval("other")), "Client")
        self.assertEqual(self.called(server, **{**approval, "auth_req_id": "another"}), "Request")
        self.assertEqual(self.called(self.serve(self.program, SUBJECT="1002"), **approval), "OtherSubject")

    def test_an_approval_of_another_realm_is_none(self):
        elsewhere = Realm(type(self), self.folder / f"elsewhere of {type(self).__name__}")
        self.assertEqual(self.called(self.serve(self.program), **elsewhere.approval()), "UnknownKey")

    def test_an_approval_by_a_key_that_nobody_vouches_for_is_none_where_more_is_demanded(self):
        for level in ("app", "attested"):
            self.assertEqual(self.called(self.serve(self.program, LEVEL=level), **self.realm.approval()), "TooWeak")

    def test_an_approval_that_is_too_old_is_none(self):
        server, approval = self.serve(self.program, MAX_AGE="0"), self.realm.approval()
        time.sleep(2)  # the second in which it came, and one more
        self.assertEqual(self.called(server, **approval), "TooOld")

    def test_a_changed_receipt_is_none(self):
        server, approval = self.serve(self.program), self.realm.approval()
        receipt = approval["approval"]["receipt"]
        changed = receipt[:-10] + ("A" if receipt[-10] != "A" else "B") + receipt[-9:]
        self.assertEqual(self.called(server, auth_req_id=approval["auth_req_id"], approval={**approval["approval"], "receipt": changed}), "Signature")


class JavaScript(Served, Followed):
    program = ("node", "tool-server.mjs")
    spelled_as_a_fraction = DONE


class Python(Served, Followed):
    program = (".venv/bin/python", "tool_server.py")
    installed = ("javascript", "python")
    spelled_as_a_fraction = "Form"


if __name__ == "__main__":
    unittest.main()
