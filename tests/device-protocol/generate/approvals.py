"""`receipts.json`: what an approval proves to a relying party, and why other ones prove nothing."""

from flow import *

# Two leaked: their time ended when they were revoked, the second's just before the decision came.
LEAKED, LEAKED_BEFORE = Key("signing key that leaked"), Key("signing key that leaked before")
SIGNERS = {**KEYS, "leaked": LEAKED}
TIMES = {"not_before": NOW - 86400, "not_after": NOW + 86400 * 399}
PUBLISHED = {**SIGNING.jwk, **TIMES}
# A set may come to hold what is none of a receipt's, and what is damaged: both are passed over.
KEYS_PUBLISHED = [
    None,
    "key",
    {},
    {"kty": "RSA", "n": "AQAB", "e": "AQAB", **TIMES},
    {"kty": "OKP", "crv": "Ed25519", "x": SIGNING.jwk["x"], **TIMES},
    SIGNING.jwk,
    {**PUBLISHED, "kid": b64(SIGNING.thumbprint), "alg": "ES256", "use": "sig"},
    {**LEAKED.jwk, "not_before": NOW - 86400, "not_after": NOW + 125},
    {**LEAKED_BEFORE.jwk, "not_before": NOW - 86400, "not_after": NOW + 120},
    {**OTHER.jwk, **TIMES, "crv": "P-384"},
    {**OTHER.jwk, **TIMES, "x": OTHER.jwk["x"] + "="},
    TIMES,
]
LATER = NOW + 86400 * 365 * 3
RECEIPT = MESSAGES["receipt"]
CASES = []


def approval(prompt_says=(), decision_says=(), receipt_says=(), hashes=True, by="verified", signer="signing", asker=SIGNING, role=None):
    """One approval with changes. With `hashes` those that come after a change follow it, as a forger's would."""
    asked = {**prompt_payload, **dict(prompt_says)}
    prompt_text = jws(header("prompt", kid=b64(asker.thumbprint)), asked, asker)
    said = {**approve}
    if hashes:
        said |= {"ph": b64(sha(prompt_text))}
    if hashes and "dh" not in dict(decision_says):
        said |= {"dh": b64(display_digest(asked["display"]))}
    said |= dict(decision_says)
    said = {name: value for name, value in said.items() if value is not ...}
    decision_text = jws(header("decision", kid=f"{DEVICE_ID}#{role or by}"), said, KEYS[by])
    made = {**RECEIPT}
    if hashes:
        made |= {"req": asked["req"], "prompt": b64(sha(prompt_text)), "decision": b64(sha(decision_text))}
    made |= dict(receipt_says)
    made = {name: value for name, value in made.items() if value is not ...}
    receipt_text = jws(header("receipt", kid=b64(SIGNERS[signer].thumbprint)), made, SIGNERS[signer])
    return {"prompt": prompt_text, "decision": decision_text, "receipt": receipt_text}


CHANGES = ("prompt_says", "decision_says", "receipt_says", "hashes", "by", "signer", "asker", "role")


def case(name, reason, **given):
    made = approval(**{change: given.pop(change) for change in CHANGES if change in given}) | given.pop("approval", {})
    CASES.append({"name": name, "reason": reason, "approval": made, **given})


ANOTHER, ANOTHER_ID = b64(sha(b"another")), ident("another")
case("as it is", None)
case("signed by device", None, by="device", receipt_says={"key": DEVICE.jwk}, prompt_says={"uv": "none"})
case("without evidence", None, receipt_says={"evidence": ...})
case("handed to another client", "Client", client="bank")
case("of another request", "Request", auth_req_id="another request")
case("of another issuer", "Issuer", issuer="https://other.example")
case("before it was made", "Times", now=NOW + 60)
case("whose receipt is for another client", "Client", receipt_says={"aud": "bank"})
case("whose receipt is of another issuer", "Issuer", receipt_says={"iss": "https://other.example"})
case("whose receipt is of version 2", "Version", receipt_says={"v": 2})
case("whose receipt is about another request", "Request", receipt_says={"req": ANOTHER})
case("whose receipt is about another prompt", "Other", receipt_says={"prompt": ANOTHER})
case("whose receipt is about another decision", "Other", receipt_says={"decision": ANOTHER})
case("whose receipt names another key", "Signature", receipt_says={"key": OTHER.jwk})
case("whose receipt names a key for the one its prompt was for", "Key", by="other", role="device", receipt_says={"key": OTHER.jwk}, prompt_says={"uv": "none"})
case("whose phone calls its device key the one that verifies", "Key", by="device", role="verified", receipt_says={"key": DEVICE.jwk})
case("answered before it was asked", "Times", receipt_says={"received_at": NOW + 99})
case("answered after its end", "Times", receipt_says={"received_at": NOW + 208})
case("attested before it was answered", "Times", receipt_says={"iat": NOW + 120})
case("whose receipt is signed by another key", "UnknownKey", signer="other")
for name, entry in (
    ("has no beginning", {**SIGNING.jwk, "not_after": TIMES["not_after"]}),
    ("has no end", {**SIGNING.jwk, "not_before": TIMES["not_before"]}),
    ("begins at a time in words", {**PUBLISHED, "not_before": str(TIMES["not_before"])}),
    ("ends between two seconds", {**PUBLISHED, "not_after": TIMES["not_after"] + 0.5}),
    ("begins at true", {**PUBLISHED, "not_before": True}),
    ("ends at null", {**PUBLISHED, "not_after": None}),
    ("ends after all of time", {**PUBLISHED, "not_after": 2**64}),
    ("is a private one", {**PUBLISHED, "d": b64(bytes(32))}),
    ("has null for its secret", {**PUBLISHED, "d": None}),
    ("does not say what it is", {name: value for name, value in PUBLISHED.items() if name != "kty"}),
    ("is of another curve", {**PUBLISHED, "crv": "P-384"}),
    ("has a number for a coordinate", {**PUBLISHED, "x": 5}),
    ("has one coordinate", {name: value for name, value in PUBLISHED.items() if name != "y"}),
    ("has a coordinate with padding", {**PUBLISHED, "y": SIGNING.jwk["y"] + "="}),
    ("has a coordinate of 33 bytes", {**PUBLISHED, "x": b64(bytes(1) + SIGNING.x)}),
):
    case(f"whose published key {name}", "UnknownKey", keys={"keys": [entry]})
    case(f"whose published key {name}, and stands there again", None, keys={"keys": [entry, PUBLISHED]})
case("of which nothing is published", "UnknownKey", keys={"keys": []})
case("whose published key is over, and stands there again", "KeyOutOfTime", keys={"keys": [{**PUBLISHED, "not_after": NOW}, PUBLISHED]})
OFF_CURVE = {**SIGNING.jwk, "y": OTHER.jwk["y"]}
case(
    "whose published key is on no curve",
    "Signature",
    approval={"receipt": jws(header("receipt", kid=b64(sha(compact(OFF_CURVE)))), RECEIPT, SIGNING)},
    keys={"keys": [{**OFF_CURVE, **TIMES}]},
)
case("whose receipt was signed after its key's time", "KeyOutOfTime", receipt_says={"iat": NOW + 86400 * 400}, now=LATER)
case("whose keys leaked after it was made", None, asker=LEAKED, signer="leaked", receipt_says={"iat": NOW + 125})
case("made after its key leaked", "KeyOutOfTime", asker=LEAKED, signer="leaked", receipt_says={"iat": NOW + 126})
case("received after its key leaked, and dated back", "KeyOutOfTime", signer="leaked", receipt_says={"iat": NOW + 125, "received_at": NOW + 126})
case("received after its prompt's key leaked", "KeyOutOfTime", asker=LEAKED_BEFORE)
case("received when its prompt's key leaked", None, asker=LEAKED_BEFORE, receipt_says={"received_at": NOW + 120})
case("with the prompt of another request with the same text", "Other", approval={"prompt": jws(header("prompt", kid=b64(SIGNING.thumbprint)), {**prompt_payload, "jti": ANOTHER_ID, "req": ANOTHER}, SIGNING)})
case("whose prompt is for another client", "Client", prompt_says={"client": {**prompt_payload["client"], "id": "bank"}})
case("whose prompt is of another issuer", "Issuer", prompt_says={"iss": "https://other.example"})
case("whose prompt is of version 2", "Version", prompt_says={"v": 2})
case("whose prompt is about another request", "Request", prompt_says={"req": ANOTHER}, receipt_says={"req": RECEIPT["req"]})
case("whose decision denies", "Denied", decision_says={"decision": "deny", "match": ..., "reason": "not_me"})
case("whose decision is of version 2", "Version", decision_says={"v": 2})
case("whose decision is for another issuer", "Issuer", decision_says={"aud": "https://other.example"})
case("whose decision answers another prompt", "Unanswered", decision_says={"prompt": ANOTHER_ID})
case("whose decision echoes another nonce", "Unanswered", decision_says={"nonce": ANOTHER_ID})
case("whose decision is over other bytes", "Unanswered", decision_says={"ph": ANOTHER})
case("whose decision is over other lines", "Unanswered", decision_says={"dh": ANOTHER})
case("whose decision is of another phone", "Key", decision_says={"iss": ANOTHER_ID})
for name, changes in (
    ("whose receipt has its version as a text", {"receipt_says": {"v": "1"}}),
    ("whose receipt says true for a version", {"receipt_says": {"v": True}}),
    ("whose receipt is of a version that is no byte", {"receipt_says": {"v": 256}}),
    ("whose receipt names a number for its user", {"receipt_says": {"sub": 1001}}),
    ("whose receipt names nobody", {"receipt_says": {"sub": ...}}),
    ("whose receipt came at a time in words", {"receipt_says": {"received_at": str(RECEIPT["received_at"])}}),
    ("whose receipt came between two seconds", {"receipt_says": {"received_at": RECEIPT["received_at"] + 0.5}}),
    ("whose receipt came after all of time", {"receipt_says": {"received_at": 2**63}}),
    ("whose receipt says of its key what nobody knows", {"receipt_says": {"level": "surely"}}),
    ("whose receipt is about a prompt of 31 bytes", {"receipt_says": {"prompt": b64(bytes(31))}}),
    ("whose receipt has a private key", {"receipt_says": {"key": {**VERIFIED.jwk, "d": b64(bytes(32))}}}),
    ("whose prompt has no end", {"prompt_says": {"exp": None}}),
    ("whose prompt is from nobody", {"prompt_says": {"client": None}}),
    ("whose prompt says true for a version", {"prompt_says": {"v": True}}),
    ("whose prompt shows texts for lines", {"prompt_says": {"display": ["Amount: 5"]}, "decision_says": {"dh": ANOTHER}}),
    ("whose prompt shows a line that is null", {"prompt_says": {"display": [None]}, "decision_says": {"dh": ANOTHER}}),
    ("whose prompt shows a number", {"prompt_says": {"display": [{"label": "Amount", "value": 5}]}, "decision_says": {"dh": ANOTHER}}),
    ("whose prompt shows one line and no list of them", {"prompt_says": {"display": {"label": "Amount", "value": "5"}}, "decision_says": {"dh": ANOTHER}}),
    ("whose decision is neither", {"decision_says": {"decision": "perhaps"}}),
    ("whose decision is over 31 bytes", {"decision_says": {"ph": b64(bytes(31))}}),
    ("whose decision has its version as a text", {"decision_says": {"v": "1"}}),
    ("whose decision names a role that phones have not", {"role": "both"}),
    ("whose decision names a key in three parts", {"role": "verified#1"}),
):
    case(name, "Signature", **changes)
for part, name in (("prompt", "receipt"), ("decision", "prompt"), ("receipt", "decision")):
    swapped = {"prompt": prompt, "decision": decision, "receipt": SIGNED_AS["receipt"]}[name]
    case(f"with a {name} for its {part}", "Signature" if part == "receipt" else "Other", approval={part: swapped})
case("with a changed letter in its receipt", "Signature", approval={"receipt": SIGNED_AS["receipt"][:-6] + ("A" if SIGNED_AS["receipt"][-6] != "A" else "B") + SIGNED_AS["receipt"][-5:]})
for part, reason in (("prompt", "Other"), ("decision", "Other"), ("receipt", "Signature")):
    case(f"with a letter beyond ASCII in its {part}", reason, approval={part: approval()[part] + "\u00e9"})
# Over a message's length, in letters or in bytes, they are not even hashed: or the first would be another text than the receipt's.
for part in ("prompt", "decision", "receipt"):
    case(f"with a {part} that is too long", "Signature", approval={part: approval()[part].ljust(16_385, "A")})
case("with a prompt that is too long in bytes alone", "Signature", approval={"prompt": approval()["prompt"].ljust(16_384 - 1, "A") + "\u00e9"})
case("with a prompt of the greatest length", "Other", approval={"prompt": approval()["prompt"].ljust(16_384, "A")})

write(
    "receipts.json",
    {"keys": {"keys": KEYS_PUBLISHED}, "issuer": ISSUER, "client": "shop", "auth_req_id": AUTH_REQ_ID, "now": LATER, "cases": CASES},
)
