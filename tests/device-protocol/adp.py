"""The Assent Device Protocol, version 1, as its paper (docs/device-protocol.md) has it: what any phone needs, and nothing of
the project's own code. Signatures and encryption are jwcrypto's.

Whatever is not taken raises `Refused` with the reason's name as the vectors spell it.
"""

import base64
import hashlib
import json
import re

from jwcrypto import jwe, jwk, jws
from jwcrypto.common import JWException

MAX_MESSAGE, MAX_NESTING = 16 * 1024, 8


class Refused(Exception):
    """The reason's name is all that it says."""


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text, length=None):
    """Unpadded base64url of exactly one spelling; `length` in bytes, where it is fixed."""
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        raise Refused("Malformed") from None
    if encode(data) != text or length not in (None, len(data)):
        raise Refused("Malformed")
    return data


# ------------------------------------------------------------------------------------------------------------- hashes


def sha256(data):
    return hashlib.sha256(data if isinstance(data, bytes) else data.encode()).digest()


def labelled(label, *parts):
    return sha256(label.encode() + b"".join(parts))


def request_digest(auth_req_id):
    return labelled("adp1-req", auth_req_id.encode())


def display_digest(lines):
    texts = [line[part].encode() for line in lines for part in ("label", "value")]
    return labelled("adp1-display", *(len(text).to_bytes(4, "big") + text for text in texts))


def ticket_hash(root, code, expiry):
    return labelled("adp1-ticket", root, labelled("adp1-ticket-id", code), expiry.to_bytes(8, "big", signed=True))


def nonce_commitment(nonce):
    return labelled("adp1-cs", nonce)


def attestation_challenge(offer):
    return labelled("adp1-att", offer)


def routing_id(prompt):
    """The `rid` of the pushes about a prompt, by the bytes of its `jti`."""
    return labelled("adp1-rid", prompt)[:16]


def finish_hash(general):
    return labelled("adp1-finish", general["payload"].encode())


def check_digits(offer, finish, nonce):
    head = labelled("adp1-sas", offer, finish, nonce)[:8]
    return f"{int.from_bytes(head, 'big') % 1_000_000:06}"


def thumbprint(public):
    return sha256(json.dumps({name: public[name] for name in ("crv", "kty", "x", "y")}, separators=(",", ":")))


# ----------------------------------------------------------------------------------------------------------- evidence


def android_chains(data):
    """The chains of `device` and `verified`, each a list of certificates, leaf first."""

    def take(length):
        nonlocal data
        if len(data) < length:
            raise Refused("Malformed")
        taken, data = data[:length], data[length:]
        return taken

    def chain():
        count = take(1)[0]
        if not 1 <= count <= 8:
            raise Refused("Malformed")
        return [take(int.from_bytes(take(2), "big")) for _ in range(count)]

    device, verified = chain(), chain()
    if data:
        raise Refused("Malformed")
    return device, verified if len(verified) > 1 else verified + device[1:]


def client_data_hash(payload, data):
    """What App Attest is made over: the payload as it is, with nothing between the quotes of `evidence.data`."""
    quoted = b'"' + data.encode() + b'"'
    if payload.count(quoted) != 1:
        raise Refused("Malformed")
    return sha256(payload.replace(quoted, b'""'))


# --------------------------------------------------------------------------------------------------------------- JSON


def nesting(text):
    depth = deepest = 0
    for token in re.findall(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', text, re.DOTALL):
        depth += (token in "[{") - (token in "]}")
        deepest = max(deepest, depth)
    return deepest


def parse(data, limit=MAX_MESSAGE):
    """JSON as this protocol wants it: one value of valid UTF-8, no member twice, bounded."""

    def members(pairs):
        if len({name for name, _ in pairs}) < len(pairs):
            raise Refused("Json(DuplicateMember)")
        return dict(pairs)

    def number(text):
        if abs(float(text)) == float("inf"):
            raise Refused("Json(Syntax)")
        return float(text)

    def whole(text):
        number(text)
        return int(text)

    def constant(_):
        raise Refused("Json(Syntax)")

    if len(data) > limit:
        raise Refused("Json(TooLarge)")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise Refused("Json(NotUtf8)") from None
    if nesting(text) > MAX_NESTING:
        raise Refused("Json(TooDeep)")
    try:
        value = json.loads(text, object_pairs_hook=members, parse_float=number, parse_int=whole, parse_constant=constant)
        json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair has no UTF-8
    except ValueError:
        raise Refused("Json(Syntax)") from None
    return value


# --------------------------------------------------------------------------------------------------------- signatures


def key_of(public):
    """A P-256 public key that is on its curve."""
    if set(public) & {"d"} or (public.get("kty"), public.get("crv")) != ("EC", "P-256"):
        raise Refused("Json(Shape)")
    try:
        key = jwk.JWK(**{name: public[name] for name in ("kty", "crv", "x", "y")})
        key.get_op_key("verify")
    except (ValueError, KeyError, JWException):
        raise Refused("BadKey") from None
    return key


def header_of(protected, typ):
    """A protected header that says ES256 and this `typ`, and names one key."""
    header = parse(decode(protected))
    public = header.get("jwk") if isinstance(header, dict) else None
    if not (isinstance(header, dict) and isinstance(header.get("alg"), str) and isinstance(header.get("typ"), str)):
        raise Refused("Json(Shape)")
    if not isinstance(header.get("kid", ""), str) or ("jwk" in header and not isinstance(public, dict)):
        raise Refused("Json(Shape)")
    if public is not None:
        for coordinate in ("x", "y"):
            try:
                decode(public.get(coordinate, ""), 32)
            except Refused:
                raise Refused("Json(Shape)") from None
        if "d" in public or (public.get("kty"), public.get("crv")) != ("EC", "P-256"):
            raise Refused("Json(Shape)")
    if header["typ"] != typ:
        raise Refused("Typ")
    if header["alg"] != "ES256":
        raise Refused("Algorithm")
    if "crit" in header:
        raise Refused("Critical")
    if ("kid" in header) == ("jwk" in header):
        raise Refused("Malformed")
    return header


def verify(protected, payload, signature, key):
    token = jws.JWS()
    try:
        token.deserialize(f"{protected}.{payload}.{signature}")
        token.allowed_algs = ["ES256"]
        token.verify(key)
    except (JWException, ValueError):
        raise Refused("BadSignature") from None


def split(text):
    if len(text) > MAX_MESSAGE:
        raise Refused("TooLarge")
    parts = text.split(".")
    if len(parts) != 3:
        raise Refused("Malformed")
    return parts


def hint(text, typ):
    """The header of a compact JWS: a way to look a key up, never a reason to trust it."""
    return header_of(split(text)[0], typ)


def open_jws(text, typ, key):
    """The payload of a compact JWS by this key."""
    protected, payload, signature = split(text)
    header_of(protected, typ)
    content = decode(payload)
    decode(signature, 64)
    verify(protected, payload, signature, key)
    return parse(content)


def open_general(general, typ, keys):
    """The payload of a general JWS that exactly these keys signed, in this order."""
    if len(general["signatures"]) != len(keys):
        raise Refused("Malformed")
    if len(general["payload"]) > MAX_MESSAGE:
        raise Refused("TooLarge")
    content = decode(general["payload"])
    for entry, key in zip(general["signatures"], keys):
        header_of(entry["protected"], typ)
        decode(entry["signature"], 64)
        verify(entry["protected"], general["payload"], entry["signature"], key)
    return parse(content)


def sign_part(protected, payload, key):
    token = jws.JWS(payload)
    token.add_signature(key, alg="ES256", protected=json.dumps(protected))
    parts = token.serialize(compact=True).split(".")
    return parts


def sign_jws(typ, payload, key, **hint):
    body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
    return ".".join(sign_part({"alg": "ES256", "typ": typ, **hint}, body, key))


def sign_general(typ, payload, signers):
    """`signers` are pairs of a key and the header members that name it."""
    body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
    parts = [sign_part({"alg": "ES256", "typ": typ, **hint}, body, key) for key, hint in signers]
    signatures = [{"protected": protected, "signature": signature} for protected, _, signature in parts]
    return {"payload": encode(body), "signatures": signatures}


# ------------------------------------------------------------------------------------------------------ sealed pushes


def unseal(text, key):
    """What was sealed to this key, without its padding."""
    if len(text) > MAX_MESSAGE:
        raise Refused("TooLarge")
    parts = text.split(".")
    if len(parts) != 5 or parts[1]:
        raise Refused("Malformed")
    header = parse(decode(parts[0]))
    if not all(isinstance(header.get(name), kind) for name, kind in (("alg", str), ("enc", str), ("epk", dict))):
        raise Refused("Json(Shape)")
    if "d" in header["epk"]:
        raise Refused("Json(Shape)")
    if (header["alg"], header["enc"]) != ("ECDH-ES", "A256GCM"):
        raise Refused("Algorithm")
    if "crit" in header or "zip" in header:
        raise Refused("Critical")
    for party in ("apu", "apv"):
        decode(header.get(party, ""))
    for part, length in ((parts[2], 12), (parts[3], None), (parts[4], 16)):
        decode(part, length)
    key_of(header["epk"])
    token = jwe.JWE(algs=["ECDH-ES", "A256GCM"])
    try:
        token.deserialize(text, key=key)
    except (JWException, ValueError):
        raise Refused("Unauthentic") from None
    return token.payload.rstrip(b" ")


# ------------------------------------------------------------------------------------------------------------ tickets


def parse_ticket(text):
    """Issuer, code, root thumbprint and expiry of an enrolment link."""
    issuer, found, fragment = text.partition("/enrol#")
    if not found or not re.fullmatch(r"https?://(?!/)[!-~]+(?<!/)", issuer) or re.search(r"[@?#\\]", issuer):
        raise Refused("NotATicket")
    members = {}
    for pair in fragment.split("&"):
        name, found, value = pair.partition("=")
        if not found or (name in members and name in ("v", "c", "k", "x")):
            raise Refused("NotATicket")
        members[name] = value
    try:
        code, root = decode(members["c"], 16), decode(members["k"], 32)
        expiry = members["x"]
    except (KeyError, Refused):
        raise Refused("NotATicket") from None
    if members.get("v") != "1" or not re.fullmatch(r"0|[1-9][0-9]*", expiry) or int(expiry) >= 2**63:
        raise Refused("NotATicket")
    return {"issuer": issuer, "code": code, "root": root, "expires_at": int(expiry)}
