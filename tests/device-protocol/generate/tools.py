"""What the vectors are made of: encodings, fixed keys and ids, signatures."""

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

FOLDER = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[3])
HERE = FOLDER / "docs" / "device-protocol" / "vectors"
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
