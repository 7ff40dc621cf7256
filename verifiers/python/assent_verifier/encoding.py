"""Encodings and hashes, as docs/device-protocol.md ("Encodings") has them: each value has one spelling. What breaks their rules
raises `ValueError`."""

import base64
import hashlib
import json
import math
import re
from typing import Any

MOST_BYTES, MOST_NESTING = 16_384, 8


def encode(data: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: object, length: int | None = None) -> bytes:
    """Strictly: no padding, no white space, no stray bits."""
    if not isinstance(text, str) or not text.isascii():
        raise ValueError("not base64url")
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if encode(data) != text or length not in (None, len(data)):
        raise ValueError("not base64url")
    return data


def sha256(*parts: str | bytes) -> str:
    """SHA-256 of texts (as UTF-8) and bytes, one after the other, spelled."""
    return encode(hashlib.sha256(b"".join(part.encode() if isinstance(part, str) else part for part in parts)).digest())


def read(data: bytes) -> Any:
    """JSON of bounded size and depth, valid UTF-8, with no member twice and no number beyond a double."""

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({name for name, _ in pairs}) < len(pairs):
            raise ValueError("a member twice")
        return dict(pairs)

    def number(text: str) -> float:
        if not math.isfinite(float(text)):
            raise ValueError("a number that cannot be represented")
        return float(text)

    def whole(text: str) -> int:
        number(text)
        return int(text)

    if len(data) > MOST_BYTES:
        raise ValueError("too large")
    text = data.decode()
    if _nesting(text) > MOST_NESTING:
        raise ValueError("nested too deep")
    value = json.loads(text, object_pairs_hook=members, parse_float=number, parse_int=whole, parse_constant=number)
    json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair has no UTF-8
    return value


def _nesting(text: str) -> int:
    """How deep it is nested. A string without an end takes all that is left, so that no letter is looked at twice."""
    depth = deepest = 0
    for token in re.findall(r'"(?:[^"\\]|\\.)*"?|[\[\]{}]', text, re.DOTALL):
        depth += (token in "[{") - (token in "]}")
        deepest = max(deepest, depth)
    return deepest
