"""`json.json`: JSON as this protocol wants it, apart from any message."""

from tools import *

MOST = 16384
FITTING = '"' + "x" * (MOST - 2) + '"'


def arrays(depth):
    return "[" * depth + "]" * depth


def objects(depth):
    return '{"a":' * depth + "1" + "}" * depth


ACCEPTED = [
    ("every kind of value", '{"a":[1,-2,3.5,1e3,true,null,"é\\u00e9"]}'),
    ("white space around it", " [ ] "),
    ("a number alone", "0"),
    ("a text alone", '"x"'),
    ("members of one name in two objects", '{"a":{"b":1},"c":{"b":1}}'),
    ("names that differ in case or form", '{"a":1,"A":2,"\u00e9":3,"e\u0301":4}'),
    ("arrays nested 8 deep", arrays(8)),
    ("objects nested 8 deep", objects(8)),
    ("brackets in a text", json.dumps("[" * 9 + '"' + "{" * 9)),
    ("wide and not deep", "[" + ",".join(["[]"] * 1000) + "]"),
    ("the largest double", "1.7976931348623157e308"),
    ("16,384 bytes", FITTING),
]
REFUSED = [
    ("16,385 bytes", "TooLarge", '"' + "x" * (MOST - 1) + '"'),
    ("16,384 bytes and a space", "TooLarge", FITTING + " "),
    ("16,384 characters in more bytes", "TooLarge", '"\u00e9' + "x" * (MOST - 3) + '"'),
    ("nothing", "Syntax", ""),
    ("white space alone", "Syntax", " "),
    ("two values", "Syntax", "1 2"),
    ("two objects", "Syntax", "{}{}"),
    ("a trailing comma in an array", "Syntax", "[1,]"),
    ("a trailing comma in an object", "Syntax", '{"a":1,}'),
    ("a name without quotes", "Syntax", "{a:1}"),
    ("single quotes", "Syntax", "{'a':1}"),
    ("half a word", "Syntax", "nul"),
    ("a sign before a number", "Syntax", "+1"),
    ("a leading zero", "Syntax", "01"),
    ("a point without a fraction", "Syntax", "1."),
    ("no number", "Syntax", "NaN"),
    ("a number without end", "Syntax", "-Infinity"),
    ("an exponent out of range", "Syntax", "1e999"),
    ("400 digits", "Syntax", "1" * 400),
    ("a control character in a text", "Syntax", '"\x01"'),
    ("a byte order mark", "Syntax", "\ufeff1"),
    ("half a surrogate pair", "Syntax", '"\\ud800"'),
    ("a comment", "Syntax", "/**/1"),
    ("a byte that is no UTF-8", "NotUtf8", b'"\xff"'),
    ("an overlong encoding", "NotUtf8", b'"\xc0\xaf"'),
    ("a member twice", "DuplicateMember", '{"a":1,"a":1}'),
    ("a member twice with others between", "DuplicateMember", '{"a":1,"b":2,"a":3}'),
    ("a member twice, once escaped", "DuplicateMember", '{"a":1,"\\u0061":2}'),
    ("a member without a name twice", "DuplicateMember", '{"":1,"":1}'),
    ("a member twice further in", "DuplicateMember", '[{"x":{"y":1,"y":2}}]'),
    ("arrays nested 9 deep", "TooDeep", arrays(9)),
    ("objects nested 9 deep", "TooDeep", objects(9)),
    ("both nested 9 deep", "TooDeep", '[{"a":' * 4 + "[]" + "}]" * 4),
]


def given(text):
    """`bytes` in base64url where it is no text."""
    return {"text": text} if isinstance(text, str) else {"bytes": b64(text)}


write(
    "json.json",
    {
        "accepted": [{"name": name, **given(text)} for name, text in ACCEPTED],
        "refused": [{"name": name, "error": f"Json({error})", **given(text)} for name, error, text in REFUSED],
    },
)
