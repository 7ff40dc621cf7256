"""`evidence.json`: how evidence stands in a `finish`, and what App Attest is made over."""

from flow import *


def chain(*certificates):
    return bytes([len(certificates)]) + b"".join(len(der).to_bytes(2, "big") + der for der in certificates)


LEAF, OTHER_LEAF, ISSUING, STRONG_BOX = b"leaf of device", b"leaf of verified", b"issuing authority", b"authority of the strong box"
shared = chain(LEAF, ISSUING) + chain(OTHER_LEAF)
apart = chain(LEAF, ISSUING) + chain(OTHER_LEAF, STRONG_BOX)

written = compact({**finish, "evidence": {"fmt": "apple-appattest", "data": ""}})
OBJECT = b64(b"a CBOR object")
sent = written.replace(b'"data":""', b'"data":"' + OBJECT.encode() + b'"')
name = finish["info"]["name"].encode()
write(
    "evidence.json",
    {
        "android_key": {
            "accepted": [
                {"name": "authorities sent once", "data": b64(shared), "device": [b64(LEAF), b64(ISSUING)], "verified": [b64(OTHER_LEAF), b64(ISSUING)]},
                {"name": "authorities of their own", "data": b64(apart), "device": [b64(LEAF), b64(ISSUING)], "verified": [b64(OTHER_LEAF), b64(STRONG_BOX)]},
            ],
            "refused": {
                "empty": "",
                "one chain": b64(chain(LEAF, ISSUING)),
                "three chains": b64(shared + chain(LEAF)),
                "a byte behind": b64(shared + b"\0"),
                "a byte missing": b64(shared[:-1]),
                "an empty chain": b64(chain(LEAF, ISSUING) + chain()),
                "nine certificates": b64(chain(*[LEAF] * 9) + chain(OTHER_LEAF)),
            },
        },
        "client_data": {
            "accepted": [{"payload": b64(sent), "data": OBJECT, "hash": b64(sha(written))}],
            "refused": {
                "evidence that stands there twice": {"payload": b64(sent.replace(name, OBJECT.encode())), "data": OBJECT},
                "evidence with an escape": {"payload": b64(sent.replace(OBJECT.encode(), OBJECT.encode().replace(b"Q", b"\\u0051"))), "data": OBJECT},
                "no evidence": {"payload": b64(written), "data": OBJECT},
            },
        },
    },
)
