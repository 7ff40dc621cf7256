"""`jws.json`: what verifies, what does not and why."""

from flow import *

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


def signed_by_bytes(place, change):
    """The finish with one signature written otherwise."""
    entries = [dict(entry) for entry in finish_general["signatures"]]
    entries[place]["signature"] = change(unb64(entries[place]["signature"]))
    return {**finish_general, "signatures": entries}


def der_of(signature):
    return utils.encode_dss_signature(*(int.from_bytes(half, "big") for half in (signature[:32], signature[32:])))


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
    "first signature of 63 bytes": signed_by_bytes(0, lambda signature: b64(signature[:63])),
    "second signature of 65 bytes": signed_by_bytes(1, lambda signature: b64(signature + b"\0")),
    "second signature empty": signed_by_bytes(1, lambda _: ""),
    "second signature in DER": signed_by_bytes(1, lambda signature: b64(der_of(signature))),
    "second signature with stray bits": signed_by_bytes(1, lambda signature: b64(signature)[:-1] + chr(ord(b64(signature)[-1]) + 1)),
    "second signature padded": signed_by_bytes(1, lambda signature: b64(signature) + "=="),
    "payload padded": general(finish, FINISH_SIGNERS, encoded=b64(compact(finish)) + "="),
    "payload larger than 16 KiB": general({**finish, "a": "x" * 16384}, FINISH_SIGNERS),
}
finish_errors = "BadSignature Malformed Malformed Malformed BadSignature BadSignature BadSignature Typ Algorithm Critical".split()
finish_errors += ["Malformed"] * 7 + ["TooLarge"]

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
