"""`judged.json`: what a phone believes of a server, and why it does not: key lists, offers, prompts, results, revocations."""

from flow import *

T0 = NOW + 110
CASES = []


def by(key, typ, payload):
    return jws(header(typ, kid=b64(key.thumbprint)), payload, key)


KEY_LIST = MESSAGES["keys"]
ENTRY = KEY_LIST["keys"][0]


def keys(**changes):
    return by(ROOT, "keys", {**KEY_LIST, **changes})


GOOD_KEYS = keys()


def case(name, reason, message, **given):
    """`given` changes what the phone holds or is asked; `reason` is null where the message is believed."""
    CASES.append({"name": name, "reason": reason, "message": message, **given})


def variants(typ, payload, now, wrong, label=None, **given):
    """The message as it is, and one change at a time."""
    label, given = label or typ, {**given, "typ": f"adp-{typ}+jwt"}
    case(f"{label} as it is", None, by(SIGNING, typ, payload), now=now, **given)
    for name, reason, changes in wrong:
        case(f"{label} {name}", reason, by(SIGNING, typ, {**payload, **changes}), now=now, **given)
    impostor = jws(header(typ, kid=b64(SIGNING.thumbprint)), payload, OTHER)
    case(f"{label} signed by another key under the right name", "BadSignature", impostor, now=now, **given)
    case(f"{label} signed by a key that is not listed", "UnknownKey", by(DEVICE, typ, payload), now=now, **given)
    case(f"{label} signed by the root", "UnknownKey", by(ROOT, typ, payload), now=now, **given)
    case(f"{label} that brings its key", "UnknownKey", jws(header(typ, jwk=SIGNING.jwk), payload, SIGNING), now=now, **given)
    case(f"{label} signed by a key that the list only revokes", "KeyNotValid", by(OTHER, typ, payload), now=now, **given)
    revoked = keys(revoked=[b64(SIGNING.thumbprint)])
    case(f"{label} signed by a revoked key", "KeyNotValid", by(SIGNING, typ, payload), now=now, **given, keys=revoked)
    over = keys(keys=[{**ENTRY, "not_after": now - 1}])
    case(f"{label} signed by a key whose time is over", "KeyNotValid", by(SIGNING, typ, payload), now=now, **given, keys=over)
    early = keys(keys=[{**ENTRY, "not_before": now + 1}])
    case(f"{label} signed by a key whose time has not come", "KeyNotValid", by(SIGNING, typ, payload), now=now, **given, keys=early)
    long = keys(keys=[{**ENTRY, "not_after": ENTRY["not_before"] + 400 * 86400 + 1}])
    case(f"{label} signed by a key of more than 400 days", "KeyNotValid", by(SIGNING, typ, payload), now=now, **given, keys=long)


OTHER_AUD, OTHER_ID = b64(OTHER.thumbprint), ident("something else")
VERSION, ISSUER_ = ("of version 2", "Version", {"v": 2}), ("of another issuer", "Issuer", {"iss": "https://other.example"})
AUDIENCE = ("for another phone", "Audience", {"aud": OTHER_AUD})

# Key lists: the message is a list, `held` the one that the phone holds, if any.
case("the first key list", None, GOOD_KEYS, typ="adp-keys+jwt")
case("the key list that is held", None, GOOD_KEYS, typ="adp-keys+jwt", held=GOOD_KEYS)
case("a newer key list", None, keys(sequence=8), typ="adp-keys+jwt", held=GOOD_KEYS)
case("an older key list", "OldKeyList", keys(sequence=6), typ="adp-keys+jwt", held=GOOD_KEYS)
case("another key list of the same number", "OldKeyList", keys(revoked=[]), typ="adp-keys+jwt", held=GOOD_KEYS)
case("a key list of another issuer", "Issuer", keys(iss="https://other.example"), typ="adp-keys+jwt")
case("a key list of version 2", "Version", keys(v=2), typ="adp-keys+jwt")
case("a key list signed by a signing key", "BadSignature", by(SIGNING, "keys", KEY_LIST), typ="adp-keys+jwt")
case("a key list of another type", "Typ", by(ROOT, "prompt", KEY_LIST), typ="adp-keys+jwt")
case("a key list under another root than the pinned one", "Root", GOOD_KEYS, typ="adp-keys+jwt", root=OTHER.jwk)

# Another root: `successions` are the configuration's, `root` the one it names; `held` is a list by the root in the ticket,
# and `moved` says by which root, successions and list the phone has moved to another root before.


def step(sequence, roots, by=None, **changes):
    """A list under this number that these roots are to sign, and these keys do."""
    signers = [(header("keys", jwk=root.jwk), key) for root, key in zip(roots, by or roots)]
    return general({**KEY_LIST, "sequence": sequence, **changes}, signers)


def list_by(root, sequence):
    return jws(header("keys", kid=b64(root.thumbprint)), {**KEY_LIST, "sequence": sequence}, root)


def root_case(name, reason, steps, root=NEXT_ROOT, sequence=8, by=None, **given):
    case(name, reason, list_by(by or root, sequence), typ="adp-keys+jwt", root=root.jwk, successions=steps, **given)


ON, TURNED = [ROOT, NEXT_ROOT], [NEXT_ROOT, ROOT]
STEP = step(8, ON)
MOVED = {"root": NEXT_ROOT.jwk, "successions": [STEP], "keys": list_by(NEXT_ROOT, 8)}
root_case("a new root by the old one and itself", None, [STEP])
root_case("a new root, and a later list of it", None, [STEP], sequence=12)
root_case("a new root again", None, [STEP], moved=MOVED)
root_case("two new roots, one after the other", None, [STEP, step(9, [NEXT_ROOT, OTHER])], root=OTHER, sequence=10)
root_case("a second new root for a phone that has the first", None, [STEP, step(9, [NEXT_ROOT, OTHER])], root=OTHER, sequence=10, moved=MOVED)
root_case("the root that is pinned, whatever else stands there", None, [step(9, [OTHER, NEXT_ROOT], [OTHER, OTHER])], root=ROOT, sequence=9)
ELSEWHERE = general({}, [(header("keys", jwk=root.jwk), root) for root in [OTHER, NEXT_ROOT]])
root_case("a new root by the thirty-second step, the others read over", None, [ELSEWHERE] * 31 + [STEP])
root_case("a new root by the thirty-third step", "Root", [ELSEWHERE] * 32 + [STEP])
root_case("a new root that nobody vouches for", "Root", [])
root_case("a new root signed by itself alone", "BadSignature", [step(8, ON, [NEXT_ROOT, NEXT_ROOT])])
root_case("a new root signed by the old one alone", "BadSignature", [step(8, ON, [ROOT, ROOT])])
root_case("a new root with one signature", "Root", [{**STEP, "signatures": STEP["signatures"][1:]}])
root_case("a new root with the old one's signature only", "Root", [{**STEP, "signatures": STEP["signatures"][:1]}])
root_case("a new root with a third signature", "Malformed", [{**STEP, "signatures": STEP["signatures"] + STEP["signatures"][:1]}])
root_case("a new root with its signatures exchanged", "BadSignature", [step(8, ON, TURNED)])
root_case("a new root that signed before the old one", "Root", [step(8, TURNED)])
root_case("a new root in the name of the old one by a third", "BadSignature", [step(8, ON, [OTHER, NEXT_ROOT])])
root_case("a new root by one that is not pinned", "Root", [step(8, [OTHER, NEXT_ROOT])])
root_case("a new root of another issuer's", "Issuer", [step(8, ON, iss="https://other.example")], sequence=9)
root_case("a new root by a list of version 2", "Version", [step(8, ON, v=2)], sequence=9)
root_case("a new root with the number that is held", "OldKeyList", [step(7, ON)])
root_case("a new root with a lower number", "OldKeyList", [step(6, ON)])
root_case("a new root whose list is older than the step to it", "OldKeyList", [step(9, ON)])
root_case("a new root whose list the old one signed", "BadSignature", [STEP], by=ROOT)
root_case("a gap between roots", "Root", [step(9, [OTHER, NEXT_ROOT])], sequence=10)
root_case("the old root after the change", "Root", [STEP], root=ROOT, sequence=9, moved=MOVED)
root_case("the list before the change, replayed", "Root", [], root=ROOT, sequence=7, moved=MOVED)
root_case("a way back that the old root alone signed", "BadSignature", [step(9, TURNED, [ROOT, ROOT])], root=ROOT, sequence=9, moved=MOVED)
root_case("an older list of the new root", "OldKeyList", [STEP], sequence=7, moved=MOVED)

variants(
    "offer",
    MESSAGES["offer"],
    NOW + 2,
    [
        VERSION,
        ISSUER_,
        ("for another key", "Audience", {"aud": OTHER_AUD}),
        ("for another ticket", "Ticket", {"th": b64(ticket_hash(ROOT.thumbprint, CODE, TICKET_EXPIRES + 1))}),
        ("for another code", "Ticket", {"th": b64(ticket_hash(ROOT.thumbprint, bits("other"), TICKET_EXPIRES))}),
        ("whose time is over", "Expired", {"exp": NOW + 2}),
    ],
)
variants(
    "enrolment",
    enrolment,
    NOW + 7,
    [
        VERSION,
        ISSUER_,
        AUDIENCE,
        ("of another enrolment", "Audience", {"enr": OTHER_ID}),
        ("about another finish", "Finish", {"fh": OTHER_AUD}),
        ("with another nonce than the committed one", "Commitment", {"nonce": OTHER_ID}),
    ],
)

# Another `device` key: what the server answers is for the key that speaks from then on.
NEXT_DEVICE = Key("next device")
SENT = general(
    {"iss": DEVICE_ID, "aud": ISSUER, "device": NEXT_DEVICE.jwk, "iat": NOW + 600, "v": 1},
    [(header("rotation", jwk=NEXT_DEVICE.jwk), NEXT_DEVICE), (header("rotation", kid=DEVICE_KID), DEVICE)],
)
ANSWER = {
    **enrolment,
    "aud": b64(NEXT_DEVICE.thumbprint),
    "state": "active",
    "nonce": b64(bytes(16)),
    "fh": b64(labelled("adp1-finish", SENT["payload"].encode())),
    "now": NOW + 601,
}
variants(
    "enrolment",
    ANSWER,
    NOW + 602,
    [
        VERSION,
        ISSUER_,
        AUDIENCE,
        ("for the key before", "Audience", {"aud": AUD}),
        ("that waits", None, {"state": "unconfirmed", "aud": AUD}),
        ("that waits, for the key that does not speak yet", "Audience", {"state": "unconfirmed"}),
        ("of another enrolment", "Audience", {"enr": OTHER_ID}),
        ("of another phone", "Audience", {"device": OTHER_ID}),
        ("about another rotation", "Finish", {"fh": b64(FINISH_HASH)}),
    ],
    label="answer to a rotation",
    rotation=SENT,
)


def texts(**changes):
    return {**prompt_payload, **changes}


DISPLAY = [{"label": "Who asks", "value": prompt_payload["client"]["name"]}, {"label": "Message", "value": "W4SCT"}]
DISPLAY.append({"label": "Betrag", "value": "123,50 €"})
SHOWN = texts(display=DISPLAY)
CLIENT, LONG = SHOWN["client"], "x" * 101
variants(
    "prompt",
    SHOWN,
    T0,
    [
        VERSION,
        ISSUER_,
        AUDIENCE,
        ("for another enrolment", "Audience", {"enr": OTHER_ID}),
        ("whose time is over", "Expired", {"exp": T0}),
        ("of a kind that nobody knows", "Json(Shape)", {"kind": "login"}),
        ("that hides its client", "Hidden", {"display": DISPLAY[1:]}),
        ("that hides its message", "Hidden", {"display": [DISPLAY[0], DISPLAY[2]]}),
        ("that hides its details", "Hidden", {"display": DISPLAY[:2]}),
        ("whose message turns around", "BidiControl", {"binding_message": "Pay \u202e12 EUR", "display": [DISPLAY[0], {"label": "Message", "value": "Pay \u202e12 EUR"}]}),
        ("whose message holds an invisible letter", "Invisible", {"binding_message": "W4\u200bSCT", "display": [DISPLAY[0], {"label": "Message", "value": "W4\u200bSCT"}]}),
        ("whose message alone turns around", "BidiControl", {"kind": "test", "binding_message": "Pay \u202e12 EUR"}),
        ("whose message is too long for one, and not for a line", "TooLong", {"binding_message": LONG, "display": [DISPLAY[0], {"label": "Message", "value": LONG}, DISPLAY[2]]}),
        ("of our own that shows nothing", "Hidden", {"kind": "test", "authorization_details": [], "display": []}),
        ("whose client's name is a link", "Url", {"client": {**CLIENT, "name": "https://shop.example"}}),
        ("whose client's name is too long", "TooLong", {"client": {**CLIENT, "name": "x" * 61}}),
        ("with a line of two lines", "LineBreak", {"display": [*DISPLAY, {"label": "Betrag", "value": "1 €\n2 €"}]}),
        ("with markup in a label", "Markup", {"display": [*DISPLAY, {"label": "<b>Betrag</b>", "value": "1 €"}]}),
        ("with a line that is too long", "TooLong", {"display": [*DISPLAY, {"label": "Betrag", "value": "x" * 201}]}),
        ("whose context is too long", "TooLong", {"context": [{"label": "Shop says", "value": "x" * 101}]}),
        ("whose context is blank", "Blank", {"context": [{"label": "Shop says", "value": " "}]}),
        ("with markup in a label of its context", "Markup", {"context": [{"label": "<b>Shop</b> says", "value": "Bestellung 4711"}]}),
        ("whose context has a label that is too long", "TooLong", {"context": [{"label": LONG, "value": "Bestellung 4711"}]}),
    ],
)
variants(
    "result",
    result,
    NOW + 122,
    [
        VERSION,
        ISSUER_,
        AUDIENCE,
        ("about another prompt", "Result", {"prompt": OTHER_ID}),
        ("about another decision", "Result", {"decision": OTHER_ID}),
        ("about other bytes", "Result", {"hash": OTHER_AUD}),
    ],
)
variants(
    "revocation",
    revocation,
    NOW + 501,
    [VERSION, ISSUER_, AUDIENCE, ("of another enrolment", "Audience", {"enr": OTHER_ID})],
)
variants(
    "history",
    history,
    NOW + 151,
    [VERSION, ISSUER_, AUDIENCE, ("of another enrolment", "Audience", {"enr": OTHER_ID})],
)
variants(
    "blocks",
    blocks,
    NOW + 151,
    [VERSION, ISSUER_, AUDIENCE, ("of another enrolment", "Audience", {"enr": OTHER_ID})],
)

write(
    "judged.json",
    {
        "ticket": f"{ISSUER}/enrol#v=1&c={b64(CODE)}&k={b64(ROOT.thumbprint)}&x={TICKET_EXPIRES}",
        "root": ROOT.jwk,
        "keys": GOOD_KEYS,
        "device": DEVICE.jwk,
        "offer": offer,
        "finish": finish_general,
        "decision": decision,
        "cases": CASES,
    },
)
