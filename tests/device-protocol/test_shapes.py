"""The schemas against the vectors: every message fits its schema, and every message of a wrong shape breaks it."""

import base64
import copy
import json
import unittest

from jsonschema import Draft202012Validator

from vectors import VALIDATORS, VECTORS, read, schemas


def schema_of(message):
    """The longest schema's name that the message's name begins with: `decision-deny` is a `decision`."""
    fits = [name for name in VALIDATORS if message == name or message.startswith(name + "-")]
    return VALIDATORS[max(fits, key=len)]


def messages():
    return {path.stem: json.loads(path.read_text()) for path in (VECTORS / "messages").glob("*.json")}


def changed(message, path, *value):
    message = copy.deepcopy(message)
    *parents, member = path.split("/")[1:]
    inside = message
    for parent in parents:
        inside = inside[parent]
    if value:
        inside[member] = value[0]
    else:
        del inside[member]
    return message


class Shapes(unittest.TestCase):
    def test_the_schemas_are_schemas(self):
        for schema in schemas().values():
            Draft202012Validator.check_schema(schema)

    def test_every_message_fits_its_schema(self):
        self.assertGreater(len(messages()), 40)
        for name, message in messages().items():
            with self.subTest(name):
                schema_of(name).validate(message)

    def test_every_schema_has_a_message(self):
        used = {schema_of(name).schema["$id"] for name in messages()}
        self.assertEqual(used, {f"{name}.json" for name in VALIDATORS} - {"common.json"})

    def test_unknown_members_fit(self):
        for name, message in messages().items():
            with self.subTest(name):
                schema_of(name).validate({**message, "later": [1, None]})

    def test_what_is_of_a_wrong_shape_breaks_its_schema(self):
        cases, known = read("shapes.json"), messages()
        self.assertGreater(len(cases), 500)
        for case in cases:
            with self.subTest(case):
                value = [case["value"]] if "value" in case else []
                wrong = changed(known[case["message"]], case["path"], *value)
                self.assertFalse(schema_of(case["message"]).is_valid(wrong))

    def test_signed_payloads_of_a_wrong_shape_break_the_schema_of_their_type(self):
        cases = [case for case in read("jws.json")["refused"] if case["name"].startswith("payload")]
        cases = [case for case in cases if case["error"] == "Json(Shape)"]
        self.assertGreater(len(cases), 5)
        for case in cases:
            with self.subTest(case["name"]):
                payload = case["jws"].split(".")[1]
                payload = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
                message = case["typ"].removeprefix("adp-").removesuffix("+jwt")
                self.assertFalse(VALIDATORS[message].is_valid(payload))

    def test_a_general_jws_without_whole_signatures_breaks_its_schema(self):
        finish = messages()["finish-request"]
        for signature in ("", "AAAA", finish["signatures"][0]["signature"] + "AA"):
            wrong = copy.deepcopy(finish)
            wrong["signatures"][0]["signature"] = signature
            self.assertFalse(schema_of("finish-request").is_valid(wrong), signature)


if __name__ == "__main__":
    unittest.main()
