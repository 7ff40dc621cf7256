"""What a receipt proves: every signature, hash and time, in the order of docs/device-protocol.md ("Receipts")."""

from dataclasses import dataclass
from typing import Any

from .encoding import MOST_BYTES, sha256
from .jws import Json, hint, is_p256, open_jws, thumbprint
from .refused import check

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
    level: str
    """How well that key is proven: `claimed`, `app` or `attested`."""
    key: Json
    """That key."""


def verify(approval: Any, keys: Json, issuer: str, client: str, auth_req_id: str, now: int) -> Proven:
    """Verifies all of a receipt, any time later. `approval` is `approval_receipt` of the token response, `keys` the realm's
    `/receipt-keys`, `now` seconds since 1970."""
    check(isinstance(approval, dict), "Signature")
    texts = [approval.get(name) for name in ("prompt", "decision", "receipt")]
    check(all(isinstance(text, str) and text.isascii() and len(text) <= MOST_BYTES for text in texts), "Signature")
    hashes = [sha256(str(text)) for text in texts]
    receipt = _published(approval["receipt"], "adp-receipt+jwt", keys)
    check(type(receipt.get("v")) is int and receipt["v"] == 1, "Version")
    check(receipt.get("iss") == issuer, "Issuer")
    check(receipt.get("aud") == client, "Client")
    check(receipt.get("req") == sha256("adp1-req", auth_req_id), "Request")
    check([receipt.get("prompt"), receipt.get("decision")] == hashes[:2], "Other")

    prompt = _published(approval["prompt"], "adp-prompt+jwt", keys, receipt["received_at"])
    check(type(prompt.get("v")) is int and prompt["v"] == 1, "Version")
    check(prompt.get("iss") == issuer, "Issuer")
    named = prompt.get("client")
    check(isinstance(named, dict) and named.get("id") == client, "Client")
    check(prompt.get("req") == receipt["req"], "Request")

    decision = open_jws(approval["decision"], "adp-decision+jwt", receipt.get("key"))
    device, _, role = hint(approval["decision"], "adp-decision+jwt")["kid"].partition("#")  # a second # is in no role
    check(decision.get("iss") == device and role in ("verified", "device"), "Key")
    _judge_decision(decision, prompt, hashes[0], issuer)
    check(role == "verified" or thumbprint(receipt["key"]) == prompt.get("aud"), "Key")

    asked, received, ends, made = prompt["iat"], receipt["received_at"], prompt.get("exp"), receipt["iat"]
    check(_is_time(ends) and _is_time(made) and asked <= received < ends and received <= made <= now + TOLERANCE, "Times")
    subject, level = receipt.get("sub"), str(receipt.get("level"))
    check(isinstance(subject, str), "Signature")
    return Proven(str(subject), prompt["display"], prompt, received, role, level, receipt["key"])


def _is_time(at: object) -> bool:
    """Whole seconds that every language can hold."""
    return type(at) is int and abs(at) < 2**53


def _published(text: str, typ: str, keys: Json, received: int | None = None) -> Json:
    """What one of the published keys signed in its time, which had not ended when the decision was received."""
    kid = hint(text, typ)["kid"]
    key = next((key for key in keys["keys"] if is_p256(key) and thumbprint(key) == kid), None)
    check(key is not None, "UnknownKey")
    assert key is not None
    message = open_jws(text, typ, key)
    times = [message.get("iat"), message.get("received_at") if received is None else received]
    check(all(_is_time(at) for at in [*times, key.get("not_before"), key.get("not_after")]), "KeyOutOfTime")
    check(all(key["not_before"] <= at <= key["not_after"] for at in times), "KeyOutOfTime")
    return message


def _judge_decision(decision: Json, prompt: Json, prompt_hash: str, issuer: str) -> None:
    check(type(decision.get("v")) is int and decision["v"] == 1, "Version")
    check(decision.get("aud") == issuer, "Issuer")
    lines = prompt.get("display")
    check(isinstance(lines, list) and all(isinstance(line, dict) for line in lines), "Unanswered")
    texts = [line.get(part) for line in prompt["display"] for part in ("label", "value")]
    check(all(isinstance(text, str) for text in texts), "Unanswered")
    encoded = [str(text).encode() for text in texts]
    parts = [part for text in encoded for part in (len(text).to_bytes(4, "big"), text)]
    answered = [prompt.get("jti"), prompt.get("nonce"), prompt_hash, sha256("adp1-display", *parts)]
    check([decision.get(name) for name in ("prompt", "nonce", "ph", "dh")] == answered, "Unanswered")
    check(decision.get("decision") == "approve", "Denied")
