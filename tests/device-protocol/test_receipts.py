"""The vectors of receipts."""

import unittest

import adp
import receipts
from vectors import read


class Receipts(unittest.TestCase):
    def test_a_receipt_proves_what_the_vectors_say_and_nothing_else(self):
        vectors = read("receipts.json")
        self.assertGreater(len(vectors["cases"]), 30)
        for case in vectors["cases"]:
            known = {name: case.get(name, vectors[name]) for name in ("issuer", "client", "auth_req_id", "now")}
            with self.subTest(case["name"]):
                try:
                    receipts.verify(case["approval"], case.get("keys", vectors["keys"]), **known)
                    reason = None
                except adp.Refused as refusal:
                    reason = str(refusal)
                self.assertEqual(reason, case["reason"])


if __name__ == "__main__":
    unittest.main()
