"""`assent-phone` as a relying party's CI runs it: one process a command, one folder a phone."""

import json
import os
import pathlib
import shlex
import signal
import stat
import subprocess
import sys
import tempfile
import time
import unittest

from provider import Provider
from proxy import Proxy

PROVIDER = None
COMMAND = shlex.split(os.environ.get("ASSENT_PHONE", f"{shlex.quote(sys.executable)} -m assent_device.phone"))
OK, REFUSED, USAGE, NOTHING = 0, 1, 2, 3


def setUpModule():
    global PROVIDER
    PROVIDER = Provider()
    unittest.addModuleCleanup(PROVIDER.close)


class Phone:
    """A folder, and the command in it."""

    def __init__(self, test, passphrase=None, issuer=None):
        directory = tempfile.TemporaryDirectory(prefix="assent-phone-")
        test.addCleanup(directory.cleanup)
        self.folder = pathlib.Path(directory.name, "phone")
        self.environment = dict(os.environ, ASSENT_PHONE_STATE=str(self.folder), ASSENT_PHONE_ISSUER=issuer or PROVIDER.issuer)
        if passphrase:
            self.environment["ASSENT_PHONE_PASSPHRASE"] = passphrase

    def start(self, *arguments):
        return subprocess.Popen(
            [*COMMAND, "--development", "--json", *arguments],
            env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )

    def run(self, *arguments):
        """Runs one command; returns its status, the documents it printed, and what it said of an error."""
        with self.start(*arguments) as process:
            printed, said = process.communicate(timeout=60)
        return process.returncode, [json.loads(line) for line in printed.splitlines()], said

    def join(self, subject, provider=None):
        """Enrols, and has the digits typed; returns the account."""
        provider = provider or PROVIDER
        status, (enrolled,), said = self.run("enrol", "--wait", "0", provider.ticket(subject))
        assert (status, said) == (OK, ""), said
        provider.type_digits(enrolled["account"], enrolled["digits"])
        return enrolled["account"]


class AssentPhone(unittest.TestCase):
    def setUp(self):
        self.subject, self.phone = PROVIDER.new_user(), Phone(self)

    def joined(self):
        return self.phone.join(self.subject)

    def test_enrolling_waits_until_the_digits_were_typed(self):
        with self.phone.start("enrol", "--name", "CI", PROVIDER.ticket(self.subject)) as process:
            enrolled = json.loads(process.stdout.readline())
            self.assertRegex(enrolled["digits"], r"\A[0-9]{6}\Z")
            PROVIDER.type_digits(enrolled["account"], enrolled["digits"])
            self.assertEqual(json.loads(process.stdout.readline())["state"], "active")
            self.assertEqual(process.wait(20), OK)
        (device,) = PROVIDER.devices(self.subject)
        self.assertEqual((device["name"], device["status"]), ("CI", "active"))

    def test_wrong_digits_end_the_command_as_refused(self):
        with self.phone.start("enrol", PROVIDER.ticket(self.subject)) as process:
            enrolled = json.loads(process.stdout.readline())
            wrong = "000000" if enrolled["digits"] != "000000" else "000001"
            PROVIDER.type_digits(enrolled["account"], wrong, expect=(403,))
            self.assertEqual(process.wait(20), REFUSED)
            self.assertIn("cancelled", process.stderr.read())

    def test_a_ticket_of_a_provider_that_was_not_named_is_refused(self):
        self.phone.environment["ASSENT_PHONE_ISSUER"] = "https://op.example"
        status, _, said = self.phone.run("enrol", PROVIDER.ticket(self.subject))
        self.assertEqual(status, REFUSED)
        self.assertIn("wrong_issuer", said)

    def test_what_is_asked_is_listed_as_a_phone_would_show_it(self):
        account = self.joined()
        self.assertEqual(self.phone.run("list")[::2], (NOTHING, "assent-phone: nothing waits for an answer\n"))
        PROVIDER.ask(self.subject, "Pay 20 EUR to Bob")
        status, (shown,), _ = self.phone.run("list")
        self.assertEqual(status, OK)
        self.assertEqual(
            (shown["account"], shown["client"]["name"], shown["message"]),
            (account, "Example Bank", "Pay 20 EUR to Bob"),
        )
        self.assertIn({"label": "Message", "value": "Pay 20 EUR to Bob"}, shown["lines"])

    def test_an_approval_gives_the_client_its_tokens(self):
        self.joined()
        asked = PROVIDER.ask(self.subject)
        status, (answered,), _ = self.phone.run("approve")
        self.assertEqual((status, answered["outcome"]), (OK, "approved"))
        self.assertRegex(answered["decision_digest"], r"\A[\w-]{43}\Z")
        self.assertEqual(PROVIDER.poll(asked)[0], 200)
        self.assertEqual(self.phone.run("approve")[0], NOTHING)
        status, (entry,), _ = self.phone.run("history")
        self.assertEqual((entry["outcome"], entry["name"]), ("approved", "Example Bank"))

    def test_a_denial_gives_the_client_access_denied_and_may_block_it(self):
        self.joined()
        asked = PROVIDER.ask(self.subject)
        status, (answered,), _ = self.phone.run("deny", "--reason", "not_me", "--block", "quarter_hour")
        self.assertEqual((status, answered["outcome"]), (OK, "denied"))
        self.assertEqual(PROVIDER.poll(asked)[1]["error"], "access_denied")
        with self.assertRaisesRegex(AssertionError, "access_denied"):
            PROVIDER.ask(self.subject)

    def test_a_command_that_waits_answers_what_is_asked_meanwhile(self):
        self.joined()
        with self.phone.start("approve", "--wait", "40") as process:
            time.sleep(1)
            asked = PROVIDER.ask(self.subject)
            self.assertEqual(process.wait(20), OK)
        self.assertEqual(PROVIDER.poll(asked)[0], 200)

    def test_of_several_requests_the_one_that_is_named_is_answered(self):
        self.joined()
        asked = {text: PROVIDER.ask(self.subject, text) for text in ("first", "second")}
        status, _, said = self.phone.run("approve")
        self.assertEqual(status, USAGE)
        self.assertIn("several requests wait", said)
        _, shown, _ = self.phone.run("list")
        wanted = next(request["id"] for request in shown if request["message"] == "second")
        self.assertEqual(self.phone.run("approve", wanted)[0], OK)
        self.assertEqual(PROVIDER.poll(asked["second"])[0], 200)
        self.assertEqual(PROVIDER.poll(asked["first"])[1]["error"], "authorization_pending")
        status, _, said = self.phone.run("approve", "AAAAAAAAAAAAAAAAAAAAAA")
        self.assertEqual(status, REFUSED)
        self.assertIn("unknown_prompt", said)

    def test_keys_and_accounts_are_their_owners_alone_and_a_passphrase_locks_the_keys(self):
        phone = Phone(self, passphrase="correct horse")
        phone.join(self.subject)
        for path in [phone.folder, *phone.folder.rglob("*")]:
            self.assertEqual(stat.S_IMODE(path.stat().st_mode) & 0o077, 0, path)
        keys = list(phone.folder.glob("keys/*"))
        self.assertEqual(len(keys), 3)
        for key in keys:
            self.assertIn(b"ENCRYPTED", key.read_bytes())
        asked = PROVIDER.ask(self.subject)
        phone.environment["ASSENT_PHONE_PASSPHRASE"] = "wrong"
        status, _, said = phone.run("approve")
        self.assertEqual(status, REFUSED)
        self.assertIn("key_unavailable", said)
        phone.environment["ASSENT_PHONE_PASSPHRASE"] = "correct horse"
        self.assertEqual(phone.run("approve")[0], OK)
        self.assertEqual(PROVIDER.poll(asked)[0], 200)

    def test_processes_that_share_a_phone_give_one_decision(self):
        self.joined()
        asked = PROVIDER.ask(self.subject)
        racing = [self.phone.start(command) for command in ("approve", "deny")]
        statuses = []
        for process in racing:
            with process:
                process.communicate(timeout=60)
            statuses.append(process.returncode)
        self.assertIn(OK, statuses)
        status, answer = PROVIDER.poll(asked)
        self.assertTrue(status == 200 or answer["error"] == "access_denied", answer)

    def test_a_phone_that_dies_while_it_waits_works_on(self):
        self.joined()
        process = self.phone.start("approve", "--wait", "30")
        time.sleep(1)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        asked = PROVIDER.ask(self.subject)
        self.assertEqual(self.phone.run("approve")[0], OK)
        self.assertEqual(PROVIDER.poll(asked)[0], 200)

    def test_what_a_phone_signed_before_it_died_is_sent_by_sync_unchanged(self):
        proxy = Proxy()
        self.addCleanup(proxy.close)
        provider = Provider(issuer=proxy.url)
        self.addCleanup(provider.close)
        proxy.server = provider.address
        subject, phone = provider.new_user(), Phone(self, issuer=proxy.url)
        account = phone.join(subject, provider)
        asked = provider.ask(subject)
        proxy.withheld = "/decision"
        process = phone.start("approve")
        self.assertTrue(proxy.reached.wait(30), "the phone sent no decision")
        process.send_signal(signal.SIGKILL)
        process.communicate()
        status, (waiting,), _ = phone.run("list")
        self.assertEqual((status, waiting["message"]), (OK, "Pay 20 EUR"), "the server has heard of no answer")
        proxy.withheld = None
        synced = {"account": account, "state": "active", "concluded": 1, "waiting": [], "failure": None}
        self.assertEqual(phone.run("sync"), (OK, [synced], ""))
        first, second = proxy.bodies("/decision")
        self.assertEqual(first, second)
        self.assertEqual(provider.poll(asked)[0], 200)
        self.assertEqual(phone.run("sync"), (OK, [synced | {"concluded": 0}], ""))

    def test_sync_says_of_each_account_what_failed(self):
        account = self.joined()
        PROVIDER.admin("POST", f"/devices/{PROVIDER.devices(self.subject)[0]['id']}/revoke")
        status, (synced,), said = self.phone.run("sync")
        self.assertEqual((synced["account"], synced["state"]), (account, "revoked"), said)

    def test_an_account_that_has_ended_is_passed_over_while_there_is_another(self):
        old = self.joined()
        self.assertEqual(self.phone.run("list")[0], NOTHING)
        PROVIDER.admin("POST", f"/devices/{PROVIDER.devices(self.subject)[0]['id']}/revoke")
        new = self.joined()
        with self.phone.start("enrol", PROVIDER.ticket(self.subject)) as process:
            cancelled = json.loads(process.stdout.readline())
            wrong = "000000" if cancelled["digits"] != "000000" else "000001"
            PROVIDER.type_digits(cancelled["account"], wrong, expect=(403,))
            process.communicate(timeout=20)
        asked = PROVIDER.ask(self.subject)
        status, (answered,), said = self.phone.run("approve")
        self.assertEqual((status, answered["account"]), (OK, new), said)
        self.assertEqual(PROVIDER.poll(asked)[0], 200)
        status, _, said = self.phone.run("--account", old, "list")
        self.assertEqual(status, REFUSED)
        self.assertIn("revoked", said)
        _, kept, _ = self.phone.run("accounts")
        self.assertEqual([(account["id"], account["state"]) for account in kept][:2], [(old, "revoked"), (new, "active")])
        for ended in [account["id"] for account in kept if account["id"] != new]:
            self.assertEqual(self.phone.run("--account", ended, "forget")[0], OK)
        _, kept, _ = self.phone.run("accounts")
        self.assertEqual([account["id"] for account in kept], [new])

    def test_where_every_account_has_ended_the_last_ones_end_is_the_error(self):
        for _ in range(2):
            self.joined()
            for device in PROVIDER.devices(self.subject):
                PROVIDER.admin("POST", f"/devices/{device['id']}/revoke")
        status, _, said = self.phone.run("list")
        self.assertEqual(status, REFUSED)
        self.assertIn("assent-phone: revoked: ", said)

    def test_of_several_accounts_one_must_be_named(self):
        accounts = [self.phone.join(subject) for subject in (self.subject, PROVIDER.new_user())]
        status, _, said = self.phone.run("list")
        self.assertEqual(status, USAGE)
        self.assertIn("several accounts", said)
        PROVIDER.ask(self.subject)
        self.assertEqual([self.phone.run("--account", account, "list")[0] for account in accounts], [OK, NOTHING])

    def test_a_forgotten_account_is_gone_on_both_sides(self):
        self.joined()
        self.assertEqual(self.phone.run("forget")[0], OK)
        self.assertEqual(self.phone.run("accounts"), (OK, [], ""))
        self.assertFalse([device for device in PROVIDER.devices(self.subject) if device["status"] == "active"])
        self.assertEqual(list(self.phone.folder.glob("keys/*")), [])

    def test_a_damaged_state_is_said_and_kept(self):
        self.joined()
        (document,) = (path for path in self.phone.folder.glob("documents/*"))
        document.write_bytes(document.read_bytes()[:-10])
        damaged = document.read_bytes()
        status, _, said = self.phone.run("list")
        self.assertEqual(status, REFUSED)
        self.assertIn("damaged_state", said)
        self.assertEqual(document.read_bytes(), damaged)

    def test_an_id_may_begin_with_a_hyphen(self):
        self.joined()
        for arguments in (["--account", "-" + "a" * 21, "list"], ["approve", "--" + "a" * 20], ["deny", "-" + "h" * 21]):
            status, _, said = self.phone.run(*arguments)
            self.assertNotEqual(status, USAGE, said)
            self.assertNotIn("usage:", said)

    def test_a_command_that_is_called_wrongly_ends_with_2(self):
        for arguments in ([], ["dance"], ["list", "--wait", "-1"], ["deny", "--reason", "whim"]):
            self.assertEqual(self.phone.run(*arguments)[0], USAGE, arguments)


if __name__ == "__main__":
    unittest.main()
