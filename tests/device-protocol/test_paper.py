"""The paper is complete: it names everything that the schemas have, and every call of the device API."""

import json
import re
import unittest

from vectors import PUBLISHED, SCHEMAS

PAPER = PUBLISHED.with_suffix(".md").read_text()
NAMED = set(re.findall(r"[a-z][a-z0-9_]*(?:-[a-z0-9_]+)*", " ".join(re.findall(r"`[^`\n]+`|\"[^\"\n]+\"", PAPER))))


def inside(schema):
    """Every member's name and every value of an enumeration, however deep."""
    if isinstance(schema, list):
        return set().union(*map(inside, schema))
    if not isinstance(schema, dict):
        return set()
    names = set(schema.get("properties", {})) | {value for value in schema.get("enum", []) if isinstance(value, str)}
    return names.union(*map(inside, schema.values()))


class Paper(unittest.TestCase):
    def test_every_member_and_every_value_of_the_schemas_is_named(self):
        for path in SCHEMAS.glob("*.json"):
            with self.subTest(path.name):
                methods = {"GET", "POST", "PUT", "PATCH", "DELETE"}
                self.assertEqual(inside(json.loads(path.read_text())) - methods - NAMED, set())

    def test_every_link_leads_somewhere(self):
        for link in re.findall(r"\]\((device-protocol[^)#]*)\)", PAPER):
            self.assertTrue((PUBLISHED.parent / link).exists(), link)
        headings = {re.sub(r"[^a-z0-9 -]", "", line.lower()).replace(" ", "-") for line in re.findall(r"^#+ (.*)$", PAPER, re.MULTILINE)}
        for anchor in re.findall(r"\]\(#([^)]*)\)", PAPER):
            self.assertIn(anchor, headings)


if __name__ == "__main__":
    unittest.main()
