"""What a receipt proves: every signature, hash and time, in the order of docs/device-protocol.md ("Receipts")."""

from dataclasses import dataclass
from typing import Any

from .encoding import MOST_BYTES, sha256
from .jws import Json, hint, open_jws, thumbprint
from .refused import check
from .shapes import DECISION, PROMPT, RECEIPT, Level, Shape, is_published, phone_key, shaped

TOLERANCE = 60
"""Clocks of two machines may differ by so many seconds."""


@dataclass(frozen=True)
class Proven:
    """What was proven."""

    subject: str
    """Who approved, as the client knows them."""
    display: list[Json]
    """All lines that the phone handed to its app."""
    prompt: Json
    """What was asked, whole."""
    received_at: int
    """When the provider received the approval, in seconds since 1970."""
    role: str
    """Which of the phone's keys signed: `verified` or `device`."""
    level: Level
    """How well that key is proven: `claimed`, `app` or `attested`."""
    key: Json
    """That key."""


def verify(approval: Any, keys: Json, issuer: str, client: str, auth_req_id: str, now: int) -> Proven:
    """Verifies all of a receipt, any time later. `approval` is `approval_receipt` of the token response, `keys` the realm's
    `/receipt-keys`, `now` seconds since 1970."""
    check(isinstance(approval, dict), "Signature")
    texts = [approval.get(name) for name in ("prompt", "decision", "receipt")]
    check(all(map(_is_bounded, texts)), "Signature")
    hashes = [sha256(str(text)) for text in texts]
    receipt = _published(approval["receipt"], "adp-receipt+jwt", RECEIPT, keys)
    check(receipt["v"] == 1, "Version")
    check(receipt["iss"] == issuer, "Issuer")
    check(receipt["aud"] == client, "Client")
    check(_is_well_formed(auth_req_id) and receipt["req"] == sha256("adp1-req", auth_req_id), "Request")
    check([receipt["prompt"], receipt["decision"]] == hashes[:2], "Other")

    received, made = receipt["received_at"], receipt["iat"]
    prompt = _published(approval["prompt"], "adp-prompt+jwt", PROMPT, keys, received)
    check(prompt["v"] == 1, "Version")
    check(prompt["iss"] == issuer, "Issuer")
    check(prompt["client"]["id"] == client, "Client")
    check(prompt["req"] == receipt["req"], "Request")

    device, role = phone_key(hint(approval["decision"], "adp-decision+jwt")["kid"])
    decision = shaped(open_jws(approval["decision"], "adp-decision+jwt", receipt["key"]), DECISION)
    check(decision["iss"] == device, "Key")
    _judge_decision(decision, prompt, hashes[0], issuer)
    by_device = thumbprint(receipt["key"]) == prompt["aud"]
    check(by_device == (role == "device"), "Key")

    check(prompt["iat"] <= received < prompt["exp"] and received <= made <= now + TOLERANCE, "Times")
    return Proven(receipt["sub"], prompt["display"], prompt, received, role, receipt["level"], receipt["key"])


def _is_bounded(text: object) -> bool:
    """Whether it is a text of a message's length that has bytes. Of one that is too long no letter is looked at."""
    return isinstance(text, str) and len(text) <= MOST_BYTES and _is_well_formed(text) and len(text.encode()) <= MOST_BYTES


def _is_well_formed(text: str) -> bool:
    """Whether it has bytes: half of a surrogate pair has none."""
    return not any("\ud800" <= found <= "\udfff" for found in text)


def _published(text: str, typ: str, shape: Shape, keys: Json, received: int | None = None) -> Json:
    """What one of the published keys signed in its time, which had not ended when the decision was received."""
    kid = hint(text, typ)["kid"]
    key = next((key for key in keys["keys"] if is_published(key) and thumbprint(key) == kid), None)
    check(key is not None, "UnknownKey")
    assert key is not None
    message = shaped(open_jws(text, typ, key), shape)
    times = [message["iat"], message["received_at"] if received is None else received]
    check(all(key["not_before"] <= at <= key["not_after"] for at in times), "KeyOutOfTime")
    return message


def _judge_decision(decision: Json, prompt: Json, prompt_hash: str, issuer: str) -> None:
    check(decision["v"] == 1, "Version")
    check(decision["aud"] == issuer, "Issuer")
    texts = [line[part].encode() for line in prompt["display"] for part in ("label", "value")]
    shown = sha256("adp1-display", *(part for text in texts for part in (len(text).to_bytes(4, "big"), text)))
    answered = [prompt["jti"], prompt["nonce"], prompt_hash, shown]
    check([decision[name] for name in ("prompt", "nonce", "ph", "dh")] == answered, "Unanswered")
    check(decision["decision"] == "approve", "Denied")
