"""`digests.json`: hashes that are not part of a JWS."""

from flow import *

leading_zero = next(n for n in range(1000) if check_digits(OFFER_HASH, FINISH_HASH, sha(str(n))[:16]).startswith("00"))
leading_zero = sha(str(leading_zero))[:16]
lists = [
    [],
    [{"label": "", "value": ""}],
    [{"label": "ab", "value": "c"}],
    [{"label": "a", "value": "bc"}],
    [{"label": "a", "value": "b"}, {"label": "c", "value": ""}],
    prompt_payload["display"],
]
write(
    "digests.json",
    {
        "request": {"auth_req_id": AUTH_REQ_ID, "digest": prompt_payload["req"]},
        "nonce_commitment": {"nonce": b64(SERVER_NONCE), "digest": b64(labelled("adp1-cs", SERVER_NONCE))},
        "attestation_challenge": {"offer": b64(OFFER_HASH), "digest": b64(labelled("adp1-att", OFFER_HASH))},
        "check_digits": [
            {"offer": b64(OFFER_HASH), "finish": b64(FINISH_HASH), "nonce": b64(nonce), "digits": check_digits(OFFER_HASH, FINISH_HASH, nonce)}
            for nonce in (SERVER_NONCE, leading_zero)
        ],
        "ticket_hash": {
            "root": b64(ROOT.thumbprint),
            "code": b64(CODE),
            "expires_at": TICKET_EXPIRES,
            "digest": b64(ticket_hash(ROOT.thumbprint, CODE, TICKET_EXPIRES)),
        },
        "display": [{"lines": lines, "digest": b64(display_digest(lines))} for lines in lists],
        "jws": {"jws": prompt, "digest": b64(sha(prompt))},
    },
)
