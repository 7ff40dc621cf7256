"""`messages/`: one enrolment and one approval, from ticket to receipt."""

from tools import *

ISSUER, NOW = "https://op.example", 1_790_000_000
CODE, SERVER_NONCE = bits("ticket"), bits("server nonce")
TICKET_EXPIRES = NOW + 300
AUTH_REQ_ID = "1c266114-a1be-4252-8ad1-04986c5b9ac1"
MESSAGES, SIGNED = {}, []


def signed(name, typ, payload, key_name, **hint):
    MESSAGES[name] = payload
    text = jws(header(typ, **hint), payload, KEYS[key_name])
    SIGNED.append({"name": name, "typ": f"adp-{typ}+jwt", "key": key_name, "jws": text})
    return text


def display_digest(lines):
    parts = [text.encode() for line in lines for text in (line["label"], line["value"])]
    return labelled("adp1-display", *(len(part).to_bytes(4, "big") + part for part in parts))


def ticket_hash(root, code, expires):
    return labelled("adp1-ticket", root, labelled("adp1-ticket-id", code), expires.to_bytes(8, "big", signed=True))


def check_digits(offer, finish, nonce):
    digest = labelled("adp1-sas", offer, finish, nonce)
    return f"{int.from_bytes(digest[:8], 'big') % 1_000_000:06}"


signed("begin", "begin", {"aud": ISSUER, "code": b64(CODE), "jwk": DEVICE.jwk, "iat": NOW, "v": 1}, "device", jwk=DEVICE.jwk)

BY_SIGNING = {"kid": b64(SIGNING.thumbprint)}
AUD = b64(DEVICE.thumbprint)
offer = signed(
    "offer",
    "offer",
    {
        "iss": ISSUER,
        "aud": AUD,
        "enr": ident("enrolment"),
        "account": "j…@example.com",
        "policy": {"confirm": "page", "attestation": "record", "verified": "biometric", "push": "sealed"},
        "att_nonce": ident("attestation nonce"),
        "cs": b64(labelled("adp1-cs", SERVER_NONCE)),
        "th": b64(ticket_hash(ROOT.thumbprint, CODE, TICKET_EXPIRES)),
        "iat": NOW + 1,
        "exp": NOW + 301,
        "v": 1,
    },
    "signing",
    **BY_SIGNING,
)
OFFER_HASH = sha(offer)

finish = {
    "aud": ISSUER,
    "enr": ident("enrolment"),
    "oh": b64(OFFER_HASH),
    "device": DEVICE.jwk,
    "verified": VERIFIED.jwk,
    "verified_kind": "biometric",
    "sealing": SEALING.jwk,
    "info": {
        "name": "Jana’s phone",
        "model": "Pixel 11",
        "os": "Android 17",
        "app": {"id": "com.example.approve", "version": "1.0.0"},
    },
    "push": {"channel": "fcm", "platform": "android", "target": {"fid": "cNq9ZQ0nT1aVexample"}},
    "capabilities": ["unicode-18"],
    "evidence": {"fmt": "android-key", "data": b64(b"a certificate chain")},
    "iat": NOW + 5,
    "v": 1,
}
MESSAGES["finish"] = finish
MESSAGES["finish-poll-only"] = {
    **finish,
    "verified_kind": "credential",
    "push": {"channel": "none"},
    "capabilities": [],
    "evidence": {"fmt": "none", "data": ""},
}
MESSAGES["finish-ios"] = {
    **finish,
    "push": {"channel": "fcm", "platform": "ios", "target": {"token": "fGci:APA91bexample"}},
    "evidence": {"fmt": "apple-appattest", "data": b64(b"a CBOR object")},
}


def general(payload, signers, encoded=None):
    encoded = encoded or b64(compact(payload))
    entries = []
    for protected, key in signers:
        protected = b64(compact(protected))
        entries.append({"protected": protected, "signature": b64(key.sign(f"{protected}.{encoded}".encode()))})
    return {"payload": encoded, "signatures": entries}


FINISH_SIGNERS = [(header("finish", jwk=DEVICE.jwk), DEVICE), (header("finish", jwk=VERIFIED.jwk), VERIFIED)]
finish_general = general(finish, FINISH_SIGNERS)
FINISH_HASH = labelled("adp1-finish", finish_general["payload"].encode())

enrolment = {
    "iss": ISSUER,
    "aud": AUD,
    "enr": ident("enrolment"),
    "device": DEVICE_ID,
    "state": "unconfirmed",
    "nonce": b64(SERVER_NONCE),
    "fh": b64(FINISH_HASH),
    "now": NOW + 6,
    "v": 1,
}
signed("enrolment", "enrolment", enrolment, "signing", **BY_SIGNING)
for state in ["active", "cancelled", "revoked"]:
    MESSAGES["enrolment-" + state] = {**enrolment, "state": state, "now": NOW + 30}
# What `GET /device/v1/self` says of an enrolled phone.
STANDING = {
    **{name: value for name, value in enrolment.items() if name not in ("now", "v")},
    "state": "active",
    "nonce": b64(bytes(16)),
    "fh": b64(bytes(32)),
    "policy": {"confirm": "page", "attestation": "record", "verified": "biometric", "push": "wake"},
    "now": NOW + 121,
    "v": 1,
}
signed("enrolment-standing", "enrolment", STANDING, "signing", **BY_SIGNING)

prompt_payload = {
    "iss": ISSUER,
    "aud": AUD,
    "enr": ident("enrolment"),
    "jti": ident("prompt"),
    "kind": "ciba",
    "nonce": ident("prompt nonce"),
    "iat": NOW + 100,
    "exp": NOW + 208,
    "v": 1,
    "req": b64(labelled("adp1-req", AUTH_REQ_ID.encode())),
    "client": {
        "id": "shop",
        "name": "Beispiel-Händler GmbH",
        "verified": True,
        "logo": {"path": "/logos/shop.png", "sha256": b64(sha(b"a PNG"))},
    },
    "binding_message": "W4SCT",
    "scope": ["openid", "payment"],
    "resource": ["https://bank.example/payments"],
    "authorization_details": [
        {
            "amount": {"currency": "EUR", "value": 123.5},
            "creditor": "Merchant A",
            "iban": "DE02100100109307118603",
            "type": "payment_initiation",
        }
    ],
    "display": [
        {"label": "Betrag", "value": "123,50 €"},
        {"label": "Empfänger", "value": "Merchant A"},
        {"label": "Konto", "value": "DE02100100109307118603"},
    ],
    "acr": "urn:assent:acr:uv",
    "uv": "required",
    "match": {"mode": "enter", "length": 2},
    "context": [{"label": "Beispiel-Händler GmbH says", "value": "Bestellung 4711"}],
    "lang": "de",
}
prompt = signed("prompt", "prompt", prompt_payload, "signing", **BY_SIGNING)

minimal = {
    **{name: prompt_payload[name] for name in ["iss", "aud", "enr"]},
    "jti": ident("minimal prompt"),
    "kind": "add-device",
    "nonce": ident("minimal prompt nonce"),
    "iat": NOW,
    "exp": NOW + 60,
    "v": 1,
    "req": b64(labelled("adp1-req", b"")),
    "client": {"id": "self-service", "name": "Assent", "verified": False},
    "scope": [],
    "resource": [],
    "authorization_details": [],
    "display": [{"label": "New device", "value": "Pixel 11"}],
    "uv": "preferred",
    "match": {"mode": "none", "length": 2},
    "context": [],
    "lang": "en",
}
MESSAGES["prompt-minimal"] = minimal
for kind in ["rotate", "notice"]:
    MESSAGES["prompt-" + kind] = {**minimal, "kind": kind, "jti": ident(kind + " prompt")}
MESSAGES["prompt-test"] = {**minimal, "kind": "test", "uv": "none", "display": [{"label": "Message", "value": "This is a test"}]}

approve = {
    "iss": DEVICE_ID,
    "aud": ISSUER,
    "jti": ident("decision"),
    "iat": NOW + 120,
    "v": 1,
    "prompt": ident("prompt"),
    "nonce": ident("prompt nonce"),
    "ph": b64(sha(prompt)),
    "dh": b64(display_digest(prompt_payload["display"])),
    "decision": "approve",
    "match": "07",
    "uv": "biometric",
    "ctr": 1,
}
decision = signed("decision-approve", "decision", approve, "verified", kid=VERIFIED_KID)
deny = {**{k: approve[k] for k in list(approve)[:9]}, "decision": "deny", "reason": "not_me", "uv": "none", "ctr": 2}
signed("decision-deny", "decision", deny, "device", kid=DEVICE_KID)
for reason, uv in [("wrong_details", "credential"), ("cancelled", "unknown")]:
    MESSAGES["decision-deny-" + reason.replace("_", "-")] = {**deny, "reason": reason, "uv": uv, "ctr": 2**64 - 1}

result = {
    "iss": ISSUER,
    "aud": AUD,
    "prompt": ident("prompt"),
    "decision": ident("decision"),
    "hash": b64(sha(decision)),
    "outcome": "approved",
    "received_at": NOW + 121,
    "v": 1,
}
signed("result", "result", result, "signing", **BY_SIGNING)
for outcome in ["denied", "disputed"]:
    MESSAGES["result-" + outcome] = {**result, "outcome": outcome}

signed(
    "proof",
    "proof",
    {
        "htm": "POST",
        "htu": f"{ISSUER}/device/v1/prompts/{ident('prompt')}/decision",
        "iat": NOW + 120,
        "jti": ident("proof"),
        "nonce": "AAAAAGqyFKA.c2VydmVyIG5vbmNl",
        "bh": b64(sha(b"")),
    },
    "device",
    kid=DEVICE_KID,
)
signed(
    "keys",
    "keys",
    {
        "iss": ISSUER,
        "sequence": 7,
        "keys": [{"jwk": SIGNING.jwk, "not_before": NOW - 86400, "not_after": NOW + 86400 * 399}],
        "revoked": [b64(OTHER.thumbprint)],
        "iat": NOW,
        "v": 1,
    },
    "root",
    kid=b64(ROOT.thumbprint),
)
revocation = {"iss": ISSUER, "aud": AUD, "enr": ident("enrolment"), "reason": "operator", "at": NOW + 500, "v": 1}
signed("revocation", "revocation", revocation, "signing", **BY_SIGNING)
for reason in ["user", "disputed", "cloned"]:
    MESSAGES["revocation-" + reason] = {**revocation, "reason": reason}
rotation = {"iss": DEVICE_ID, "aud": ISSUER, "verified": OTHER.jwk, "iat": NOW + 600, "v": 1}
MESSAGES["rotation"] = rotation
MESSAGES["rotation-all"] = {
    **{k: rotation[k] for k in ["iss", "aud"]},
    "device": OTHER.jwk,
    "verified": VERIFIED.jwk,
    "sealing": SEALING.jwk,
    "iat": NOW + 600,
    "v": 1,
}
history = {
    "iss": ISSUER,
    "aud": AUD,
    "enr": ident("enrolment"),
    "entries": [
        {
            "number": 5,
            "client": "shop",
            "name": "Beispiel-Händler GmbH",
            "message": "W4SCT",
            "asked_at": NOW + 100,
            "answered_at": NOW + 121,
            "outcome": "approved",
            "device": DEVICE_ID,
            "device_name": "Jana’s phone",
            "prompt": ident("prompt"),
            "object_until": NOW + 730,
        },
        *(
            {
                "number": 4 - place,
                "client": "lottery",
                "name": "Lottery",
                "asked_at": NOW + 90 - place,
                "answered_at": NOW + 95 - place,
                "outcome": "denied",
                "reason": reason,
                "device": ident("another device"),
                "device_name": "",
            }
            for place, reason in enumerate(["not_me", "wrong_details", "cancelled", "wrong_code"])
        ),
        {
            "number": 0,
            "client": "shop",
            "name": "Beispiel-Händler GmbH",
            "asked_at": NOW,
            "answered_at": NOW + 10,
            "outcome": "disputed",
            "device": DEVICE_ID,
            "device_name": "Jana’s phone",
        },
    ],
    "more": False,
    "now": NOW + 150,
    "v": 1,
}
signed("history", "history", history, "signing", **BY_SIGNING)
MESSAGES["history-empty"] = {**history, "entries": []}
blocks = {
    "iss": ISSUER,
    "aud": AUD,
    "enr": ident("enrolment"),
    "blocks": [
        {"client": "shop", "name": "Beispiel-Händler GmbH", "since": NOW + 130},
        {"client": "lottery", "name": "Lottery", "since": NOW + 140, "until": NOW + 1040},
    ],
    "now": NOW + 150,
    "v": 1,
}
signed("blocks", "blocks", blocks, "signing", **BY_SIGNING)
MESSAGES["blocks-empty"] = {**blocks, "blocks": []}
signed("unblock", "unblock", {"iss": DEVICE_ID, "aud": ISSUER, "client": "shop", "iat": NOW, "v": 1}, "verified", kid=VERIFIED_KID)
receipt = {
    "iss": ISSUER,
    "aud": "shop",
    "sub": "248289761001",
    "req": prompt_payload["req"],
    "prompt": b64(sha(prompt)),
    "decision": b64(sha(decision)),
    "received_at": NOW + 121,
    "key": VERIFIED.jwk,
    "level": "attested",
    "evidence": b64(sha(unb64(finish["evidence"]["data"]))),
    "enrolment": b64(labelled("adp1-transcript", OFFER_HASH, FINISH_HASH)),
    "iat": NOW + 130,
    "v": 1,
}
signed("receipt", "receipt", receipt, "signing", **BY_SIGNING)
for level in ["claimed", "app"]:
    MESSAGES["receipt-" + level] = {**receipt, "level": level}

SIGNED_AS = {entry["name"]: entry["jws"] for entry in SIGNED}
NEXT_ROOT = Key("next root")
NEXT_LIST = {**MESSAGES["keys"], "sequence": MESSAGES["keys"]["sequence"] + 1}
SUCCESSION = general(NEXT_LIST, [(header("keys", jwk=ROOT.jwk), ROOT), (header("keys", jwk=NEXT_ROOT.jwk), NEXT_ROOT)])
UNSIGNED = {
    "configuration": {
        "issuer": ISSUER,
        "root": ROOT.jwk,
        "keys": SIGNED_AS["keys"],
        "capabilities": ["unicode-18"],
        "unicode": "18.0.0",
        "now": NOW,
    },
    # Another root has taken the place of the one that tickets named before.
    "configuration-of-another-root": {
        "issuer": ISSUER,
        "root": NEXT_ROOT.jwk,
        "keys": jws(header("keys", kid=b64(NEXT_ROOT.thumbprint)), NEXT_LIST, NEXT_ROOT),
        "successions": [SUCCESSION],
        "capabilities": ["unicode-18"],
        "unicode": "18.0.0",
        "now": NOW,
    },
    "problem": {"type": "urn:assent:problem:use_nonce", "title": "A fresh nonce is needed", "status": 401, "nonce": "n", "now": NOW},
    "finish-request": finish_general,
}

(HERE / "messages").mkdir(exist_ok=True, parents=True)
for name, payload in {**MESSAGES, **UNSIGNED}.items():
    (HERE / "messages" / (name + ".json")).write_bytes(compact(payload))
