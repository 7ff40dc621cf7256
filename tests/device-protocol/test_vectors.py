"""The published vectors, read by an implementation that shares nothing with the project's own (`adp.py`)."""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

from jwcrypto import jwk

import adp
from vectors import VECTORS, read

JWS = read("jws.json")


def bytes_of(text):
    return adp.decode(text)


def public(name):
    return adp.key_of(JWS["keys"][name]["jwk"])


def private(name):
    key = JWS["keys"][name]
    return jwk.JWK(**key["jwk"], d=adp.encode(bytes.fromhex(key["d"])))


class Case(unittest.TestCase):
    def refused(self, reason, call, *arguments):
        with self.assertRaises(adp.Refused) as refusal:
            call(*arguments)
        self.assertEqual(str(refusal.exception), reason)


class Signatures(Case):
    def test_keys_have_their_thumbprints(self):
        for name, key in JWS["keys"].items():
            self.assertEqual(adp.encode(adp.thumbprint(key["jwk"])), key["thumbprint"], name)
            self.assertEqual(jwk.JWK(**key["jwk"]).thumbprint(), key["thumbprint"], name)

    def test_a_point_off_the_curve_is_no_key(self):
        self.refused("BadKey", adp.key_of, JWS["off_curve"])

    def test_accepted_vectors_verify_and_hold_their_messages(self):
        self.assertGreater(len(JWS["accepted"]), 15)
        for case in JWS["accepted"]:
            with self.subTest(case["name"]):
                payload = adp.open_jws(case["jws"], case["typ"], public(case["key"]))
                if " " not in case["name"]:
                    self.assertEqual(payload, read(f"messages/{case['name']}.json"))

    def test_refused_vectors_are_refused_for_their_reason(self):
        self.assertGreater(len(JWS["refused"]), 80)
        for case in JWS["refused"]:
            # What members a payload has is the schemas' matter: `test_shapes.py`.
            if case["error"] == "Json(Shape)" and case["name"].startswith("payload"):
                continue
            with self.subTest(case["name"]):
                self.refused(case["error"], adp.open_jws, case["jws"], case["typ"], public(case["key"]))

    def test_a_finish_verifies_under_both_its_keys_in_order(self):
        general = JWS["general"]
        keys = [public(name) for name in general["keys"]]
        payload = adp.open_general(general["accepted"], "adp-finish+jwt", keys)
        self.assertEqual(payload, read("messages/finish.json"))
        self.assertEqual(adp.finish_hash(general["accepted"]), bytes_of(general["digest"]))
        for case in general["refused"]:
            with self.subTest(case["name"]):
                self.refused(case["error"], adp.open_general, case["jws"], "adp-finish+jwt", keys)

    def test_a_rotation_verifies_under_the_new_key_and_both_before(self):
        rotation = read("messages/rotation-request.json")
        keys = [public(name) for name in ("other", "verified", "device")]
        payload = adp.open_general(rotation, "adp-rotation+jwt", keys)
        self.assertEqual(payload, read("messages/rotation.json"))
        self.refused("BadSignature", adp.open_general, rotation, "adp-rotation+jwt", [keys[1], keys[0], keys[2]])
        self.refused("Malformed", adp.open_general, rotation, "adp-rotation+jwt", keys[:2])

    def test_what_is_signed_here_verifies_here(self):
        text = adp.sign_jws("adp-proof+jwt", {"a": "é"}, private("device"), kid="k")
        self.assertEqual(adp.open_jws(text, "adp-proof+jwt", public("device")), {"a": "é"})
        self.refused("BadSignature", adp.open_jws, text, "adp-proof+jwt", public("other"))


class Json(Case):
    def test_json_is_read_or_refused_whatever_the_message(self):
        vectors = read("json.json")

        def given(case):
            return bytes_of(case["bytes"]) if "bytes" in case else case["text"].encode()

        for case in vectors["accepted"]:
            with self.subTest(case["name"]):
                self.assertEqual(adp.parse(given(case)), json.loads(given(case)))
        self.assertGreater(len(vectors["refused"]), 30)
        for case in vectors["refused"]:
            with self.subTest(case["name"]):
                self.refused(case["error"], adp.parse, given(case))


class Hashes(Case):
    def test_labelled_hashes_match(self):
        digests = read("digests.json")
        request, ticket = digests["request"], digests["ticket_hash"]
        self.assertEqual(adp.request_digest(request["auth_req_id"]), bytes_of(request["digest"]))
        commitment, challenge = digests["nonce_commitment"], digests["attestation_challenge"]
        self.assertEqual(adp.nonce_commitment(bytes_of(commitment["nonce"])), bytes_of(commitment["digest"]))
        self.assertEqual(adp.attestation_challenge(bytes_of(challenge["offer"])), bytes_of(challenge["digest"]))
        hashed = adp.ticket_hash(bytes_of(ticket["root"]), bytes_of(ticket["code"]), ticket["expires_at"])
        self.assertEqual(hashed, bytes_of(ticket["digest"]))
        self.assertEqual(adp.sha256(digests["jws"]["jws"]), bytes_of(digests["jws"]["digest"]))

    def test_the_digest_of_what_is_shown_matches(self):
        for case in read("digests.json")["display"]:
            self.assertEqual(adp.display_digest(case["lines"]), bytes_of(case["digest"]), case["lines"])

    def test_the_six_digits_match(self):
        cases = read("digests.json")["check_digits"]
        self.assertTrue(any(case["digits"].startswith("0") for case in cases))
        for case in cases:
            hashes = [bytes_of(case[name]) for name in ("offer", "finish", "nonce")]
            self.assertEqual(adp.check_digits(*hashes), case["digits"])

    def test_one_enrolment_and_one_approval_hang_together(self):
        """Every hash in the messages is that of the message it names."""
        signed = {case["name"]: case["jws"] for case in JWS["accepted"]}
        message = {name: read(f"messages/{name}.json") for name in ("offer", "finish", "enrolment", "prompt", "decision-approve", "result", "receipt")}
        root, nonce = bytes_of(JWS["keys"]["root"]["thumbprint"]), bytes_of(message["enrolment"]["nonce"])
        ticket = adp.parse_ticket(read("tickets.json")["written"][0]["ticket"])
        self.assertEqual(message["offer"]["th"], adp.encode(adp.ticket_hash(root, ticket["code"], ticket["expires_at"])))
        self.assertEqual(message["offer"]["cs"], adp.encode(adp.nonce_commitment(nonce)))
        self.assertEqual(message["finish"]["oh"], adp.encode(adp.sha256(signed["offer"])))
        self.assertEqual(message["enrolment"]["fh"], JWS["general"]["digest"])
        self.assertEqual(message["decision-approve"]["ph"], adp.encode(adp.sha256(signed["prompt"])))
        self.assertEqual(message["decision-approve"]["dh"], adp.encode(adp.display_digest(message["prompt"]["display"])))
        self.assertEqual(message["result"]["hash"], adp.encode(adp.sha256(signed["decision-approve"])))
        self.assertEqual(message["receipt"]["prompt"], message["decision-approve"]["ph"])
        self.assertEqual(message["receipt"]["decision"], message["result"]["hash"])
        hashes = bytes_of(message["finish"]["oh"]), bytes_of(message["enrolment"]["fh"])
        self.assertEqual(message["receipt"]["enrolment"], adp.encode(adp.labelled("adp1-transcript", *hashes)))


class SealedPushes(Case):
    def test_sealed_prompts_open(self):
        vectors = read("jwe.json")
        for case in vectors["accepted"] + vectors["opened"] + [read("jwe-jwcrypto.json")]:
            with self.subTest(case.get("name")):
                opened = adp.unseal(case["jwe"], private(vectors["recipient"]))
                self.assertEqual(opened.decode(), case["plaintext"])

    def test_pushes_are_about_the_prompt_and_say_nothing_of_it(self):
        """Sealed it opens to the prompt, what pads a wake to nothing; both are as long, and all are known by one id."""
        prompt = next(case["jws"] for case in JWS["accepted"] if case["name"] == "prompt")
        routing_id = adp.encode(adp.routing_id(bytes_of(read("messages/prompt.json")["jti"])))
        kinds = ("sealed", "wake", "wake-padded", "dismiss")
        sealed, wake, padded, dismiss = (read(f"messages/push-data-{kind}.json") for kind in kinds)
        self.assertEqual([data["rid"] for data in (sealed, wake, padded, dismiss)], [routing_id] * 4)
        self.assertEqual(adp.unseal(sealed["jwe"], private("sealing")).decode(), prompt)
        self.assertEqual(adp.unseal(padded["pad"], private("sealing")), b"")
        self.assertEqual(len(padded["pad"]), len(sealed["jwe"]))

    def test_what_is_sealed_is_padded_to_steps_of_512_bytes(self):
        for case in read("jwe.json")["accepted"]:
            ciphertext = bytes_of(case["jwe"].split(".")[3])
            self.assertEqual((len(ciphertext) % 512, len(ciphertext) >= 512), (0, True), case["name"])

    def test_refused_vectors_are_refused_for_their_reason(self):
        vectors = read("jwe.json")
        for case in vectors["refused"]:
            with self.subTest(case["name"]):
                self.refused(case["error"], adp.unseal, case["jwe"], private(vectors["recipient"]))


class Evidence(Case):
    def test_chains_are_read(self):
        vectors = read("evidence.json")["android_key"]
        for case in vectors["accepted"]:
            with self.subTest(case["name"]):
                chains = [[bytes_of(der) for der in case[role]] for role in ("device", "verified")]
                self.assertEqual(list(adp.android_chains(bytes_of(case["data"]))), chains)
        for name, data in vectors["refused"].items():
            with self.subTest(name):
                self.refused("Malformed", adp.android_chains, bytes_of(data))

    def test_app_attest_is_made_over_the_payload_without_its_evidence(self):
        vectors = read("evidence.json")["client_data"]
        for case in vectors["accepted"]:
            hashed = adp.client_data_hash(bytes_of(case["payload"]), case["data"])
            self.assertEqual(hashed, bytes_of(case["hash"]))
        for name, case in vectors["refused"].items():
            with self.subTest(name):
                self.refused("Malformed", adp.client_data_hash, bytes_of(case["payload"]), case["data"])


class Tickets(Case):
    def test_tickets_are_read(self):
        vectors = read("tickets.json")
        for case in vectors["written"] + vectors["read"]:
            with self.subTest(case["ticket"]):
                ticket = adp.parse_ticket(case["ticket"])
                self.assertEqual((ticket["issuer"], ticket["expires_at"]), (case["issuer"], case["expires_at"]))
                self.assertEqual((ticket["code"], ticket["root"]), (bytes_of(case["code"]), bytes_of(case["root"])))

    def test_what_is_no_ticket_is_refused(self):
        for name, text in read("tickets.json")["refused"].items():
            with self.subTest(name):
                self.refused("NotATicket", adp.parse_ticket, text)


class Making(Case):
    def test_making_the_vectors_again_gives_the_same_bytes(self):
        with tempfile.TemporaryDirectory() as folder:
            again = pathlib.Path(folder, "docs", "device-protocol", "vectors")
            again.mkdir(parents=True)
            # Made by jwcrypto once, with a key and a nonce of its own.
            (again / "jwe-jwcrypto.json").write_bytes((VECTORS / "jwe-jwcrypto.json").read_bytes())
            subprocess.run([sys.executable, pathlib.Path(__file__).parent / "generate", folder], check=True)
            made, committed = ({path.relative_to(root): path.read_bytes() for path in root.rglob("*.json")} for root in (again, VECTORS))
        self.assertEqual(made.keys(), committed.keys())
        for name, content in committed.items():
            self.assertEqual(made[name], content, name)


if __name__ == "__main__":
    unittest.main()
