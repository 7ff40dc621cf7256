"""The published vectors, and what only this package promises."""

import dataclasses
import json
import pathlib
import subprocess
import sys
import tempfile
import threading
import unittest

import assent_verifier
from assent_verifier import Action, BadAction, InMemory, Refused, Wanted, canonical, detail, digest, judge, parse, redeem, verify
from assent_verifier.encoding import _nesting as nesting, read as read_strictly

VECTORS = pathlib.Path(__file__).parents[3] / "docs" / "device-protocol" / "vectors"
ACTIONS, RECEIPTS = (json.loads((VECTORS / name).read_text()) for name in ("actions.json", "receipts.json"))
GOOD = ACTIONS["cases"][0]


def given(vectors, case):
    """What a call is given, with what a case has otherwise."""
    return {name: case.get(name, vectors[name]) for name in ("issuer", "client", "auth_req_id", "now")}


def wanted(case, **other):
    """What `judge` is given."""
    more = {name: case.get(name, ACTIONS[name]) for name in ("subject", "max_age", "user_verified", "level")}
    action, known = Action(**case.get("action", ACTIONS["action"])), given(ACTIONS, case)
    return case["approval"], Wanted(**{"action": action, **more, **known, **other}), ACTIONS["keys"]


class Broken:
    def take(self, request, until, now):
        raise OSError("no database")


class Saying:
    def __init__(self, answer):
        self.answer = answer

    def take(self, request, until, now):
        return self.answer


class Vectors(unittest.TestCase):
    def refusal(self, call, *arguments, **named):
        """Why it is refused, or none."""
        try:
            call(*arguments, **named)
        except Refused as refused:
            return refused
        return None

    def reason(self, *arguments, **named):
        refused = self.refusal(*arguments, **named)
        return refused and refused.reason

    def test_a_receipt_proves_what_the_vectors_say_and_nothing_else(self):
        self.assertGreater(len(RECEIPTS["cases"]), 40)
        for case in RECEIPTS["cases"]:
            self.assertEqual(self.reason(verify, case["approval"], case.get("keys", RECEIPTS["keys"]), **given(RECEIPTS, case)), case["reason"], case["name"])

    def test_what_is_an_action_has_one_spelling_one_digest_and_its_lines(self):
        self.assertGreaterEqual(len(ACTIONS["accepted"]), 9)
        for case in ACTIONS["accepted"]:
            asked = parse(case["detail"])
            self.assertEqual(canonical(asked.action), case["canonical"], case["name"])
            self.assertEqual(digest(asked.action), case["detail"]["digest"], case["name"])
            self.assertEqual(asked.lines(), case["lines"], case["name"])
            self.assertEqual(detail(asked.action, asked.agent), case["detail"], case["name"])

    def test_what_is_no_action_is_refused_for_its_reason(self):
        self.assertGreater(len(ACTIONS["refused"]), 30)
        for case in ACTIONS["refused"]:
            self.assertEqual(self.reason(parse, case["detail"]), case["error"], case["name"])

    def test_an_approval_is_of_this_action_or_refused_for_its_reason(self):
        self.assertGreater(len(ACTIONS["cases"]), 30)
        for case in ACTIONS["cases"]:
            refused = self.refusal(judge, *wanted(case))
            self.assertEqual(refused and refused.reason, case["reason"], case["name"])
            if "names" in case:
                self.assertEqual(refused.names, case["names"], case["name"])

    def test_an_approval_is_used_once_and_what_is_refused_uses_nothing(self):
        used = InMemory()
        other = wanted(GOOD, action=Action("lights.off", {}))
        self.assertEqual(self.reason(redeem, *other, used), "OtherTool")
        approved = redeem(*wanted(GOOD), used)
        self.assertEqual((approved.agent, approved.proven.subject, approved.proven.role), ("Household helper", ACTIONS["subject"], "verified"))
        self.assertEqual(self.reason(redeem, *wanted(GOOD), used), "Used")

    def test_of_all_who_use_an_approval_at_once_one_may_act(self):
        used, told = InMemory(), []
        threads = [threading.Thread(target=lambda: told.append(self.reason(redeem, *wanted(GOOD), used))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(told, key=str), [None, *["Used"] * 7])

    def test_what_cannot_be_marked_as_used_is_refused(self):
        self.assertEqual(self.reason(redeem, *wanted(GOOD), Broken()), "Unrecorded")
        for answer in (None, 1, "no"):
            self.assertEqual(self.reason(redeem, *wanted(GOOD), Saying(answer)), "Used", answer)

    def test_the_record_in_memory_forgets_what_is_too_old_to_be_used(self):
        used = InMemory()
        self.assertEqual([used.take("one", 10, now) for now in (0, 3610, 3611)], [True, False, True])

    def test_a_number_that_is_written_in_another_way_is_no_action(self):
        for value in (1.0, float("nan"), None, {}, b"a", "\ud800", [1], ["a", "\n"]):
            with self.assertRaises(BadAction, msg=repr(value)):
                Action("t", {"a": value})

    def test_a_call_that_forgets_something_is_a_mistake_not_a_lesser_demand(self):
        for name in ("action", "issuer", "client", "auth_req_id", "now", "max_age", "user_verified", "level"):
            for value in (None, 1.5, b"a"):
                with self.assertRaises(TypeError, msg=name):
                    wanted(GOOD, **{name: value})
        for name, value in {"subject": 1001, "now": True, "max_age": "300", "user_verified": 0, "level": "surely"}.items():
            with self.assertRaises(TypeError, msg=name):
                wanted(GOOD, **{name: value})

    def test_a_key_that_is_merely_claimed_is_too_weak_unless_that_is_said_to_be_enough(self):
        case = next(case for case in ACTIONS["cases"] if case["name"] == "by a claimed key")
        approval, asked, keys = wanted(case)
        known = {field.name: getattr(asked, field.name) for field in dataclasses.fields(asked) if field.name != "level"}
        used = InMemory()
        self.assertEqual(self.reason(redeem, approval, Wanted(**known), keys, used), "TooWeak")
        self.assertEqual(redeem(approval, Wanted(**known, level="claimed"), keys, used).proven.level, "claimed")

    def test_what_is_published_and_is_no_key_with_whole_times_is_passed_over(self):
        approval, asked, keys = wanted(GOOD)
        for bad in (None, "0", 1.0, 1.5, True, float("nan"), 2**63, -(2**63) - 1, b"0", []):
            for member in ("not_before", "not_after", "x", "kty"):
                damaged = [{**key, member: bad} for key in keys["keys"] if isinstance(key, dict)]
                self.assertEqual(self.reason(judge, approval, asked, {"keys": damaged}), "UnknownKey", f"{member} {bad!r}")
                self.assertIsNone(self.reason(judge, approval, asked, {"keys": damaged + keys["keys"]}), f"{member} {bad!r}")

    def test_json_has_whole_numbers_in_several_spellings_and_a_number_is_what_was_read(self):
        def spelled(number):
            return canonical(Action(**json.loads(f'{{"tool":"t","parameters":{{"a":{number}}}}}')))

        for number, read in {"1250": "1250", "-0": "0"}.items():
            self.assertEqual(spelled(number), f'{{"parameters":{{"a":{read}}},"tool":"t"}}')
        for number in ("1250.0", "1.25e3", "-0.0", "1250.5"):
            with self.assertRaises(BadAction, msg=number):
                spelled(number)

    def test_a_boolean_is_not_the_number_that_python_takes_it_for(self):
        number = Action("bank.transfer", {**ACTIONS["action"]["parameters"], "urgent": 0})
        self.assertEqual(self.refusal(judge, *wanted(GOOD, action=number)).names, ["urgent"])

    def test_of_a_text_that_is_too_long_no_letter_is_looked_at(self):
        class Long(str):
            def __len__(self):
                return 10_000_000

            def unread(self, *_):
                raise AssertionError("it was read")

            __iter__ = __getitem__ = encode = split = unread

        approval, asked, keys = wanted(GOOD)
        for part in ("prompt", "decision", "receipt"):
            self.assertEqual(self.reason(judge, {**approval, part: Long(approval[part])}, asked, keys), "Signature", part)

    def test_a_request_that_has_no_bytes_is_another_one(self):
        self.assertEqual(self.reason(judge, *wanted(GOOD, auth_req_id="\ud800")), "Request")

    def test_a_string_without_an_end_takes_all_that_is_left(self):
        for text, depth in {'"': 0, '{"a":"' + '\\"[' * 4_000: 1, '[["a\\"","[' + '\\"' * 4_000 + "\\": 2}.items():
            self.assertEqual(nesting(text), depth, text[:8])
            with self.assertRaises(ValueError):
                read_strictly(text.encode())

    def test_a_signed_text_with_a_member_twice_is_not_believed(self):
        self.assertEqual(read_strictly(b'{"a":{"b":"}{"},"b":["a:",1]}'), {"a": {"b": "}{"}, "b": ["a:", 1]})
        for text in ('{"a":1,"a":1}', '{"a":1,"\\u0061":2}', '{"b":[{"a":1 , "a" : 2}]}', "[[[[[[[[[1]]]]]]]]]", "1e999", '"\\ud800"', "NaN"):
            with self.assertRaises(ValueError, msg=text):
                read_strictly(text.encode())


class Types(unittest.TestCase):
    def test_the_package_is_typed_strictly(self):
        package = pathlib.Path(assent_verifier.__file__).parent
        self.assertTrue((package / "py.typed").exists())
        with tempfile.TemporaryDirectory(prefix="assent-mypy-") as cache:
            checked = subprocess.run(
                [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", f"--cache-dir={cache}", package],
                capture_output=True, text=True, timeout=200,
            )
        self.assertEqual(checked.stdout + checked.stderr, "")


if __name__ == "__main__":
    unittest.main()
