"""Compact JWS by P-256 and ES256, as docs/device-protocol.md ("Signatures") has them."""

import json
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from .encoding import decode, read, sha256
from .refused import Refused, check

Json = dict[str, Any]


def thumbprint(key: Json) -> str:
    """The thumbprint of a key (RFC 7638)."""
    return sha256(json.dumps({"crv": "P-256", "kty": "EC", "x": key["x"], "y": key["y"]}, separators=(",", ":")))


def hint(text: str, typ: str) -> Json:
    """The header of what is signed as this type: a way to look a key up, never a reason to trust it."""
    parts = text.split(".")
    header = _read(parts[0])
    check(len(parts) == 3 and header.get("typ") == typ and header.get("alg") == "ES256", "Signature")
    check(not {"crit", "jwk"} & set(header) and isinstance(header.get("kid"), str), "Signature")
    return header


def open_jws(text: str, typ: str, key: object) -> Json:
    """The payload of a text that this key signed as this type."""
    hint(text, typ)
    header, payload, signature = text.split(".")
    try:
        public, signed = _public(key), decode(signature, 64)
        r, s = (int.from_bytes(half, "big") for half in (signed[:32], signed[32:]))
        public.verify(encode_dss_signature(r, s), f"{header}.{payload}".encode(), ec.ECDSA(hashes.SHA256()))
    except (ValueError, InvalidSignature):
        raise Refused("Signature") from None
    return _read(payload)


def _public(key: object) -> ec.EllipticCurvePublicKey:
    """A public key that is on its curve."""
    if not isinstance(key, dict) or (key.get("kty"), key.get("crv")) != ("EC", "P-256") or "d" in key:
        raise ValueError("not a public key of P-256")
    x, y = (int.from_bytes(decode(key.get(name), 32), "big") for name in ("x", "y"))
    return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()


def _read(part: str) -> Json:
    try:
        value = read(decode(part))
    except ValueError:
        raise Refused("Signature") from None
    check(isinstance(value, dict), "Signature")
    return dict(value)
