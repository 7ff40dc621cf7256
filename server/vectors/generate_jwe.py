"""Writes the vectors of JWEs, by `cryptography` and not by the code that they test.

    pip install cryptography && python generate_jwe.py

The RSA key is kept from the file that is there, and everything else is deterministic but the padding of RSA-OAEP. A case of
`refused` breaks the one rule that its name says and is sound otherwise: it is sealed as it is, so that nothing but the rule
refuses it. Each case is also a seed of the fuzz target `encrypted`.
"""

import base64
import hashlib
import json
import pathlib

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash

HERE = pathlib.Path(__file__).parent
FILE, SEEDS = HERE / "jwe.json", HERE.parent / "fuzz" / "corpus" / "encrypted"
CONTENT = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxMDAxIn0.AAAA"
CLAIMS = '{"sub":"1001"}'
CURVES = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1()}


def b64(data):
    return base64.urlsafe_b64encode(data if isinstance(data, bytes) else data.encode()).rstrip(b"=").decode()


def random(name, size):
    return hashlib.shake_256(f"assent vector {name}".encode()).digest(size)


def agreeing(kind, name):
    if kind == "X25519":
        return x25519.X25519PrivateKey.from_private_bytes(random(name, 32))
    return ec.derive_private_key(int.from_bytes(random(name, 32), "big"), CURVES[kind])


def rsa_key():
    if not FILE.exists():
        return rsa.generate_private_key(65537, 2048)
    return serialization.load_der_private_key(base64.b64decode(json.loads(FILE.read_text())["keys"]["RSA"]), None)


KINDS = {kind: agreeing(kind, f"recipient on {kind}") for kind in [*CURVES, "X25519"]} | {"RSA": rsa_key()}
STRANGER = agreeing("P-256", "stranger")


def public(key):
    if isinstance(key, x25519.X25519PrivateKey):
        raw = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return {"kty": "OKP", "crv": "X25519", "x": b64(raw)}
    numbers = key.public_key().public_numbers()
    size = (key.curve.key_size + 7) // 8
    crv = next(name for name, curve in CURVES.items() if curve.name == key.curve.name)
    return {"kty": "EC", "crv": crv, **{c: b64(getattr(numbers, c).to_bytes(size, "big")) for c in "xy"}}


def agreed(ephemeral, recipient, header):
    theirs = recipient.public_key()
    agrees = isinstance(theirs, ec.EllipticCurvePublicKey)
    secret = ephemeral.exchange(ec.ECDH(), theirs) if agrees else ephemeral.exchange(theirs)
    party = [base64.urlsafe_b64decode(header[name] + "==") if name in header else b"" for name in ("apu", "apv")]
    info = b"".join(len(part).to_bytes(4, "big") + part for part in [b"A256GCM", *party]) + (256).to_bytes(4, "big")
    return ConcatKDFHash(hashes.SHA256(), 32, info).derive(secret)


def sealed(kind, members, content=CONTENT, to=None, iv_bytes=12, protected=None):
    """The five parts. `members` are those of the header beside `alg`, `enc` and `epk`, or in their place; None leaves one out."""
    recipient, name = to or KINDS[kind], f"{kind} {json.dumps(members)}"
    header = {"alg": "ECDH-ES", "enc": "A256GCM", "kid": kind}
    if kind == "RSA":
        header["alg"], key = "RSA-OAEP-256", random(f"key {name}", 32)
        oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
        encrypted = recipient.public_key().encrypt(key, oaep)
    else:
        ephemeral, encrypted = agreeing(kind, f"ephemeral {name}"), b""
        header["epk"] = public(ephemeral)
        key = agreed(ephemeral, recipient, members)
    header = {k: v for k, v in (header | members).items() if v is not None}
    protected = protected or b64(json.dumps(header, separators=(",", ":")))
    iv = random(f"iv {name}", iv_bytes)
    both = AESGCM(key).encrypt(iv, content.encode(), protected.encode())
    return [protected, b64(encrypted), b64(iv), b64(both[:-16]), b64(both[-16:])]


def changed(parts, at, part):
    return [*parts[:at], part, *parts[at + 1 :]]


def flipped(part):
    data = bytearray(base64.urlsafe_b64decode(part + "=="))
    data[0] ^= 1
    return b64(bytes(data))


def accepted():
    for kind in KINDS:
        yield f"a JWT on {kind}", kind, CONTENT, sealed(kind, {"cty": "JWT"})
    yield "cty in small letters", "P-256", CONTENT, sealed("P-256", {"cty": "jwt"})
    yield "claims", "P-256", CLAIMS, sealed("P-256", {}, CLAIMS)
    yield "without a kid", "P-256", CONTENT, sealed("P-256", {"cty": "JWT", "kid": None})
    yield "with apu and apv", "P-256", CONTENT, sealed("P-256", {"cty": "JWT", "apu": b64("Alice"), "apv": b64("Bob")})


def refused():
    jwt = {"cty": "JWT"}
    one, by_rsa = sealed("P-256", jwt), sealed("RSA", jwt)
    x_of_stranger = public(STRANGER)["x"]
    epk = public(agreeing("P-256", "another ephemeral key"))
    zero = b64(bytes(32))
    for kind, parts in {"P-256": one, "RSA": by_rsa}.items():
        yield "tag changed", "Unauthentic", kind, changed(parts, 4, flipped(parts[4]))
        yield "ciphertext changed", "Unauthentic", kind, changed(parts, 3, flipped(parts[3]))
        yield "iv changed", "Unauthentic", kind, changed(parts, 2, flipped(parts[2]))
        yield "header with a space more", "Unauthentic", kind, changed(
            parts, 0, b64(base64.urlsafe_b64decode(parts[0] + "==").replace(b"{", b"{ ", 1))
        )
        yield "iv of 11 bytes", "Form", kind, sealed(kind, jwt, iv_bytes=11)
        yield "iv of 16 bytes", "Form", kind, sealed(kind, jwt, iv_bytes=16)
        yield "tag of 12 bytes", "Form", kind, changed(parts, 4, parts[4][:16])
        yield "no tag", "Form", kind, changed(parts, 4, "")
        yield "four parts", "Form", kind, parts[:4]
        yield "six parts", "Form", kind, [*parts, ""]
        yield "padded base64url", "Form", kind, changed(parts, 2, parts[2] + "=")
        for name in ("crit", "zip"):
            value = {"crit": ["exp"], "zip": "DEF"}[name]
            yield name, "Extension", kind, sealed(kind, jwt | {name: value})
        for enc in ("A128GCM", "A128CBC-HS256", "a256gcm", None):
            yield f"enc {enc}", "Algorithm", kind, sealed(kind, jwt | {"enc": enc})
        for alg in ("none", "dir", "RSA1_5", "RSA-OAEP", "ECDH-ES+A256KW", None):
            yield f"alg {alg}", "Algorithm", kind, sealed(kind, jwt | {"alg": alg})
        yield "kid of another", "Key", kind, sealed(kind, jwt | {"kid": "other"})
        yield "cty missing", "Content", kind, sealed(kind, {})
        yield "cty of something else", "Content", kind, sealed(kind, {"cty": "json"})
        yield "header is a list", "Form", kind, changed(parts, 0, b64("[]"))
        twice = base64.urlsafe_b64decode(parts[0] + "==").replace(b"{", b'{"cty":"JWT",', 1).decode()
        yield "header with a member twice", "Form", kind, sealed(kind, jwt, protected=b64(twice))
    yield "alg of the other kind", "Algorithm", "P-256", sealed("P-256", jwt | {"alg": "RSA-OAEP-256"})
    yield "sealed to another key", "Unauthentic", "P-256", sealed("P-256", jwt, to=STRANGER)
    yield "sealed to another key", "Unauthentic", "RSA", changed(by_rsa, 1, flipped(by_rsa[1]))
    yield "an encrypted key", "Form", "P-256", changed(one, 1, b64(bytes(32)))
    yield "no encrypted key", "Unauthentic", "RSA", changed(by_rsa, 1, "")
    yield "epk missing", "Key", "P-256", sealed("P-256", jwt | {"epk": None})
    yield "epk swapped", "Unauthentic", "P-256", sealed("P-256", jwt | {"epk": epk})
    yield "epk off the curve", "Key", "P-256", sealed("P-256", jwt | {"epk": epk | {"y": x_of_stranger}})
    yield "epk at infinity", "Key", "P-256", sealed("P-256", jwt | {"epk": epk | {"x": zero, "y": zero}})
    yield "epk on another curve", "Key", "P-256", sealed("P-256", jwt | {"epk": public(agreeing("P-384", "other curve"))})
    yield "epk short", "Key", "P-256", sealed("P-256", jwt | {"epk": epk | {"x": b64(bytes(31))}})
    yield "epk with a private member", "Key", "P-256", sealed("P-256", jwt | {"epk": epk | {"d": zero}})
    yield "epk of small order", "Key", "X25519", sealed("X25519", jwt | {"epk": {"kty": "OKP", "crv": "X25519", "x": zero}})
    yield "apu oversize", "TooLong", "P-256", sealed("P-256", jwt | {"apu": b64(bytes(257))})
    yield "apv oversize", "TooLong", "P-256", sealed("P-256", jwt | {"apv": b64(bytes(257))})
    yield "apu no text", "Form", "P-256", changed(one, 0, b64(json.dumps(header_of(one) | {"apu": 7})))


def header_of(parts):
    return json.loads(base64.urlsafe_b64decode(parts[0] + "=="))


def private(key):
    """The bytes of `d`; an RSA key in PKCS #8."""
    if isinstance(key, x25519.X25519PrivateKey):
        raw = key.private_bytes_raw()
    elif isinstance(key, rsa.RSAPrivateKey):
        form = serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        raw = key.private_bytes(*form)
    else:
        raw = key.private_numbers().private_value.to_bytes((key.curve.key_size + 7) // 8, "big")
    return base64.b64encode(raw).decode()


def main():
    good = [{"name": n, "key": k, "content": c, "jwe": ".".join(parts)} for n, k, c, parts in accepted()]
    bad = [{"name": n, "error": e, "key": k, "jwe": ".".join(parts)} for n, e, k, parts in refused()]
    keys = {kind: private(key) for kind, key in KINDS.items()}
    FILE.write_text(json.dumps({"keys": keys, "accepted": good, "refused": bad}, indent=1) + "\n")
    SEEDS.mkdir(parents=True, exist_ok=True)
    for case in good + bad:
        name = f"{case['name']} {case['key']}".lower().replace(" ", "-").replace("+", "-")
        (SEEDS / name).write_text(case["jwe"])


main()
