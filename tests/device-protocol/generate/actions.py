"""`actions.json`: what an agent may ask to do, its digest and its lines, and whether an approval is one of this action."""

import json

from approvals import DEVICE, ISSUER, KEYS_PUBLISHED, NOW, OTHER, approval
from flow import AUTH_REQ_ID, MESSAGES, display_digest, prompt_payload
from tools import b64, sha, write

WHAT = {"label": "What", "value": "Action by a software agent"}


def canonical(tool, parameters):
    return json.dumps({"parameters": parameters, "tool": tool}, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def detail(tool, parameters, agent=None, /, **other):
    named = {"agent": agent} if agent else {}
    made = {"type": "agent_action", **named, "tool": tool, "parameters": parameters, "digest": b64(sha(canonical(tool, parameters)))}
    return {name: value for name, value in {**made, **other}.items() if value is not ...}


def written(value):
    return ("false", "true")[value] if isinstance(value, bool) else str(value)


def lines(asked):
    shown = [WHAT, *({"label": "Agent", "value": asked["agent"]} for _ in range("agent" in asked)), {"label": "Tool", "value": asked["tool"]}]
    for name, value in sorted(asked["parameters"].items()):
        if isinstance(value, list):
            shown += [{"label": f"Parameter {name} ({at} of {len(value)})", "value": item} for at, item in enumerate(value, 1)]
        else:
            shown.append({"label": f"Parameter {name}", "value": written(value)})
    return shown


ACCEPTED, REFUSED, UNSHOWABLE, CASES = [], [], [], []


def accepted(name, asked):
    ACCEPTED.append({"name": name, "detail": asked, "canonical": canonical(asked["tool"], asked["parameters"]), "lines": lines(asked)})


def refused(name, error, asked):
    (UNSHOWABLE if error == "Text" else REFUSED).append({"name": name, "error": error, "detail": asked})


TOOL, PARAMETERS = "bank.transfer", {"to": "DE02 1203 0000 0000 2020 51", "cents": 12_550, "urgent": False, "notify": ["anna", "ben"]}
ASKED = detail(TOOL, PARAMETERS, "Household helper")

accepted("all kinds of values", ASKED)
accepted("no parameters and no agent", detail("lights.off", {}))
accepted("names are in the order of ASCII", detail("t", {"b": 1, "B": 2, "a-b": 3, "a_b2": 4, "aa": 5}))
accepted("what is escaped, and what is not", detail("t", {"text": "\"quoted\" \\ / \u00e9 \u2192 \U0001F600"}))
accepted("the greatest numbers", detail("t", {"most": 2**53 - 1, "least": -(2**53 - 1), "none": 0}))
accepted("names that every object has", detail("t", {"constructor": "a", "toString": True}))
accepted("a list of one, and of eight", detail("t", {"one": ["a"], "eight": list("abcdefgh")}))
accepted("sixteen parameters", detail("t", {f"p{number}": number for number in range(16)}))
accepted("the longest texts", detail("\u00fc" * 60, {"a" * 40: "\u00fc" * 200}, "\u00fc" * 60))

for name, asked in (
    ("an object as a value", detail("t", {"a": {"b": 1}})),
    ("a list of lists", detail("t", {"a": [["b"]]})),
    ("a list of numbers", detail("t", {"a": [1]})),
    ("null as a value", detail("t", {"a": None})),
    ("a fraction", detail("t", {"a": 1.5})),
    ("no parameters at all", detail("t", {}, parameters=...)),
    ("parameters as a list", detail("t", {}, parameters=[])),
    ("no tool", detail("t", {}, tool=...)),
    ("a tool that is no text", detail("t", {}, tool=1)),
    ("no digest", detail("t", {}, digest=...)),
    ("a digest with padding", detail("t", {}, digest=detail("t", {})["digest"] + "=")),
    ("an agent that is no text", detail("t", {}) | {"agent": 5}),
    ("an agent that is null", detail("t", {}) | {"agent": None}),
    ("another member", detail("t", {}, locations=["https://bank.example"])),
    ("another type", detail("t", {}, type="payment")),
):
    refused(name, "Form", asked)
for name in ("", "1a", "_a", "-a", "a b", "a.b", "\u00e4", "\u0430mount", "a" * 41, "__proto__"):
    refused(f"a parameter called {name!a}", "Name", detail("t", {name: 1}))
refused("seventeen parameters", "Bounds", detail("t", {f"p{number}": number for number in range(17)}))
refused("an empty list", "Bounds", detail("t", {"a": []}))
refused("a list of nine", "Bounds", detail("t", {"a": list("abcdefghi")}))
refused("a number that others may round", "Bounds", detail("t", {"a": 2**53}))
refused("a negative number that others may round", "Bounds", detail("t", {"a": -(2**53)}))
refused("the digest of other parameters", "Digest", detail("t", {"a": 1}, digest=detail("t", {"a": 2})["digest"]))
refused("the digest of another tool", "Digest", detail("t", {"a": 1}, digest=detail("u", {"a": 1})["digest"]))
refused("the digest of a text for a number", "Digest", detail("t", {"a": 1}, digest=detail("t", {"a": "1"})["digest"]))
for name, text in (
    ("nothing", ""),
    ("a control character", "a\u0007b"),
    ("two lines", "a\nb"),
    ("a right-to-left override", "a\u202eb"),
    ("an isolate", "a\u2066b"),
    ("a space of no width", "a\u200bb"),
    ("a tag character", "a\U000E0041b"),
    ("a decomposed letter", "e\u0301"),
    ("markup", "<b>a"),
    ("a URL", "https://bank.example/pay"),
    ("a space before", " a"),
    ("a space behind", "a "),
    ("two spaces", "a  b"),
    ("a space that does not break", "a\u00a0b"),
    ("201 characters", "a" * 201),
):
    refused(f"{name} as a value", "Text", detail("t", {"a": text}))
    refused(f"{name} in a list", "Text", detail("t", {"a": ["b", text]}))
    refused(f"{name} as a tool", "Text", detail(text, {}))
    refused(f"{name} as an agent", "Text", detail("t", {}) | {"agent": text})
refused("a tool of 61 characters", "Text", detail("a" * 61, {}))


WHO = [{"label": "Who asks", "value": prompt_payload["client"]["name"]}, {"label": "Message", "value": prompt_payload["binding_message"]}]


def asking(*details, shown=None):
    """What a prompt says that asks for these."""
    return {"authorization_details": list(details), "display": shown or WHO + [line for asked in details for line in lines(asked)]}


def case(name, reason, asked=ASKED, prompt_says=None, **given):
    changes = {change: given.pop(change) for change in ("by", "receipt_says", "decision_says", "role") if change in given}
    made = given.pop("approval", ...)
    made = approval(prompt_says={**asking(asked), **(prompt_says or {})}, **changes) if made is ... else made
    CASES.append({"name": name, "reason": reason, "approval": made, **given})


def of(**parameters):
    """The action, with other parameters."""
    other = {name: value for name, value in {**PARAMETERS, **parameters}.items() if value is not ...}
    return {"tool": TOOL, "parameters": other}


case("as it is", None)
case("of whomever the agent asked", None, subject=None)
case("by device, where that is enough", None, by="device", receipt_says={"key": DEVICE.jwk}, user_verified=False)
case("without a name of the agent", None, asked=detail(TOOL, PARAMETERS))
case("of nothing but a tool", None, asked=detail("lights.off", {}), action={"tool": "lights.off", "parameters": {}})
case("in its last second", None, now=NOW + 121 + 300)
case("that is not there", "Missing", approval=None)
case("of another tool", "OtherTool", action={"tool": "bank.standing-order", "parameters": PARAMETERS})
case("of another amount", "OtherParameters", action=of(cents=12_551), names=["cents"])
case("of one parameter less", "OtherParameters", action=of(express=True), names=["express"])
case("of one parameter more", "OtherParameters", action=of(urgent=...), names=["urgent"])
case("of a number that is a text here", "OtherParameters", action=of(cents="12550"), names=["cents"])
case("of a boolean that is a text here", "OtherParameters", action=of(urgent="false"), names=["urgent"])
case("of a list in another order", "OtherParameters", action=of(notify=["ben", "anna"]), names=["notify"])
case("of a list that is one text here", "OtherParameters", action=of(notify="anna, ben"), names=["notify"])
case("of two other parameters", "OtherParameters", action=of(cents=1, to="DE00"), names=["cents", "to"])
case("of a digest that is right and parameters that are not", "NoAction", asked={**ASKED, "parameters": of(cents=1)["parameters"]})
case("of a login", "NoAction", prompt_says={"authorization_details": []})
case("of something of another type", "NoAction", prompt_says={"authorization_details": [{"type": "payment", "to": "anna"}]})
case("of two actions", "NoAction", prompt_says=asking(ASKED, detail("lights.off", {})))
case("of which a parameter was not shown", "NotShown", prompt_says=asking(ASKED, shown=WHO + lines(ASKED)[:-1]))
case("of which another amount was shown", "NotShown", prompt_says=asking(ASKED, shown=WHO + lines(detail(TOOL, of(cents=1)["parameters"], "Household helper"))))
case("of which the lines were shown among others", "NotShown", prompt_says=asking(ASKED, shown=lines(ASKED)[:2] + WHO + lines(ASKED)[2:]))
EXTRA = {"label": "Parameter to", "value": "anna"}
for label in ("What", "Agent", "Tool", "Parameter to", "Parameter notify (3 of 3)", "Parameter "):
    extra = [{"label": label, "value": "anna"}]
    case(f"of which another line called {label!r} was shown before", "NotShown", prompt_says=asking(ASKED, shown=WHO + extra + lines(ASKED)))
    case(f"of which another line called {label!r} was shown behind", "NotShown", prompt_says=asking(ASKED, shown=WHO + lines(ASKED) + extra))
case("of which a line was shown at the very first", "NotShown", prompt_says=asking(ASKED, shown=[EXTRA] + WHO + lines(ASKED)))
case("of which a line was shown twice", "NotShown", prompt_says=asking(ASKED, shown=WHO + lines(ASKED) + lines(ASKED)[-1:]))
case("of which nothing was shown", "NotShown", prompt_says=asking(ASKED, shown=WHO))
case("of a prompt without lines", "NotShown", prompt_says={"authorization_details": [ASKED], "display": []})
for label in ("Access to", "Parameters", "what", "Toolbox"):
    other = [{"label": label, "value": "anna"}]
    case(f"with another line called {label!r} before it and behind it", None, prompt_says=asking(ASKED, shown=WHO + other + lines(ASKED) + other))
case("of whom nobody should have asked", "OtherSubject", subject="another")
case("by device", "NotVerified", by="device", receipt_says={"key": DEVICE.jwk})
case("by a key that its app vouches for", None, receipt_says={"level": "app"})
case("by a claimed key, where that is enough", None, receipt_says={"level": "claimed"}, level="claimed")
case("by an attested key, where it must be one", None, level="attested")
case("by a claimed key", "TooWeak", receipt_says={"level": "claimed"})
case("by a key that its app vouches for, where it must be attested", "TooWeak", receipt_says={"level": "app"}, level="attested")
case("by a claimed device, where a device is enough", "TooWeak", by="device", receipt_says={"key": DEVICE.jwk, "level": "claimed"}, user_verified=False)
case("by a claimed device", "NotVerified", by="device", receipt_says={"key": DEVICE.jwk, "level": "claimed"})
case("a second too late", "TooOld", now=NOW + 121 + 301)
case("handed to another client", "Client", client="bank")
case("of another issuer", "Issuer", issuer="https://other.example")
case("of another request", "Request", auth_req_id="another request")
case("that is a denial", "Denied", decision_says={"decision": "deny", "match": ..., "reason": "not_me"})
case("by a key that the receipt does not name", "Signature", receipt_says={"key": OTHER.jwk})
case("of lines that the phone did not sign", "Unanswered", decision_says={"dh": b64(display_digest(WHO))})
case("of a time to come", "Times", now=NOW)

write(
    "actions.json",
    {
        "accepted": ACCEPTED,
        "refused": REFUSED,
        "unshowable": UNSHOWABLE,
        "keys": {"keys": KEYS_PUBLISHED},
        "issuer": ISSUER,
        "client": "shop",
        "auth_req_id": AUTH_REQ_ID,
        "now": NOW + 200,
        "subject": MESSAGES["receipt"]["sub"],
        "action": {"tool": TOOL, "parameters": PARAMETERS},
        "user_verified": True,
        "level": "app",
        "max_age": 300,
        "cases": CASES,
    },
)
