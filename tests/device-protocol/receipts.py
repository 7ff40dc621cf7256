"""What a relying party does with a receipt, from docs/device-protocol.md ("Receipts") alone."""

import adp
from adp import Refused
from vectors import VALIDATORS


def check(holds, reason):
    if not holds:
        raise Refused(reason)


def opened(text, typ, key):
    """A signed message whose members are of the types of its schema; that the version is another one is for later."""
    try:
        payload = adp.open_jws(text, typ, adp.key_of(key))
    except Refused:
        raise Refused("Signature") from None
    known = type(payload.get("v")) is int and 0 <= payload["v"] <= 255
    message = typ.removeprefix("adp-").removesuffix("+jwt")
    check(VALIDATORS[message].is_valid(payload | {"v": 1} if known else payload), "Signature")
    return payload


def is_published(key):
    """Whether it is a public key of P-256 with its times: other entries of the set are passed over."""
    if not isinstance(key, dict) or (key.get("kty"), key.get("crv")) != ("EC", "P-256") or "d" in key:
        return False
    if not all(type(key.get(time)) is int and -(2**63) <= key[time] < 2**63 for time in ("not_before", "not_after")):
        return False
    try:
        return all(isinstance(key.get(name), str) and adp.decode(key[name], 32) for name in "xy")
    except Refused:
        return False


def by_the_provider(text, typ, keys, received=None):
    """What one of the published keys signed in its time, which had not ended when the decision was received."""
    try:
        kid = adp.hint(text, typ).get("kid")
    except Refused:
        raise Refused("Signature") from None
    key = next((key for key in keys["keys"] if is_published(key) and adp.encode(adp.thumbprint(key)) == kid), None)
    check(key is not None, "UnknownKey")
    payload = opened(text, typ, key)
    received = payload["received_at"] if received is None else received
    check(all(key["not_before"] <= at <= key["not_after"] for at in (payload["iat"], received)), "KeyOutOfTime")
    return payload


def verify(approval, keys, issuer, client, auth_req_id, now):
    """The receipt and the prompt of an approval that is proven."""
    check(all(len(text.encode()) <= adp.MAX_MESSAGE for text in approval.values()), "Signature")
    prompt_hash, decision_hash = (adp.encode(adp.sha256(approval[name])) for name in ("prompt", "decision"))
    receipt = by_the_provider(approval["receipt"], "adp-receipt+jwt", keys)
    check(receipt["v"] == 1, "Version")
    check(receipt["iss"] == issuer, "Issuer")
    check(receipt["aud"] == client, "Client")
    check(receipt["req"] == adp.encode(adp.request_digest(auth_req_id)), "Request")
    check((receipt["prompt"], receipt["decision"]) == (prompt_hash, decision_hash), "Other")

    prompt = by_the_provider(approval["prompt"], "adp-prompt+jwt", keys, receipt["received_at"])
    check(prompt["v"] == 1, "Version")
    check(prompt["iss"] == issuer, "Issuer")
    check(prompt["client"]["id"] == client, "Client")
    check(prompt["req"] == receipt["req"], "Request")

    decision = opened(approval["decision"], "adp-decision+jwt", receipt["key"])
    device, _, role = adp.hint(approval["decision"], "adp-decision+jwt")["kid"].partition("#")
    check(role in ("verified", "device"), "Signature")
    check(decision["iss"] == device, "Key")
    check(decision["v"] == 1, "Version")
    check(decision["aud"] == issuer, "Issuer")
    shown = adp.encode(adp.display_digest(prompt["display"]))
    answered = (prompt["jti"], prompt["nonce"], prompt_hash, shown)
    check(tuple(decision[name] for name in ("prompt", "nonce", "ph", "dh")) == answered, "Unanswered")
    check(decision["decision"] == "approve", "Denied")
    by_device = adp.encode(adp.thumbprint(receipt["key"])) == prompt["aud"]
    check(by_device == (role == "device"), "Key")

    received, made = receipt["received_at"], receipt["iat"]
    check(prompt["iat"] <= received < prompt["exp"] and received <= made <= now + 60, "Times")
    return receipt, prompt
