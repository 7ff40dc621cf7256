"""What a phone believes of a server, by the phone of `phone.py`."""

import json
import unittest

import adp
import phone
from vectors import read

VECTORS = read("judged.json")


class Held:
    """What the phone holds in one case: the vectors' own things, and what the case changes."""

    def __init__(self, case):
        self.case = case
        self.ticket, self.device = adp.parse_ticket(VECTORS["ticket"]), VECTORS["device"]
        self.keys = case.get("keys", VECTORS["keys"])
        self.offer = read("messages/offer.json")

    def trust(self, keys=None):
        root = self.case.get("root", VECTORS["root"])
        return phone.Trust(self.ticket["issuer"], self.ticket["root"], root, keys or self.keys)

    def judge(self):
        kind = self.case["typ"].removeprefix("adp-").removesuffix("+jwt")
        getattr(self, kind + "_of")(self.case["message"], self.case.get("now"))

    def keys_of(self, message, _):
        if "successions" in self.case:
            trust = phone.Trust(self.ticket["issuer"], self.ticket["root"], VECTORS["root"], self.case.get("held", self.keys))
            if "moved" in self.case:
                trust.follow(**self.case["moved"])
            return trust.follow(self.case["root"], self.case["successions"], message)
        trust = self.trust(self.case.get("held", message))
        trust.update(message)

    def offer_of(self, message, now):
        reply = {"offer": message, "keys": self.keys, "root": VECTORS["root"]}
        phone.accept_offer(self.ticket, self.device, reply, now)

    def enrolment_of(self, message, now):
        if "rotation" in self.case:
            ours, sent = read("messages/enrolment.json"), self.case["rotation"]
            keys = self.device, json.loads(adp.decode(sent["payload"]))["device"]
            return phone.check_rotation(self.trust(), (ours["enr"], ours["device"]), keys, sent, message, now)
        phone.conclude(self.trust(), self.offer, VECTORS["finish"], self.device, message, now)

    def prompt_of(self, message, now):
        phone.open_prompt(self.trust(), self.offer["enr"], self.device, message, now)

    def result_of(self, message, now):
        decision = read("messages/decision-approve.json")
        phone.check_result(self.trust(), self.device, decision, VECTORS["decision"], message, now)

    def revocation_of(self, message, now):
        phone.check_revocation(self.trust(), self.offer["enr"], self.device, message, now)

    def history_of(self, message, now):
        phone.check_listing(self.trust(), self.offer["enr"], self.device, "adp-history+jwt", message, now)

    def blocks_of(self, message, now):
        phone.check_listing(self.trust(), self.offer["enr"], self.device, "adp-blocks+jwt", message, now)


class Judged(unittest.TestCase):
    def test_a_phone_believes_what_the_vectors_say_and_refuses_the_rest_for_its_reason(self):
        self.assertGreater(len(VECTORS["cases"]), 175)
        for case in VECTORS["cases"]:
            with self.subTest(case["name"]):
                try:
                    Held(case).judge()
                    reason = None
                except adp.Refused as refusal:
                    reason = str(refusal)
                self.assertEqual(reason, case["reason"])


if __name__ == "__main__":
    unittest.main()
