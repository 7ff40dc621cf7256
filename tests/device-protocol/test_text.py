"""The vectors of text for users, judged with Python's tables."""

import unicodedata
import unittest

import text_rules
from adp import Refused
from vectors import read


def judged(case):
    try:
        text_rules.check(case["kind"], case["text"])
    except Refused as reason:
        return str(reason)
    return None


class Text(unittest.TestCase):
    def test_every_text_is_judged_as_the_vectors_say(self):
        cases = read("text.json")
        self.assertGreater(len(cases), 100)
        for case in cases:
            with self.subTest(ascii(case["text"])):
                self.assertEqual(judged(case), case["error"])

    def test_these_tables_are_older_than_the_protocols(self):
        """When Python overtakes the protocol, characters that it calls assigned may be refused: then this file is wrong."""
        theirs = [int(part) for part in read("messages/configuration.json")["unicode"].split(".")]
        self.assertLessEqual([int(part) for part in unicodedata.unidata_version.split(".")], theirs)


if __name__ == "__main__":
    unittest.main()
