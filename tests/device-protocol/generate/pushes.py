"""`messages/push-data-*.json`: what arrives on a phone, about the prompt of `flow.py`."""

from sealed import *

RID = b64(labelled("adp1-rid", bits("prompt"))[:16])
FILLED = len(unb64(sealed_parts[3]))
PAD = seal(b" " * FILLED, iv=bits("iv of a pad")[:12])
assert len(PAD) == len(SEALED) <= 3072
assert opened_by_jwcrypto(PAD).rstrip(b" ") == b""
PUSHES = {
    "push-data-sealed": {"v": "1", "rid": RID, "jwe": SEALED},
    "push-data-wake": {"v": "1", "rid": RID},
    "push-data-wake-padded": {"v": "1", "rid": RID, "pad": PAD},
    "push-data-dismiss": {"v": "1", "rid": RID, "dismiss": "1"},
}

for name, data in PUSHES.items():
    (HERE / "messages" / (name + ".json")).write_bytes(compact(data))
