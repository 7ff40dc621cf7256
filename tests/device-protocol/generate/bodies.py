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
        "now": NOW_LATER,
    },
    "rename": {"name": "Jana’s old phone"},
    "push-target": finish["push"],
    "push-target-none": {"channel": "none"},
}

for name, body in BODIES.items():
    (HERE / "messages" / (name + ".json")).write_bytes(compact(body))
