"""Of which type the members of the three messages are (docs/device-protocol.md). One that is not is refused as a signature that
does not hold (`Signature`), before anything is judged by it. Members that nothing is judged by are not looked at."""

from collections.abc import Callable
from typing import Literal, get_args

from .encoding import decode
from .jws import Json
from .refused import check

Shape = dict[str, Callable[[object], bool]]

Level = Literal["claimed", "app", "attested"]
"""How well the phone's key is proven; each more than the one before."""

LEVELS: tuple[Level, ...] = get_args(Level)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_line(value: object) -> bool:
    return isinstance(value, dict) and _is_text(value.get("label")) and _is_text(value.get("value"))


def _is_time(value: object) -> bool:
    """Whole seconds of 64 bits."""
    return type(value) is int and -(2**63) <= value < 2**63


def _is_version(value: object) -> bool:
    """A number of one byte, of which 1 alone is known."""
    return type(value) is int and 0 <= value <= 255


def _is_bytes(value: object, length: int) -> bool:
    """So many bytes in base64url."""
    try:
        return len(decode(value, length)) == length
    except ValueError:
        return False


def _is_id(value: object) -> bool:
    return _is_bytes(value, 16)


def _is_digest(value: object) -> bool:
    return _is_bytes(value, 32)


def _is_public_key(value: object) -> bool:
    if not isinstance(value, dict) or (value.get("kty"), value.get("crv")) != ("EC", "P-256"):
        return False
    return "d" not in value and all(_is_digest(value.get(name)) for name in "xy")


def is_published(value: object) -> bool:
    """Whether it is a key with its times: what else is published is none of a receipt's."""
    return isinstance(value, dict) and _is_public_key(value) and all(_is_time(value.get(time)) for time in ("not_before", "not_after"))


RECEIPT: Shape = {
    "iss": _is_text,
    "aud": _is_text,
    "sub": _is_text,
    "req": _is_digest,
    "prompt": _is_digest,
    "decision": _is_digest,
    "received_at": _is_time,
    "key": _is_public_key,
    "level": lambda value: value in LEVELS,
    "iat": _is_time,
    "v": _is_version,
}

PROMPT: Shape = {
    "iss": _is_text,
    "aud": _is_digest,
    "jti": _is_id,
    "nonce": _is_id,
    "iat": _is_time,
    "exp": _is_time,
    "v": _is_version,
    "req": _is_digest,
    "client": lambda value: isinstance(value, dict) and _is_text(value.get("id")),
    "authorization_details": lambda value: isinstance(value, list),
    "display": lambda value: isinstance(value, list) and all(map(_is_line, value)),
}

DECISION: Shape = {
    "iss": _is_id,
    "aud": _is_text,
    "v": _is_version,
    "prompt": _is_id,
    "nonce": _is_id,
    "ph": _is_digest,
    "dh": _is_digest,
    "decision": lambda value: value in ("approve", "deny"),
}


def shaped(message: Json, shape: Shape) -> Json:
    """The message, if its members are of these types."""
    check(all(fits(message.get(name)) for name, fits in shape.items()), "Signature")
    return message


def phone_key(kid: str) -> tuple[str, str]:
    """The phone and the role that a decision's `kid` names: exactly two parts."""
    device, _, role = kid.partition("#")
    check(_is_id(device) and role in ("verified", "device"), "Signature")
    return device, role
