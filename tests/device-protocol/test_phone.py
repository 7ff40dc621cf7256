"""The phone of `phone.py` at a running `assent serve`."""

import copy
import os
import unittest
import unittest.mock

from jwcrypto import jwk

import adp
from notifier import Notifier
from phone import Phone, Problem, check_revocation
from provider import Provider
from vectors import VALIDATORS

NOTIFIER = PROVIDER = None


def setUpModule():
    global NOTIFIER, PROVIDER
    NOTIFIER = Notifier()
    unittest.addModuleCleanup(NOTIFIER.close)
    with unittest.mock.patch.dict(os.environ, NOTIFIER.settings()):
        PROVIDER = Provider()
    unittest.addModuleCleanup(PROVIDER.close)


class Case(unittest.TestCase):
    def joined(self, subject, push=None):
        """A phone whose digits were typed."""
        phone = Phone()
        digits = phone.enrol(PROVIDER.ticket(subject), push)
        PROVIDER.type_digits(phone.enrolment, digits)
        return phone

    def asked(self, message="Pay 20 EUR"):
        auth_req_id = PROVIDER.ask(self.subject, message)
        (prompt,) = self.phone.prompts(wait=5)
        return auth_req_id, prompt

    def token(self, auth_req_id):
        status, reply = PROVIDER.poll(auth_req_id)
        return status, reply.get("error")

    def revoked(self, reason):
        document = self.refused(401, "revoked", self.phone.prompts)
        ours = (self.phone.trust, self.phone.enrolment, self.phone.device_public)
        self.assertEqual(check_revocation(*ours, document["revocation"], self.phone.now())["reason"], reason)

    def refused(self, status, code, call, *arguments, **named):
        with self.assertRaises(Problem) as refusal:
            call(*arguments, **named)
        self.assertEqual((refusal.exception.status, refusal.exception.code), (status, code))
        return refusal.exception.document


class Enrolling(Case):
    def test_the_digits_of_the_paper_are_those_of_the_server(self):
        phone, subject = Phone(), PROVIDER.new_user()
        digits = phone.enrol(PROVIDER.ticket(subject))
        self.assertEqual(phone.state(), "unconfirmed")
        PROVIDER.type_digits(phone.enrolment, digits)
        self.assertEqual(phone.state(), "active")
        (device,) = PROVIDER.devices(subject)
        self.assertEqual((device["name"], device["status"]), ("A phone of paper", "active"))

    def test_wrong_digits_cancel(self):
        phone = Phone()
        digits = phone.enrol(PROVIDER.ticket(PROVIDER.new_user()))
        PROVIDER.type_digits(phone.enrolment, f"{(int(digits) + 1) % 1_000_000:06}", expect=(403,))
        self.assertEqual(phone.state(), "cancelled")

    def test_a_second_key_cancels_the_enrolment_of_the_first(self):
        ticket = PROVIDER.ticket(PROVIDER.new_user())
        first = Phone()
        first.enrol(ticket)
        self.refused(403, "invalid_ticket", Phone().enrol, ticket)
        self.assertEqual(first.state(), "cancelled")

    def test_a_ticket_of_another_root_is_refused_by_the_phone(self):
        issuer, fragment = PROVIDER.ticket(PROVIDER.new_user()).split("#")
        members = dict(pair.split("=") for pair in fragment.split("&"))
        members["k"] = adp.encode(bytes(32))
        forged = issuer + "#" + "&".join(f"{name}={value}" for name, value in members.items())
        with self.assertRaises(adp.Refused) as refusal:
            Phone().enrol(forged)
        self.assertEqual(str(refusal.exception), "Root")


class Answering(Case):
    def setUp(self):
        self.subject = PROVIDER.new_user()
        self.phone = self.joined(self.subject)

    def test_a_prompt_says_who_asks_what_and_for_which_request(self):
        auth_req_id, (text, prompt) = self.asked("Pay 20 EUR to Bob")
        self.assertEqual((prompt["client"]["name"], prompt["binding_message"]), ("Example Bank", "Pay 20 EUR to Bob"))
        self.assertEqual(prompt["req"], adp.encode(adp.request_digest(auth_req_id)))
        again = self.phone.proven("GET", f"/device/v1/prompts/{prompt['jti']}")
        self.assertEqual(again["prompt"], text)

    def test_an_approval_gives_tokens_and_a_denial_none(self):
        auth_req_id, prompt = self.asked()
        self.assertEqual(self.token(auth_req_id), (400, "authorization_pending"))
        self.assertEqual(self.phone.approve(prompt), "approved")
        self.assertEqual(self.token(auth_req_id), (200, None))
        auth_req_id, prompt = self.asked()
        self.assertEqual(self.phone.deny(prompt, "not_me"), "denied")
        self.assertEqual(self.token(auth_req_id), (400, "access_denied"))

    def test_the_same_decision_again_gets_the_same_result(self):
        auth_req_id, prompt = self.asked()
        self.phone.approve(prompt)
        self.assertEqual(self.phone.send_decision(self.phone.last), "approved")
        self.assertEqual(self.token(auth_req_id), (200, None))

    def test_an_answer_about_something_else_is_a_mismatch(self):
        auth_req_id, prompt = self.asked()
        other = adp.encode(adp.sha256("something else"))
        for change in ({"ph": other}, {"dh": other}, {"nonce": other[:21] + "A"}, {"aud": "https://other.example"}, {"v": 2}, {"reason": "not_me"}):
            with self.subTest(change):
                self.refused(400, "mismatch", self.phone.approve, prompt, **change)
        self.assertEqual(self.token(auth_req_id), (400, "authorization_pending"))

    def test_the_prompt_says_which_key_answers(self):
        _, prompt = self.asked()
        self.assertEqual(prompt[1]["uv"], "required")
        self.refused(403, "wrong_key", self.phone.decide, prompt, "device", {"decision": "approve", "uv": "none"})
        self.refused(403, "wrong_key", self.phone.decide, prompt, "verified", {"decision": "deny", "uv": "none"})

    def test_the_key_of_somebody_else_answers_nothing(self):
        _, prompt = self.asked()
        ours, self.phone.verified = self.phone.verified, jwk.JWK.generate(kty="EC", crv="P-256")
        self.refused(403, "bad_signature", self.phone.approve, prompt)
        self.phone.verified = ours
        self.assertEqual(self.phone.approve(prompt), "approved")

    def test_a_second_answer_comes_too_late(self):
        _, prompt = self.asked()
        self.phone.deny(prompt, "cancelled")
        self.refused(409, "already_denied", self.phone.approve, prompt)

    def test_one_counter_for_two_decisions_ends_the_phone(self):
        _, prompt = self.asked()
        self.phone.deny(prompt, "cancelled")
        _, prompt = self.asked()
        self.refused(403, "counter_reused", self.phone.approve, prompt, ctr=self.phone.counter)
        self.revoked("cloned")

    def test_the_digits_of_the_other_screen_are_typed(self):
        def asked_with_a_code():
            form = {"scope": "openid", "login_hint": self.subject, "binding_message": "Pay"}
            reply = self.at_a_client_with_codes("/backchannel/authenticate", form)
            (prompt,) = self.phone.prompts(wait=5)
            self.assertEqual(prompt[1]["match"], {"mode": "enter", "length": 2})
            return reply["match_code"], prompt

        code, prompt = asked_with_a_code()
        self.refused(400, "mismatch", self.phone.approve, prompt)
        self.refused(400, "mismatch", self.phone.approve, prompt, match="7")
        self.assertEqual(self.phone.approve(prompt, match=code), "approved")
        code, prompt = asked_with_a_code()
        self.assertEqual(self.phone.approve(prompt, match=f"{(int(code) + 1) % 100:02}"), "denied")

    def at_a_client_with_codes(self, path, form):
        ordinary = PROVIDER.client
        # Made once: no second client may be called the same.
        if not hasattr(PROVIDER, "coded"):
            metadata = {"client_name": "Coded Bank", "scope": "openid", "match_code": True}
            PROVIDER.coded = PROVIDER.admin("POST", "/clients", metadata)
        PROVIDER.client = PROVIDER.coded
        try:
            status, reply = PROVIDER._post(path, form)
        finally:
            PROVIDER.client = ordinary
        self.assertEqual(status, 200, reply)
        return reply

    def test_a_proof_with_a_stale_nonce_is_made_again(self):
        self.phone.nonce = "stale"
        self.assertEqual(self.phone.proven("GET", "/device/v1/self")["enr"], self.phone.enrolment)

    def test_a_phone_that_left_gets_the_servers_signed_word(self):
        self.phone.leave()
        self.revoked("user")


class Pushing(Case):
    def setUp(self):
        self.subject = PROVIDER.new_user()
        self.phone = self.reached_at("first")

    def reached_at(self, name):
        """A phone that the notifier knows, by its user and this name."""
        return self.joined(self.subject, {"channel": "webhook", "address": f"{self.subject} {name}"})

    def pushed(self, name, kind="prompt"):
        """What the notifier is to bring to that phone next."""
        call = NOTIFIER.next_for(f"{self.subject} {name}")
        self.assertEqual((call["type"], call["subject"]), (kind, self.subject))
        self.assertEqual(call["link"], f"{PROVIDER.issuer}/a/{call['data']['rid']}")
        VALIDATORS["push-data"].validate(call["data"])
        return call["data"]

    def test_a_sealed_push_brings_the_prompt_itself(self):
        auth_req_id = PROVIDER.ask(self.subject, "Pay 20 EUR")
        data = self.pushed("first")
        with self.assertRaises(adp.Refused) as refusal:
            self.phone.open_push({**data, "v": "2"})
        self.assertEqual(str(refusal.exception), "Version")
        prompt = self.phone.open_push(data)
        self.assertEqual([prompt], self.phone.prompts())
        self.assertEqual(data["rid"], adp.encode(adp.routing_id(adp.decode(prompt[1]["jti"]))))
        self.assertEqual(self.phone.approve(prompt), "approved")
        self.assertEqual(self.token(auth_req_id), (200, None))

    def test_nobody_else_opens_it(self):
        PROVIDER.ask(self.subject)
        data, stranger = self.pushed("first"), self.joined(PROVIDER.new_user())
        with self.assertRaises(adp.Refused) as refusal:
            stranger.open_push(data)
        self.assertEqual(str(refusal.exception), "Unauthentic")

    def test_an_answer_takes_the_notification_of_the_other_phone_away(self):
        other = self.reached_at("second")
        (notice,) = self.phone.prompts(wait=5)
        self.assertEqual(notice[1]["kind"], "notice")
        self.assertEqual(self.phone.open_push(self.pushed("first")), notice)
        self.phone.approve(notice)
        PROVIDER.ask(self.subject)
        shown = self.pushed("second")
        self.phone.approve(self.phone.open_push(self.pushed("first")))
        over = self.pushed("second", "dismiss")
        self.assertEqual(over, {"v": "1", "rid": shown["rid"], "dismiss": "1"})
        self.assertEqual((other.open_push(over), other.prompts()), (None, []))

    def test_several_prompts_at_once_come_as_one_wake_of_the_same_length(self):
        PROVIDER.ask(self.subject, "One")
        sealed = self.pushed("first")
        for message in ("Two", "Three"):
            PROVIDER.ask(self.subject, message)
        wake = self.pushed("first")
        self.assertIsNone(self.phone.open_push(wake))
        self.assertEqual(len(wake["pad"]), len(sealed["jwe"]))
        self.assertEqual(len(self.phone.prompts()), 3)

    def test_after_a_change_of_the_sealing_key_pushes_are_for_the_new_one(self):
        before = copy.copy(self.phone)
        self.assertEqual(self.phone.rotate("sealing"), "active")
        PROVIDER.ask(self.subject)
        data = self.pushed("first")
        with self.assertRaises(adp.Refused):
            before.open_push(data)
        self.assertEqual([self.phone.open_push(data)], self.phone.prompts())


class Living(Case):
    """What happens to a phone over the years."""

    def setUp(self):
        self.subject = PROVIDER.new_user()
        self.phone = self.joined(self.subject)

    def test_a_new_device_key_speaks_for_the_phone_and_the_one_before_may_read(self):
        before = copy.copy(self.phone)
        self.assertEqual(self.phone.rotate("device"), "active")
        auth_req_id, prompt = self.asked()
        self.assertEqual(prompt[1]["aud"], adp.encode(adp.thumbprint(self.phone.device_public)))
        self.assertEqual(before.proven("GET", "/device/v1/self")["enr"], self.phone.enrolment)
        self.refused(403, "former_key", before.proven, "PATCH", "/device/v1/self", {"name": "Mine"})
        self.assertEqual(self.phone.deny(prompt, "cancelled"), "denied")
        self.assertEqual(self.token(auth_req_id), (400, "access_denied"))

    def test_all_keys_change_at_once_and_the_same_bytes_get_the_same_answer(self):
        before = copy.copy(self.phone)
        self.assertEqual(self.phone.rotate("device", "verified", "sealing"), "active")
        # As if the answer had been lost.
        before.rotation, before.new = self.phone.rotation, self.phone.new
        verified = before.verified
        self.assertEqual(before.send_rotation(), "active")
        self.assertEqual(before.device_public, self.phone.device_public)
        auth_req_id, prompt = self.asked()
        ours, self.phone.verified = self.phone.verified, verified
        self.refused(403, "bad_signature", self.phone.approve, prompt)
        self.phone.verified = ours
        self.assertEqual(self.phone.approve(prompt), "approved")
        self.assertEqual(self.token(auth_req_id), (200, None))

    def asked_for_the_keys_of(self, other):
        """The prompt by which this phone is asked whether another may have a new `verified` key."""
        self.assertEqual(other.rotate("verified", agreed=False), "unconfirmed")
        return next(prompt for prompt in self.phone.prompts(wait=5) if prompt[1]["kind"] == "rotate")

    def test_another_phone_agrees_to_a_new_verified_key_where_the_one_before_cannot(self):
        other = self.joined(self.subject)
        self.assertEqual(self.phone.approve(self.asked_for_the_keys_of(other)), "approved")
        self.assertEqual(other.send_rotation(), "active")

    def test_another_phone_refuses_a_new_verified_key(self):
        other = self.joined(self.subject)
        self.assertEqual(self.phone.deny(self.asked_for_the_keys_of(other), "not_me"), "denied")
        self.refused(403, "rotation_refused", other.send_rotation)

    def test_the_history_says_what_was_answered_newest_first(self):
        self.assertEqual(self.phone.history()["entries"], [])
        _, first = self.asked("Pay 20 EUR")
        self.phone.deny(first, "wrong_details")
        _, second = self.asked("Pay 30 EUR")
        self.phone.approve(second)
        told = self.phone.history()
        VALIDATORS["history"].validate(told)
        said = [(entry["message"], entry["outcome"], entry.get("reason")) for entry in told["entries"]]
        self.assertEqual(said, [("Pay 30 EUR", "approved", None), ("Pay 20 EUR", "denied", "wrong_details")])
        for entry in told["entries"]:
            self.assertEqual((entry["name"], entry["device"], entry["device_name"]), ("Example Bank", self.phone.device_id, self.phone.name))
        newest, oldest = told["entries"]
        self.assertFalse(told["more"])
        self.assertEqual(self.phone.history(newest["number"])["entries"], [oldest])
        self.assertEqual(self.phone.history(oldest["number"])["entries"], [])

    def test_what_the_history_has_can_be_disputed(self):
        auth_req_id, prompt = self.asked()
        self.phone.approve(prompt)
        self.assertEqual(self.token(auth_req_id), (200, None))
        (entry,) = self.phone.history()["entries"]
        self.assertGreater(entry["object_until"], self.phone.now())
        again = self.phone.prompt(entry["prompt"])
        self.assertEqual(again, prompt)
        self.assertEqual(self.phone.deny(again, "not_me"), "disputed")
        self.revoked("disputed")

    def test_a_blocked_client_asks_nothing_until_its_block_is_lifted(self):
        _, prompt = self.asked()
        client = prompt[1]["client"]["id"]
        self.phone.deny(prompt, "not_me")
        self.assertEqual(self.phone.blocks(), [])
        self.phone.block(client, "day")
        VALIDATORS["blocks"].validate(self.phone.told("adp-blocks+jwt", "/device/v1/self/blocks"))
        (block,) = self.phone.blocks()
        self.assertEqual((block["client"], block["name"], block["until"] - block["since"]), (client, "Example Bank", 86_400))
        form = {"scope": "openid", "login_hint": self.subject, "binding_message": "Pay"}
        status, refusal = PROVIDER._post("/backchannel/authenticate", form)
        self.assertEqual((status, refusal["error"]), (403, "access_denied"))
        lifted = self.phone.unblock(client)
        self.assertEqual(self.phone.blocks(), [])
        self.asked()
        self.phone.block(client, "until_lifted")
        self.assertNotIn("until", self.phone.blocks()[0])
        self.refused(409, "already_lifted", self.phone.lift, lifted)
        self.refused(404, "unknown_client", self.phone.block, "nobody", "day")

    def test_a_block_is_lifted_by_a_verified_user_alone(self):
        _, prompt = self.asked()
        self.phone.block(prompt[1]["client"]["id"], "day")
        self.phone.verified, ours = self.phone.device, self.phone.verified
        self.refused(403, "bad_signature", self.phone.unblock, prompt[1]["client"]["id"])
        self.phone.verified = ours
        self.phone.unblock(prompt[1]["client"]["id"])
        self.assertEqual(self.phone.blocks(), [])


class Trusting(Case):
    def test_the_configuration_is_believed_through_the_pinned_root(self):
        phone = Phone()
        phone.enrol(PROVIDER.ticket(PROVIDER.new_user()))
        configuration = phone.call("GET", "/device/v1/configuration")
        self.assertEqual(adp.thumbprint(configuration["root"]), phone.ticket["root"])
        phone.trust.update(configuration["keys"])
        self.assertEqual((configuration["issuer"], configuration["unicode"]), (PROVIDER.issuer, "18.0.0"))


if __name__ == "__main__":
    unittest.main()
