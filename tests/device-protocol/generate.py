"""Writes the vectors of the device protocol, independently of the Rust code that they test.

    pip install -r requirements.txt && python generate.py [folder]

Writes `docs/device-protocol/vectors` and the seeds of `protocol/fuzz`, below the folder where one is named. Everything is
deterministic (RFC 6979 signatures, fixed keys and nonces), so running it again changes nothing. Each sealed message is
also opened with jwcrypto before it is written. `jwe-jwcrypto.json` was made by jwcrypto once, with its own random key
and nonce, and is not written again.
"""

import base64
import hashlib
import hmac
import json
import pathlib
import sys

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash
from jwcrypto import jwe, jwk

ROOT_FOLDER = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2])
HERE = ROOT_FOLDER / "docs" / "device-protocol" / "vectors"
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
SHA256 = hashes.SHA256()


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def sha(data):
    return hashlib.sha256(data if isinstance(data, bytes) else data.encode()).digest()


def labelled(label, *parts):
    return sha(label.encode() + b"".join(parts))


def compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def write(name, value):
    (HERE / name).write_text(json.dumps(value, indent=1, ensure_ascii=True) + "\n")


def bits(name):
    """128 fixed bits for an id."""
    return sha("assent vector id " + name)[:16]


def ident(name):
    return b64(bits(name))


# ------------------------------------------------------------------------------------------------------------- keys


class Key:
    def __init__(self, name):
        self.d = int.from_bytes(sha("assent vector key " + name), "big")
        self.private = ec.derive_private_key(self.d, ec.SECP256R1())
        point = self.private.public_key().public_numbers()
        self.x, self.y = point.x.to_bytes(32, "big"), point.y.to_bytes(32, "big")
        self.jwk = {"crv": "P-256", "kty": "EC", "x": b64(self.x), "y": b64(self.y)}
        self.thumbprint = sha(compact(self.jwk))

    def der(self, message):
        return self.private.sign(message, ec.ECDSA(SHA256, deterministic_signing=True))

    def sign(self, message):
        r, s = utils.decode_dss_signature(self.der(message))
        return raw(r, s)

    def private_jwk(self):
        return {**self.jwk, "d": b64(self.d.to_bytes(32, "big"))}


def raw(r, s):
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


KEYS = {name: Key(name) for name in ["device", "verified", "sealing", "root", "signing", "other", "ephemeral"]}
DEVICE, VERIFIED, SEALING, ROOT, SIGNING, OTHER, EPHEMERAL = KEYS.values()
DEVICE_ID = ident("device")
DEVICE_KID, VERIFIED_KID = DEVICE_ID + "#device", DEVICE_ID + "#verified"


def signing_input(header, payload):
    header = header if isinstance(header, bytes) else compact(header)
    payload = payload if isinstance(payload, bytes) else compact(payload)
    return (b64(header) + "." + b64(payload)).encode()


def jws(header, payload, key):
    text = signing_input(header, payload)
    return text.decode() + "." + b64(key.sign(text))


def header(typ, **hint):
    return {"alg": "ES256", "typ": f"adp-{typ}+jwt", **hint}


# --------------------------------------------------------------------------------- one flow, from ticket to receipt

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
MESSAGES["prompt-test"] = {**minimal, "kind": "test", "uv": "none", "display": []}

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
signed("unblock", "unblock", {"iss": DEVICE_ID, "aud": ISSUER, "client": "shop", "iat": NOW, "v": 1}, "verified", kid=VERIFIED_KID)
receipt = {
    "iss": ISSUER,
    "aud": "shop",
    "sub": "248289761001",
    "req": prompt_payload["req"],
    "prompt": b64(sha(prompt)),
    "decision": b64(sha(decision)),
    "received_at": NOW + 121,
    "level": "attested",
    "evidence": b64(sha(unb64(finish["evidence"]["data"]))),
    "enrolment": b64(OFFER_HASH),
    "iat": NOW + 130,
    "v": 1,
}
signed("receipt", "receipt", receipt, "signing", **BY_SIGNING)
for level in ["claimed", "app"]:
    MESSAGES["receipt-" + level] = {**receipt, "level": level}

UNSIGNED = {
    "wake": {"v": 1, "rid": ident("routing")},
    "configuration": {
        "issuer": ISSUER,
        "root": ROOT.jwk,
        "keys": next(entry["jws"] for entry in SIGNED if entry["name"] == "keys"),
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

# ------------------------------------------------------------------------------------------------- jws.json: accepted

proof_payload = MESSAGES["proof"]
PROOF = next(entry["jws"] for entry in SIGNED if entry["name"] == "proof")
HEADER, PAYLOAD, SIGNATURE = PROOF.split(".")
INPUT = f"{HEADER}.{PAYLOAD}"
R, S = (int.from_bytes(half, "big") for half in (unb64(SIGNATURE)[:32], unb64(SIGNATURE)[32:]))
PROOF_HEADER = header("proof", kid=DEVICE_KID)


def nested(levels):
    value = 1
    for _ in range(levels):
        value = [value]
    return value


def with_member(text):
    """The proof's payload with raw JSON as one more member."""
    return compact(proof_payload)[:-1] + b"," + text + b"}"


accepted = SIGNED + [
    {"name": name, "typ": "adp-proof+jwt", "key": "device", "jws": text}
    for name, text in {
        "the other s of the same signature": INPUT + "." + b64(raw(R, N - S)),
        "unknown header member": jws({**PROOF_HEADER, "extra": {"a": [1]}}, proof_payload, DEVICE),
        "unknown payload member": jws(PROOF_HEADER, {**proof_payload, "extra": None}, DEVICE),
        "nested 8 deep": jws(PROOF_HEADER, {**proof_payload, "extra": nested(7)}, DEVICE),
        "white space in header and payload": jws(
            json.dumps(PROOF_HEADER, indent=2).encode(), json.dumps(proof_payload, indent=2).encode(), DEVICE
        ),
        "escaped text": jws(
            compact(PROOF_HEADER).replace(b"proof", b"pr\\u006fof"), compact(proof_payload).replace(b"htm", b"h\\u0074m"), DEVICE
        ),
    }.items()
]

# -------------------------------------------------------------------------------------------------- jws.json: refused

CRAFTED = {}


def refused(name, error, text, key="device", typ="proof"):
    CRAFTED[name] = {"name": name, "typ": f"adp-{typ}+jwt", "key": key, "jws": text, "error": error}


def bad_header(name, error, changes, key=DEVICE):
    changed = {**PROOF_HEADER, **changes}
    refused(name, error, jws({k: v for k, v in changed.items() if v is not ...}, proof_payload, key))


def bad_payload(name, error, payload):
    refused(name, error, jws(PROOF_HEADER, payload, DEVICE))


def bad_signature(name, error, signature):
    refused(name, error, INPUT + "." + (signature if isinstance(signature, str) else b64(signature)))


off_curve = {**DEVICE.jwk, "y": b64(((int.from_bytes(DEVICE.y, "big") + 1) % P).to_bytes(32, "big"))}

bad_header("typ of another message", "Typ", {"typ": "adp-decision+jwt"})
bad_header("typ in capitals", "Typ", {"typ": "ADP-PROOF+JWT"})
bad_header("typ with media type prefix", "Typ", {"typ": "application/adp-proof+jwt"})
bad_header("typ missing", "Json(Shape)", {"typ": ...})
bad_header("typ JWT", "Typ", {"typ": "JWT"})
bad_header("alg none with a valid signature", "Algorithm", {"alg": "none"})
none = b64(compact({**PROOF_HEADER, "alg": "none"})) + "." + PAYLOAD
refused("alg none without a signature", "Algorithm", none + ".")
hs = b64(compact({**PROOF_HEADER, "alg": "HS256"})) + "." + PAYLOAD
public = b"\x04" + DEVICE.x + DEVICE.y
refused("HS256 keyed with the public key", "Algorithm", hs + "." + b64(hmac.digest(public, hs.encode(), "sha256")))
bad_header("RS256", "Algorithm", {"alg": "RS256"})
bad_header("ES384", "Algorithm", {"alg": "ES384"})
bad_header("ES256K", "Algorithm", {"alg": "ES256K"})
bad_header("alg in small letters", "Algorithm", {"alg": "es256"})
bad_header("alg missing", "Json(Shape)", {"alg": ...})
bad_header("alg is a list", "Json(Shape)", {"alg": ["ES256"]})
bad_header("crit with an unknown name", "Critical", {"crit": ["exp"]})
bad_header("crit with b64", "Critical", {"crit": ["b64"], "b64": False})
bad_header("crit empty", "Critical", {"crit": []})
bad_header("crit null", "Critical", {"crit": None})
bad_header("kid and jwk", "Malformed", {"jwk": DEVICE.jwk})
bad_header("neither kid nor jwk", "Malformed", {"kid": ...})
bad_header("kid null", "Json(Shape)", {"kid": None})
bad_header("jwk null beside kid", "Json(Shape)", {"jwk": None})
bad_header("jwk with d", "Json(Shape)", {"kid": ..., "jwk": DEVICE.private_jwk()})
bad_header("jwk with d null", "Json(Shape)", {"kid": ..., "jwk": {**DEVICE.jwk, "d": None}})
bad_header("jwk of type OKP", "Json(Shape)", {"kid": ..., "jwk": {**DEVICE.jwk, "kty": "OKP"}})
bad_header("jwk on P-384", "Json(Shape)", {"kid": ..., "jwk": {**DEVICE.jwk, "crv": "P-384"}})
bad_header("jwk with a short x", "Json(Shape)", {"kid": ..., "jwk": {**DEVICE.jwk, "x": b64(DEVICE.x[1:])}})
bad_header("jwk with a leading zero byte", "Json(Shape)", {"kid": ..., "jwk": {**DEVICE.jwk, "x": b64(b"\0" + DEVICE.x)}})
bad_header("jwk with padded x", "Json(Shape)", {"kid": ..., "jwk": {**DEVICE.jwk, "x": DEVICE.jwk["x"] + "="}})
proof_header = compact(PROOF_HEADER)
refused("header with alg twice", "Json(DuplicateMember)", jws(proof_header[:-1] + b',"alg":"none"}', proof_payload, DEVICE))
refused("header with kid twice, once escaped", "Json(DuplicateMember)", jws(proof_header[:-1] + b',"\\u006bid":"x"}', proof_payload, DEVICE))
refused("header with an unknown member twice", "Json(DuplicateMember)", jws(proof_header[:-1] + b',"a":1,"a":1}', proof_payload, DEVICE))
refused("header with trailing data", "Json(Syntax)", jws(proof_header + b" {}", proof_payload, DEVICE))
refused("header with a byte order mark", "Json(Syntax)", jws(b"\xef\xbb\xbf" + proof_header, proof_payload, DEVICE))
refused("header not an object", "Json(Shape)", jws(b'"ES256"', proof_payload, DEVICE))
refused("header empty", "Json(Syntax)", "." + PAYLOAD + "." + SIGNATURE)
refused("header nested 9 deep", "Json(TooDeep)", jws({**PROOF_HEADER, "a": nested(8)}, proof_payload, DEVICE))

bad_payload("payload with a member twice", "Json(DuplicateMember)", with_member(b'"htm":"GET"'))
bad_payload("payload with a member twice, once escaped", "Json(DuplicateMember)", with_member(b'"h\\u0074m":"POST"'))
bad_payload("payload with an unknown member twice", "Json(DuplicateMember)", with_member(b'"a":1,"a":1'))
bad_payload("payload with a nested member twice", "Json(DuplicateMember)", with_member(b'"a":[{"b":1,"c":2,"b":1}]'))
bad_payload("payload nested 9 deep", "Json(TooDeep)", {**proof_payload, "a": nested(8)})
bad_payload("payload nested 9 deep in objects", "Json(TooDeep)", with_member(b'"a":' + b'{"a":' * 8 + b"1" + b"}" * 8))
bad_payload("payload nested 5000 deep", "Json(TooDeep)", with_member(b'"a":' + b"[" * 5000 + b"]" * 5000))
bad_payload("payload with trailing data", "Json(Syntax)", compact(proof_payload) + b"{}")
bad_payload("payload with a trailing NUL", "Json(Syntax)", compact(proof_payload) + b"\0")
bad_payload("payload with a trailing comma", "Json(Syntax)", compact(proof_payload)[:-1] + b",}")
bad_payload("payload with a comment", "Json(Syntax)", b"/**/" + compact(proof_payload))
bad_payload("payload that is not UTF-8", "Json(NotUtf8)", with_member(b'"a":"\xff"'))
bad_payload("payload with an overlong encoding", "Json(NotUtf8)", with_member(b'"a":"\xc0\xaf"'))
bad_payload("payload with a lone surrogate", "Json(Syntax)", with_member(b'"a":"\\ud800"'))
bad_payload("payload with a number out of range", "Json(Syntax)", with_member(b'"a":1e999'))
bad_payload("payload with a leading zero", "Json(Syntax)", with_member(b'"a":01'))
bad_payload("payload with NaN", "Json(Syntax)", with_member(b'"a":NaN'))
bad_payload("payload with a raw line break in a text", "Json(Syntax)", with_member(b'"a":"\n"'))
bad_payload("payload without a member", "Json(Shape)", {k: v for k, v in proof_payload.items() if k != "bh"})
bad_payload("payload with text for a number", "Json(Shape)", {**proof_payload, "iat": str(NOW)})
bad_payload("payload with a fraction for whole seconds", "Json(Shape)", {**proof_payload, "iat": NOW + 0.5})
bad_payload("payload with an id of 15 bytes", "Json(Shape)", {**proof_payload, "jti": b64(bits("x")[1:])})
bad_payload("payload with an id with stray bits", "Json(Shape)", {**proof_payload, "jti": "A" * 21 + "B"})
bad_payload("payload is a list", "Json(Shape)", [proof_payload])
bad_payload("payload empty", "Json(Syntax)", b"")

bad_signature("signature of 63 bytes", "Malformed", unb64(SIGNATURE)[:63])
bad_signature("signature of 65 bytes", "Malformed", unb64(SIGNATURE) + b"\0")
bad_signature("signature of 32 bytes", "Malformed", unb64(SIGNATURE)[:32])
bad_signature("signature empty", "Malformed", b"")
bad_signature("signature in DER", "Malformed", DEVICE.der(INPUT.encode()))
bad_signature("signature with stray bits", "Malformed", SIGNATURE[:-1] + chr(ord(SIGNATURE[-1]) + 1))
bad_signature("signature padded", "Malformed", SIGNATURE + "==")
bad_signature("signature in plain base64", "Malformed", base64.b64encode(b"\xfb\xff" * 32).decode().rstrip("="))
bad_signature("signature with a line break", "Malformed", SIGNATURE[:40] + "\n" + SIGNATURE[40:])
bad_signature("r is zero", "BadSignature", raw(0, S))
bad_signature("s is zero", "BadSignature", raw(R, 0))
bad_signature("r and s are zero", "BadSignature", raw(0, 0))
bad_signature("r is n", "BadSignature", raw(N, S))
bad_signature("s is n", "BadSignature", raw(R, N))
bad_signature("s is larger than n", "BadSignature", raw(R, N + 5))
bad_signature("r is all ones", "BadSignature", raw(2**256 - 1, S))
bad_signature("r and s are one", "BadSignature", raw(1, 1))
bad_signature("r and s are n - 1", "BadSignature", raw(N - 1, N - 1))
bad_signature("r and s swapped", "BadSignature", raw(S, R))
bad_signature("one bit of r flipped", "BadSignature", raw(R ^ 1, S))
bad_signature("one bit of s flipped", "BadSignature", raw(R, S ^ 1))
bad_signature("signature over another payload", "BadSignature", DEVICE.sign(signing_input(PROOF_HEADER, {**proof_payload, "htm": "GET"})))
bad_signature("signature over the payload alone", "BadSignature", DEVICE.sign(compact(proof_payload)))
refused("signed by another key", "BadSignature", jws(PROOF_HEADER, proof_payload, OTHER))
refused("verified with another key", "BadSignature", PROOF, key="other")
refused("header swapped", "BadSignature", b64(compact({**PROOF_HEADER, "kid": VERIFIED_KID})) + "." + PAYLOAD + "." + SIGNATURE)
refused("a prompt where a proof is expected", "Typ", prompt, key="signing")
refused("a proof where a prompt is expected", "Typ", PROOF, typ="prompt")

refused("empty", "Malformed", "")
refused("two parts", "Malformed", INPUT)
refused("four parts", "Malformed", PROOF + "." + SIGNATURE)
refused("five parts", "Malformed", PROOF + "..")
refused("trailing dot", "Malformed", PROOF + ".")
refused("leading dot", "Malformed", "." + PROOF)
refused("trailing line break", "Malformed", PROOF + "\n")
refused("leading space", "Malformed", " " + PROOF)
refused("header padded", "Malformed", HEADER + "=" * (-len(HEADER) % 4 or 4) + "." + PAYLOAD + "." + SIGNATURE)
refused("payload padded", "Malformed", HEADER + "." + PAYLOAD + "=" * (-len(PAYLOAD) % 4 or 4) + "." + SIGNATURE)
refused("header with a foreign character", "Malformed", "+" + HEADER[1:] + "." + PAYLOAD + "." + SIGNATURE)
refused("payload with a foreign character", "Malformed", HEADER + ".ä" + PAYLOAD[1:] + "." + SIGNATURE)
refused("JSON serialisation where compact is expected", "Malformed", compact(general(proof_payload, [(PROOF_HEADER, DEVICE)])).decode())
long = jws(PROOF_HEADER, {**proof_payload, "a": "x" * 13000}, DEVICE)
refused("larger than 16 KiB", "TooLarge", long)
assert len(long) > 16384

finish_bad = {
    "signatures in the other order": {**finish_general, "signatures": finish_general["signatures"][::-1]},
    "one signature": {**finish_general, "signatures": finish_general["signatures"][:1]},
    "no signature": {**finish_general, "signatures": []},
    "three signatures": {**finish_general, "signatures": finish_general["signatures"] + finish_general["signatures"][:1]},
    "one signature twice": {**finish_general, "signatures": finish_general["signatures"][:1] * 2},
    "verified signed by another key": general(finish, [FINISH_SIGNERS[0], (FINISH_SIGNERS[1][0], OTHER)]),
    "payload exchanged": {**finish_general, "payload": b64(compact(MESSAGES["finish-poll-only"]))},
    "second header of another typ": general(finish, [FINISH_SIGNERS[0], (header("rotation", jwk=VERIFIED.jwk), VERIFIED)]),
    "second header with alg none": general(finish, [FINISH_SIGNERS[0], ({**FINISH_SIGNERS[1][0], "alg": "none"}, VERIFIED)]),
    "second header with crit": general(finish, [FINISH_SIGNERS[0], ({**FINISH_SIGNERS[1][0], "crit": ["a"]}, VERIFIED)]),
    "payload padded": general(finish, FINISH_SIGNERS, encoded=b64(compact(finish)) + "="),
    "payload larger than 16 KiB": general({**finish, "a": "x" * 16384}, FINISH_SIGNERS),
}
finish_errors = "BadSignature Malformed Malformed Malformed BadSignature BadSignature BadSignature Typ Algorithm Critical Malformed TooLarge".split()

write(
    "jws.json",
    {
        "keys": {name: {"d": key.d.to_bytes(32, "big").hex(), "jwk": key.jwk, "thumbprint": b64(key.thumbprint)} for name, key in KEYS.items()},
        "off_curve": off_curve,
        "accepted": accepted,
        "refused": list(CRAFTED.values()),
        "general": {
            "accepted": finish_general,
            "keys": ["device", "verified"],
            "digest": b64(FINISH_HASH),
            "refused": [{"name": n, "jws": g, "error": e} for (n, g), e in zip(finish_bad.items(), finish_errors, strict=True)],
        },
    },
)

# ------------------------------------------------------------------------------------------------------------ der.json


def integer(data):
    return b"\x02" + bytes([len(data)]) + data


def sequence(body):
    return b"\x30" + bytes([len(body)]) + body


def shortest(number):
    return number.to_bytes(number.bit_length() // 8 + 1, "big")


good_r, good_s = integer(shortest(R)), integer(shortest(S))
good = sequence(good_r + good_s)
assert good == DEVICE.der(INPUT.encode())
small = sequence(integer(b"\x01") + integer(b"\x7f"))
top = sequence(integer(shortest(N - 1)) + integer(shortest(N - 1)))
write(
    "der.json",
    {
        "accepted": [
            {"name": "a signature", "der": good.hex(), "raw": raw(R, S).hex()},
            {"name": "small numbers", "der": small.hex(), "raw": raw(1, 0x7F).hex()},
            {"name": "the largest numbers", "der": top.hex(), "raw": raw(N - 1, N - 1).hex()},
            {"name": "a needed zero", "der": sequence(integer(b"\0\x80") + integer(b"\x01")).hex(), "raw": raw(0x80, 1).hex()},
        ],
        "refused": [
            {"name": name, "der": data.hex()}
            for name, data in {
                "empty": b"",
                "raw where DER belongs": raw(R, S),
                "trailing byte": good + b"\0",
                "trailing byte inside": sequence(good_r + good_s + b"\0"),
                "third integer": sequence(good_r + good_s + integer(b"\x01")),
                "one integer": sequence(good_r),
                "truncated": good[:-1],
                "long form of a short length": b"\x30\x81" + good[1:],
                "long form of an integer's length": sequence(b"\x02\x81" + good_r[1:] + good_s),
                "indefinite length": b"\x30\x80" + good[2:] + b"\0\0",
                "a set": b"\x31" + good[1:],
                "an octet string for r": sequence(b"\x04" + good_r[1:] + good_s),
                "a needless zero": sequence(integer(b"\0\x01") + integer(b"\x01")),
                "two zeros before r": sequence(integer(b"\0" + shortest(R)) + good_s),
                "a negative r": sequence(integer(b"\x80") + integer(b"\x01")),
                "an integer without content": sequence(integer(b"") + good_s),
                "r is zero": sequence(integer(b"\0") + good_s),
                "s is zero": sequence(good_r + integer(b"\0")),
                "r is n": sequence(integer(shortest(N)) + good_s),
                "s is n": sequence(good_r + integer(shortest(N))),
                "r of 33 bytes": sequence(integer(b"\x01" + bytes(32)) + integer(b"\x01")),
            }.items()
        ],
    },
)

# ------------------------------------------------------------------------------------------------------------ jwe.json


def shared(private, public):
    return private.private.exchange(ec.ECDH(), public.private.public_key())


def prefixed(data):
    return len(data).to_bytes(4, "big") + data


def seal(plaintext, to=SEALING, changes=None, key=b"", iv=bits("iv")[:12], pad=True, ephemeral=EPHEMERAL, apu=b"", apv=b""):
    protected = {"alg": "ECDH-ES", "enc": "A256GCM", "epk": ephemeral.jwk, **(changes or {})}
    protected = b64(compact({k: v for k, v in protected.items() if v is not ...}))
    info = prefixed(b"A256GCM") + prefixed(apu) + prefixed(apv) + (256).to_bytes(4, "big")
    cek = ConcatKDFHash(algorithm=SHA256, length=32, otherinfo=info).derive(shared(ephemeral, to))
    if pad:
        plaintext += b" " * (-len(plaintext) % 512 if plaintext else 512)
    sealed = AESGCM(cek).encrypt(iv, plaintext, protected.encode())
    return ".".join([protected, b64(key), b64(iv), b64(sealed[:-16]), b64(sealed[-16:])])


def opened_by_jwcrypto(text):
    token = jwe.JWE(algs=["ECDH-ES", "A256GCM"])
    token.deserialize(text, key=jwk.JWK(**SEALING.private_jwk()))
    return token.payload


SEALED = seal(prompt.encode())
assert opened_by_jwcrypto(SEALED).rstrip(b" ") == prompt.encode()
sealed_parts = SEALED.split(".")


def parts(at, value):
    return ".".join(value if index == at else part for index, part in enumerate(sealed_parts))


def flip(part):
    data = bytearray(unb64(part))
    data[0] ^= 1
    return b64(bytes(data))


parties = seal(b"x", changes={"apu": b64(b"Alice"), "apv": b64(b"Bob")}, apu=b"Alice", apv=b"Bob")
assert opened_by_jwcrypto(parties).rstrip(b" ") == b"x"
jwe_refused = [
    ("alg ECDH-ES+A256KW", "Algorithm", seal(b"x", changes={"alg": "ECDH-ES+A256KW"})),
    ("alg dir", "Algorithm", seal(b"x", changes={"alg": "dir"})),
    ("enc A128GCM", "Algorithm", seal(b"x", changes={"enc": "A128GCM"})),
    ("enc missing", "Json(Shape)", seal(b"x", changes={"enc": ...})),
    ("epk missing", "Json(Shape)", seal(b"x", changes={"epk": ...})),
    ("epk with d", "Json(Shape)", seal(b"x", changes={"epk": EPHEMERAL.private_jwk()})),
    ("epk off the curve", "BadKey", seal(b"x", changes={"epk": off_curve})),
    ("epk at infinity", "BadKey", seal(b"x", changes={"epk": {**DEVICE.jwk, "x": b64(bytes(32)), "y": b64(bytes(32))}})),
    ("zip", "Critical", seal(b"x", changes={"zip": "DEF"})),
    ("crit", "Critical", seal(b"x", changes={"crit": ["exp"]})),
    ("apu not base64url", "Malformed", seal(b"x", changes={"apu": "A="})),
    ("apu left out of the key", "Unauthentic", seal(b"x", changes={"apu": b64(b"Alice")})),
    ("an encrypted key", "Malformed", seal(b"x", key=b"key")),
    ("nonce of 11 bytes", "Malformed", parts(2, b64(unb64(sealed_parts[2])[:-1]))),
    ("nonce of 16 bytes", "Malformed", parts(2, b64(unb64(sealed_parts[2]) + bytes(4)))),
    ("tag of 15 bytes", "Malformed", parts(4, b64(unb64(sealed_parts[4])[:-1]))),
    ("tag empty", "Malformed", parts(4, "")),
    ("four parts", "Malformed", SEALED.rsplit(".", 1)[0]),
    ("six parts", "Malformed", SEALED + "."),
    ("empty", "Malformed", ""),
    ("ciphertext padded", "Malformed", parts(3, sealed_parts[3] + "=")),
    ("header with a member twice", "Json(DuplicateMember)", parts(0, b64(unb64(sealed_parts[0])[:-1] + b',"alg":"ECDH-ES"}'))),
    ("header with a space more", "Unauthentic", parts(0, b64(unb64(sealed_parts[0]) + b" "))),
    ("nonce changed", "Unauthentic", parts(2, flip(sealed_parts[2]))),
    ("ciphertext changed", "Unauthentic", parts(3, flip(sealed_parts[3]))),
    ("ciphertext empty", "Unauthentic", parts(3, "")),
    ("tag changed", "Unauthentic", parts(4, flip(sealed_parts[4]))),
    ("sealed to another key", "Unauthentic", seal(b"x", to=OTHER)),
    ("larger than 16 KiB", "TooLarge", seal(b"x" * 12288)),
]
write(
    "jwe.json",
    {
        "recipient": "sealing",
        "accepted": [
            {"name": "a prompt", "ephemeral": "ephemeral", "iv": bits("iv")[:12].hex(), "plaintext": prompt, "jwe": SEALED},
            {"name": "no text", "ephemeral": "ephemeral", "iv": bits("iv")[:12].hex(), "plaintext": "", "jwe": seal(b"")},
            {"name": "exactly one step", "ephemeral": "ephemeral", "iv": bits("iv")[:12].hex(), "plaintext": "x" * 512, "jwe": seal(b"x" * 512)},
        ],
        "opened": [
            {"name": "apu and apv", "plaintext": "x", "jwe": parties},
            {"name": "without padding", "plaintext": "x", "jwe": seal(b"x", pad=False)},
            {"name": "typ and cty", "plaintext": "x", "jwe": seal(b"x", changes={"typ": "JWE", "cty": "adp-prompt+jwt"})},
        ],
        "refused": [{"name": n, "error": e, "jwe": t} for n, e, t in jwe_refused],
    },
)

once = HERE / "jwe-jwcrypto.json"
if not once.exists():
    token = jwe.JWE(
        prompt.encode(),
        json.dumps({"alg": "ECDH-ES", "enc": "A256GCM", "apu": b64(b"server"), "apv": b64(b"phone")}),
        recipient=jwk.JWK(**SEALING.jwk),
    )
    write(once.name, {"recipient": "sealing", "plaintext": prompt, "jwe": token.serialize(compact=True)})

# -------------------------------------------------------------------------------------------------------- digests.json

leading_zero = next(n for n in range(1000) if check_digits(OFFER_HASH, FINISH_HASH, sha(str(n))[:16]).startswith("00"))
leading_zero = sha(str(leading_zero))[:16]
lists = [
    [],
    [{"label": "", "value": ""}],
    [{"label": "ab", "value": "c"}],
    [{"label": "a", "value": "bc"}],
    [{"label": "a", "value": "b"}, {"label": "c", "value": ""}],
    prompt_payload["display"],
]
write(
    "digests.json",
    {
        "request": {"auth_req_id": AUTH_REQ_ID, "digest": prompt_payload["req"]},
        "nonce_commitment": {"nonce": b64(SERVER_NONCE), "digest": b64(labelled("adp1-cs", SERVER_NONCE))},
        "attestation_challenge": {"offer": b64(OFFER_HASH), "digest": b64(labelled("adp1-att", OFFER_HASH))},
        "check_digits": [
            {"offer": b64(OFFER_HASH), "finish": b64(FINISH_HASH), "nonce": b64(nonce), "digits": check_digits(OFFER_HASH, FINISH_HASH, nonce)}
            for nonce in (SERVER_NONCE, leading_zero)
        ],
        "ticket_hash": {
            "root": b64(ROOT.thumbprint),
            "code": b64(CODE),
            "expires_at": TICKET_EXPIRES,
            "digest": b64(ticket_hash(ROOT.thumbprint, CODE, TICKET_EXPIRES)),
        },
        "display": [{"lines": lines, "digest": b64(display_digest(lines))} for lines in lists],
        "jws": {"jws": prompt, "digest": b64(sha(prompt))},
    },
)

# -------------------------------------------------------------------------------------------------------- tickets.json

TICKET = f"{ISSUER}/enrol#v=1&c={b64(CODE)}&k={b64(ROOT.thumbprint)}&x={TICKET_EXPIRES}"
FRAGMENT = TICKET.split("#")[1]
read = {"issuer": ISSUER, "code": b64(CODE), "root": b64(ROOT.thumbprint), "expires_at": TICKET_EXPIRES}
write(
    "tickets.json",
    {
        "written": [
            {"ticket": TICKET, **read},
            {"ticket": TICKET.replace(ISSUER, "http://localhost:8080/realms/a"), **read, "issuer": "http://localhost:8080/realms/a"},
        ],
        "read": [
            {"ticket": f"{ISSUER}/enrol#" + "&".join(FRAGMENT.split("&")[::-1]), **read},
            {"ticket": TICKET + "&y=later", **read},
        ],
        "refused": {
            "empty": "",
            "no fragment": TICKET.split("#")[0],
            "another path": TICKET.replace("/enrol#", "/enroll#"),
            "secret in the query": TICKET.replace("#", "?"),
            "version 2": TICKET.replace("v=1", "v=2"),
            "no version": TICKET.replace("v=1&", ""),
            "version twice": TICKET + "&v=1",
            "code twice": TICKET + f"&c={ident('x')}",
            "no code": TICKET.replace("c=", "d="),
            "short code": TICKET.replace(b64(CODE), b64(CODE[1:])),
            "padded code": TICKET.replace(b64(CODE), b64(CODE) + "=="),
            "no root": TICKET.replace("k=", "l="),
            "short root": TICKET.replace(b64(ROOT.thumbprint), b64(ROOT.thumbprint[1:])),
            "expiry not a number": TICKET + "0x",
            "expiry with a sign": TICKET.replace("x=", "x=+"),
            "expiry before 1970": TICKET.replace("x=", "x=-"),
            "expiry with a leading zero": TICKET.replace("x=", "x=0"),
            "expiry too large": TICKET + "0" * 20,
            "no expiry": TICKET.replace("x=", "z="),
            "a part without a name": TICKET + "&y",
            "trailing ampersand": TICKET + "&",
            "no scheme": TICKET.replace("https://", ""),
            "another scheme": TICKET.replace("https://", "ftp://"),
            "scheme in capitals": TICKET.replace("https://", "HTTPS://"),
            "no host": TICKET.replace("op.example", ""),
            "user in the issuer": TICKET.replace("op.example", "op.example@evil.example"),
            "query in the issuer": TICKET.replace("op.example", "op.example?a"),
            "fragment in the issuer": TICKET.replace("op.example", "op.example#a"),
            "backslash in the issuer": TICKET.replace("op.example", "op.example\\evil.example"),
            "space in the issuer": TICKET.replace("op.example", "op example"),
            "trailing slash in the issuer": TICKET.replace("/enrol", "//enrol"),
            "leading space": " " + TICKET,
            "trailing line break": TICKET + "\n",
        },
    },
)

# ----------------------------------------------------------------------------------------------------------- text.json

TEXTS = [
    # kind, text, error
    ("binding_message", "W4SCT", None),
    ("binding_message", "sRj89xCg", None),
    ("binding_message", "Pay 12.50 EUR to Bob", None),
    ("binding_message", "Überweisung: 1.234,56 € an Müller & Söhne", None),
    ("binding_message", "支払い 1,200円 を承認", None),
    ("binding_message", "確認コード：ＡＢ１２", None),
    ("binding_message", "결제 승인 4711", None),
    ("binding_message", "Оплата 99 ₽", None),
    ("binding_message", "\u0627\u0644\u062f\u0641\u0639 25 \u062f\u0631\u0647\u0645", None),
    ("binding_message", "\u05ea\u05e9\u05dc\u05d5\u05dd 25", None),
    ("binding_message", "ชำระเงิน ๑๐๐ บาท", None),
    ("binding_message", "Lunch \U0001f354 at 12:30", None),
    ("binding_message", "I \u2764\ufe0f it", None),
    ("binding_message", "Gate 1\ufe0f\u20e3", None),
    ("binding_message", "Thumbs \U0001f44d\U0001f3fd", None),
    ("binding_message", "Flag \U0001f1e9\U0001f1ea", None),
    ("binding_message", "12,50\u00a0€", None),
    ("binding_message", "1 < 2, 3>2, <3 and <-", None),
    ("binding_message", "Q&A; AT&T; R&D, 5&6;", None),
    ("binding_message", "Route A->B", None),
    ("binding_message", "https is on", None),
    ("binding_message", "Note: at 10:30", None),
    ("binding_message", "Data: 3 GB", None),
    ("binding_message", "No. 4/7, v1.2/3, and/or", None),
    ("binding_message", "Is it amazon.de? Yes. Really...", None),
    ("binding_message", "www is short for world wide web", None),
    ("binding_message", "e.g. 5.5.2026/6.5.2026", None),
    ("binding_message", "x" * 100, None),
    ("binding_message", "\U0001f354" * 100, None),
    ("client_name", "Booking.com", None),
    ("client_name", "Müller & Co. KG", None),
    ("client_name", "Yahoo!", None),
    ("client_name", "x" * 60, None),
    ("context", "x" * 100, None),
    ("detail_value", "alice@mail.example", None),
    ("detail_value", "DE02 1001 0010 9307 1186 03", None),
    ("detail_value", "x" * 200, None),
    ("device_name", "Jana’s phone", None),
    ("device_name", "x" * 60, None),
    # joiners: Persian half space, Hindi, Sinhala
    ("binding_message", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", None),
    ("binding_message", "\u0915\u094d\u200d\u0937", None),
    ("binding_message", "\u0915\u094d\u200c\u0937", None),
    ("binding_message", "\u0dc1\u0dca\u200d\u0dbb\u0dd3", None),
    ("binding_message", "\u0628\u064e\u200c\u0628", None),
    ("binding_message", "a\u200cb", "Joiner"),
    ("binding_message", "pay\u200dpal", "Joiner"),
    ("binding_message", "\u200dab", "Joiner"),
    ("binding_message", "\u0628\u200c", "Joiner"),
    ("binding_message", "\u0627\u200c\u0628", "Joiner"),
    ("binding_message", "\u0628\u200c\u200c\u0628", "Joiner"),
    ("binding_message", "\u0915\u094d\u200d 1", "Joiner"),
    ("binding_message", "\u0915\u094d\u200d\u200d\u0937", "Joiner"),
    ("binding_message", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "Joiner"),
    ("binding_message", "x" * 101, "TooLong"),
    ("binding_message", "\U0001f354" * 101, "TooLong"),
    ("context", "x" * 101, "TooLong"),
    ("client_name", "x" * 61, "TooLong"),
    ("device_name", "x" * 61, "TooLong"),
    ("detail_value", "x" * 201, "TooLong"),
    ("binding_message", "", "Blank"),
    ("client_name", "   ", "Blank"),
    ("client_name", "\u00a0\u3000", "Blank"),
    ("client_name", "Mu\u0308ller", "NotNormalised"),
    ("binding_message", "\u212b", "NotNormalised"),
    ("binding_message", "\u1112\u1161\u11ab", "NotNormalised"),
    ("binding_message", "a\nb", "LineBreak"),
    ("binding_message", "a\r\nb", "LineBreak"),
    ("binding_message", "a\u0085b", "LineBreak"),
    ("binding_message", "a\u2028b", "LineBreak"),
    ("binding_message", "a\u2029b", "LineBreak"),
    ("binding_message", "a\tb", "Control"),
    ("binding_message", "a\u0000b", "Control"),
    ("binding_message", "a\u001bb", "Control"),
    ("binding_message", "a\u007fb", "Control"),
    ("binding_message", "a\u009fb", "Control"),
    ("binding_message", "pay \u202e05.21 \u202cto", "BidiControl"),
    ("binding_message", "a\u200eb", "BidiControl"),
    ("binding_message", "a\u061cb", "BidiControl"),
    ("binding_message", "a\u2066b\u2069", "BidiControl"),
    ("binding_message", "\U0001f3f4\U000e0067\U000e0062\U000e007f", "Tag"),
    ("binding_message", "a\U000e0001b", "Tag"),
    ("binding_message", "a\U000e0041b", "Tag"),
    ("client_name", "\uf8ff Store", "PrivateUse"),
    ("client_name", "\U000f0000", "PrivateUse"),
    ("client_name", "\U0010fffd", "PrivateUse"),
    ("client_name", "a\u0378b", "Unassigned"),
    ("client_name", "a\ufdd0b", "Unassigned"),
    ("client_name", "a\uffffb", "Unassigned"),
    ("client_name", "a\U000e0100b", "Invisible"),
    ("client_name", "a\u00adb", "Invisible"),
    ("client_name", "a\u200bb", "Invisible"),
    ("client_name", "a\u2060b", "Invisible"),
    ("client_name", "\ufeffab", "Invisible"),
    ("client_name", "a\u034fb", "Invisible"),
    ("client_name", "a\u3164b", "Invisible"),
    ("client_name", "a\uffa0b", "Invisible"),
    ("client_name", "a\u115fb", "Invisible"),
    ("client_name", "a\u180eb", "Invisible"),
    ("client_name", "a\ufff9b", "Invisible"),
    ("client_name", "ab\ufe0f", "Invisible"),
    ("client_name", "\ufe0fab", "Invisible"),
    ("client_name", "1\ufe0f\ufe0f", "Invisible"),
    ("binding_message", "<b>Pay</b>", "Markup"),
    ("binding_message", "a <br/> b", "Markup"),
    ("binding_message", "<img src=x onerror=y", "Markup"),
    ("binding_message", "<!-- x", "Markup"),
    ("binding_message", "</p", "Markup"),
    ("binding_message", "<?php", "Markup"),
    ("binding_message", "x<y", "Markup"),
    ("binding_message", "&lt;b&gt;", "Markup"),
    ("binding_message", "a&amp;b", "Markup"),
    ("binding_message", "&#60;b", "Markup"),
    ("binding_message", "&#x3C;b", "Markup"),
    ("binding_message", "https://evil.example/x", "Url"),
    ("binding_message", "HTTP://EVIL.EXAMPLE", "Url"),
    ("binding_message", "see ftp://a", "Url"),
    ("binding_message", "app+x://a", "Url"),
    ("binding_message", "https:evil.example", "Url"),
    ("binding_message", "javascript:alert(1)", "Url"),
    ("binding_message", "mailto:bob", "Url"),
    ("binding_message", "call tel:+49301234", "Url"),
    ("binding_message", "www.evil.example", "Url"),
    ("binding_message", "(WWW.evil.example)", "Url"),
    ("binding_message", "go to evil.example/login", "Url"),
    ("binding_message", "x.com/", "Url"),
    ("binding_message", "evil.example:8080", "Url"),
    ("binding_message", "evil.example?a=b", "Url"),
    ("binding_message", "evil.example#login", "Url"),
    ("binding_message", "evil.example\\login", "Url"),
    ("binding_message", "evil.example./login", "Url"),
    ("binding_message", "bob@evil.example/login", "Url"),
    ("binding_message", "пример.рф/вход", "Url"),
    ("binding_message", "xn--e1afmkfd.xn--p1ai/a", "Url"),
    ("client_name", "t.co/x", "Url"),
    ("binding_message", "\u0301x", "Marks"),
    ("client_name", "\u20ddx", "Marks"),
    ("binding_message", "x\u0316\u0317\u0318\u0319y", None),
    ("binding_message", "x\u0316\u0317\u0318\u0319\u031cy", "Marks"),
    ("binding_message", "\u0e19\u0e49\u0e33 \u0e17\u0e35\u0e48", None),
]
write("text.json", [{"kind": k, "text": t, "error": e} for k, t, e in TEXTS])

# ------------------------------------------------------------------------------- seeds for protocol/fuzz, from the above


def seeds(target, named):
    directory = ROOT_FOLDER / "protocol" / "fuzz" / "corpus" / target
    directory.mkdir(parents=True, exist_ok=True)
    for name, data in named:
        data = data.encode() if isinstance(data, str) else data
        slug = "".join(c if c.isalnum() else "-" for c in name.lower())
        if len(data) <= 4096:
            (directory / slug).write_bytes(data)


wire = {name: compact(payload) for name, payload in {**MESSAGES, **UNSIGNED}.items()}
seeds("messages", wire.items())
seeds("json", [(name, wire[name]) for name in ("prompt", "wake", "proof")])
seeds("json", [(name.removeprefix("payload "), unb64(case["jws"].split(".")[1])) for name, case in CRAFTED.items() if name.startswith("payload with ") and "padded" not in name and "foreign" not in name])
seeds("jws", [(entry["name"], entry["jws"]) for entry in accepted] + [(name, case["jws"]) for name, case in CRAFTED.items()])
seeds("general", [("finish", compact(finish_general))] + [(name, compact(value)) for name, value in finish_bad.items()])
seeds("jwe", [("a prompt", SEALED), ("no text", seal(b"")), ("apu and apv", parties)] + [(name, text) for name, _, text in jwe_refused])
seeds("jwk", [(name, compact(key.jwk)) for name, key in KEYS.items()] + [("off curve", compact(off_curve)), ("private", compact(DEVICE.private_jwk()))])
seeds("text", [(f"{number:03} {error or 'accepted'}", text) for number, (_, text, error) in enumerate(TEXTS)])
seeds("ticket", [("a ticket", TICKET), ("reversed", f"{ISSUER}/enrol#" + "&".join(FRAGMENT.split("&")[::-1])), ("unknown member", TICKET + "&y=later"), ("realm", TICKET.replace(ISSUER, "http://localhost:8080/realms/a"))])
seeds("ids", [("device", DEVICE_ID), ("digest", AUD), ("kid of device", DEVICE_KID), ("kid of verified", VERIFIED_KID)])
seeds("der", [("a signature", good), ("small", small), ("top", top), ("zero", sequence(integer(b"\0") + good_s)), ("negative", sequence(integer(b"\x80") + integer(b"\x01")))])
