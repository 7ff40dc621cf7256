"""The phone of `phone.py` at a running `assent serve`."""

import unittest

from jwcrypto import jwk

import adp
from phone import Phone, Problem, check_revocation
from provider import Provider

PROVIDER = None


def setUpModule():
    global PROVIDER
    PROVIDER = Provider()
    unittest.addModuleCleanup(PROVIDER.close)


class Case(unittest.TestCase):
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
        self.subject, self.phone = PROVIDER.new_user(), Phone()
        digits = self.phone.enrol(PROVIDER.ticket(self.subject))
        PROVIDER.type_digits(self.phone.enrolment, digits)

    def asked(self, message="Pay 20 EUR"):
        auth_req_id = PROVIDER.ask(self.subject, message)
        (prompt,) = self.phone.prompts(wait=5)
        return auth_req_id, prompt

    def token(self, auth_req_id):
        status, reply = PROVIDER.poll(auth_req_id)
        return status, reply.get("error")

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

    def revoked(self, reason):
        document = self.refused(401, "revoked", self.phone.prompts)
        ours = (self.phone.trust, self.phone.enrolment, self.phone.device_public)
        self.assertEqual(check_revocation(*ours, document["revocation"], self.phone.now())["reason"], reason)


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
