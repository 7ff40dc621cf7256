"""`messages/`: bodies of the device API that are not signed themselves, and those that are no messages at all."""

from flow import *

NOW_LATER = NOW + 121
BODIES = {
    "nonce-request": {"device": DEVICE_ID},
    "nonce-reply": {"nonce": "AAAAAGqyFKA.c2VydmVyIG5vbmNl", "now": NOW + 119},
    "signed-request": {"message": decision},
    "signed-reply": {"message": SIGNED_AS["result"], "now": NOW_LATER},
    "offer-reply": {"offer": offer, "keys": SIGNED_AS["keys"], "root": ROOT.jwk, "now": NOW + 1},
    "prompts-reply": {"prompts": [prompt], "now": NOW + 101},
    "prompts-reply-empty": {"prompts": [], "now": NOW + 101},
    "prompt-reply": {"prompt": prompt, "now": NOW + 102},
    "self-reply": {
        "device": DEVICE_ID,
        "enr": ident("enrolment"),
        "info": finish["info"],
        "push": finish["push"],
        "standing": SIGNED_AS["enrolment-standing"],
        "now": NOW_LATER,
    },
    # Another `verified` key: signed by it, by the one before, and last by `device`.
    "rotation-request": general(
        rotation,
        [
            (header("rotation", jwk=OTHER.jwk), OTHER),
            (header("rotation", kid=VERIFIED_KID), VERIFIED),
            (header("rotation", kid=DEVICE_KID), DEVICE),
        ],
    ),
    "block-request": {"client": "shop", "lasts": "quarter_hour"},
    "block-request-day": {"client": "shop", "lasts": "day"},
    "block-request-until-lifted": {"client": "shop", "lasts": "until_lifted"},
    "rename": {"name": "Jana’s old phone"},
    "push-target": finish["push"],
    "push-target-apns": {"channel": "apns", "token": sha("apns token").hex(), "environment": "sandbox"},
    "push-target-webpush": {
        "channel": "webpush",
        "endpoint": "https://push.example/wpush/v2/gAAAAABexample",
        "p256dh": b64(b"\x04" + OTHER.x + OTHER.y),
        "auth": ident("web push secret"),
    },
    "push-target-webhook": {"channel": "webhook", "address": "phone-17"},
    "push-target-none": {"channel": "none"},
    "problem-revoked": {
        "type": "urn:assent:problem:revoked",
        "title": "This device was revoked",
        "status": 401,
        "revocation": SIGNED_AS["revocation"],
        "now": NOW + 501,
    },
}

for name, body in BODIES.items():
    (HERE / "messages" / (name + ".json")).write_bytes(compact(body))
