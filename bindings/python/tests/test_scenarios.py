"""Every scenario comes to what it says, with the Python binding, against a running provider."""

import asyncio
import json
import tempfile
import unittest

import jsonschema

from scenarios import FOLDER, Play, Simulator

FILES = [file for file in sorted(FOLDER.glob("*.json")) if file.name != "schema.json"]


class Scenarios(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.simulator = Simulator()
        cls.addClassCleanup(cls.simulator.close)
        cls.schema = json.loads((FOLDER / "schema.json").read_text())

    def play(self, file):
        scenario = json.loads(file.read_text())
        jsonschema.validate(scenario, self.schema, jsonschema.Draft202012Validator)
        with tempfile.TemporaryDirectory(prefix="assent-scenario-") as folder:
            asyncio.run(Play(self.simulator, folder).run(scenario))

    def test_there_are_scenarios(self):
        self.assertGreater(len(FILES), 20)

    def test_a_step_that_comes_to_something_else_fails(self):
        steps = [{"do": "user", "user": "anna"}, {"do": "enrol", "phone": "annas", "user": "anna", "state": "active"}]
        with tempfile.TemporaryDirectory() as folder, self.assertRaisesRegex(AssertionError, "step 2.*state is unconfirmed"):
            asyncio.run(Play(self.simulator, folder).run({"steps": steps}))

    def test_a_step_with_a_member_that_nobody_knows_fails(self):
        steps = [{"do": "user", "user": "anna", "colour": "red"}]
        with tempfile.TemporaryDirectory() as folder, self.assertRaises(TypeError):
            asyncio.run(Play(self.simulator, folder).run({"steps": steps}))

    def test_a_request_that_the_phone_has_not_seen_is_fetched_and_one_that_it_cannot_see_fails(self):
        steps = [
            {"do": "client", "client": "bank"},
            {"do": "user", "user": "anna"},
            {"do": "enrol", "phone": "annas", "user": "anna"},
            {"do": "type_digits", "phone": "annas"},
            {"do": "ask", "client": "bank", "user": "anna", "request": "payment"},
            {"do": "fetch", "phone": "annas", "request": "payment"},
            {"do": "show", "phone": "annas", "request": "payment", "display": {"kind": "authentication"}},
            {"do": "approve", "phone": "annas", "request": "payment"},
            {"do": "ask", "client": "bank", "user": "anna", "request": "second"},
            {"do": "cancel", "client": "bank", "request": "second"},
            {"do": "fetch", "phone": "annas", "request": "second"},
        ]
        with tempfile.TemporaryDirectory() as folder, self.assertRaisesRegex(AssertionError, "step 11.*never heard"):
            asyncio.run(Play(self.simulator, folder).run({"steps": steps}))


for file in FILES:
    setattr(Scenarios, f"test_{file.stem}", lambda self, file=file: self.play(file))


if __name__ == "__main__":
    unittest.main()
