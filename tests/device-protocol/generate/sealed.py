"""`jwe.json`: sealed pushes."""

from signatures import *

def shared(private, public):
    return private.private.exchange(ec.ECDH(), public.private.public_key())


def prefixed(data):
    return len(data).to_bytes(4, "big") + data


def seal(plaintext, to=SEALING, changes=None, key=b"", iv=bits("iv")[:12], pad=True, ephemeral=EPHEMERAL, apu=b"", apv=b""):
    protected = {"alg": "ECDH-ES", "enc": "A256GCM", "epk": ephemeral.jwk, **(changes or {})}
    protected = b64(compact({k: v for k, v in protected.items() if v is not ...}))
    info = prefixed(b"A256GCM") + prefixed(apu) + prefixed(apv) + (256).to_bytes(4, "big")
    cek = ConcatKDFHash(algorithm=SHA256, length=32, otherinfo=info).derive(shared(ephemeral, to))
    if pad:
        plaintext += b" " * (-len(plaintext) % 512 if plaintext else 512)
    sealed = AESGCM(cek).encrypt(iv, plaintext, protected.encode())
    return ".".join([protected, b64(key), b64(iv), b64(sealed[:-16]), b64(sealed[-16:])])


def opened_by_jwcrypto(text):
    token = jwe.JWE(algs=["ECDH-ES", "A256GCM"])
    token.deserialize(text, key=jwk.JWK(**SEALING.private_jwk()))
    return token.payload


SEALED = seal(prompt.encode())
assert opened_by_jwcrypto(SEALED).rstrip(b" ") == prompt.encode()
sealed_parts = SEALED.split(".")


def parts(at, value):
    return ".".join(value if index == at else part for index, part in enumerate(sealed_parts))


def flip(part):
    data = bytearray(unb64(part))
    data[0] ^= 1
    return b64(bytes(data))


parties = seal(b"x", changes={"apu": b64(b"Alice"), "apv": b64(b"Bob")}, apu=b"Alice", apv=b"Bob")
assert opened_by_jwcrypto(parties).rstrip(b" ") == b"x"
jwe_refused = [
    ("alg ECDH-ES+A256KW", "Algorithm", seal(b"x", changes={"alg": "ECDH-ES+A256KW"})),
    ("alg dir", "Algorithm", seal(b"x", changes={"alg": "dir"})),
    ("enc A128GCM", "Algorithm", seal(b"x", changes={"enc": "A128GCM"})),
    ("enc missing", "Json(Shape)", seal(b"x", changes={"enc": ...})),
    ("epk missing", "Json(Shape)", seal(b"x", changes={"epk": ...})),
    ("epk with d", "Json(Shape)", seal(b"x", changes={"epk": EPHEMERAL.private_jwk()})),
    ("epk off the curve", "BadKey", seal(b"x", changes={"epk": off_curve})),
    ("epk at infinity", "BadKey", seal(b"x", changes={"epk": {**DEVICE.jwk, "x": b64(bytes(32)), "y": b64(bytes(32))}})),
    ("zip", "Critical", seal(b"x", changes={"zip": "DEF"})),
    ("crit", "Critical", seal(b"x", changes={"crit": ["exp"]})),
    ("apu not base64url", "Malformed", seal(b"x", changes={"apu": "A="})),
    ("apu left out of the key", "Unauthentic", seal(b"x", changes={"apu": b64(b"Alice")})),
    ("an encrypted key", "Malformed", seal(b"x", key=b"key")),
    ("nonce of 11 bytes", "Malformed", parts(2, b64(unb64(sealed_parts[2])[:-1]))),
    ("nonce of 16 bytes", "Malformed", parts(2, b64(unb64(sealed_parts[2]) + bytes(4)))),
    ("tag of 15 bytes", "Malformed", parts(4, b64(unb64(sealed_parts[4])[:-1]))),
    ("tag empty", "Malformed", parts(4, "")),
    ("four parts", "Malformed", SEALED.rsplit(".", 1)[0]),
    ("six parts", "Malformed", SEALED + "."),
    ("empty", "Malformed", ""),
    ("ciphertext padded", "Malformed", parts(3, sealed_parts[3] + "=")),
    ("header with a member twice", "Json(DuplicateMember)", parts(0, b64(unb64(sealed_parts[0])[:-1] + b',"alg":"ECDH-ES"}'))),
    ("header with a space more", "Unauthentic", parts(0, b64(unb64(sealed_parts[0]) + b" "))),
    ("nonce changed", "Unauthentic", parts(2, flip(sealed_parts[2]))),
    ("ciphertext changed", "Unauthentic", parts(3, flip(sealed_parts[3]))),
    ("ciphertext empty", "Unauthentic", parts(3, "")),
    ("tag changed", "Unauthentic", parts(4, flip(sealed_parts[4]))),
    ("sealed to another key", "Unauthentic", seal(b"x", to=OTHER)),
    ("larger than 16 KiB", "TooLarge", seal(b"x" * 12288)),
]
write(
    "jwe.json",
    {
        "recipient": "sealing",
        "accepted": [
            {"name": "a prompt", "ephemeral": "ephemeral", "iv": bits("iv")[:12].hex(), "plaintext": prompt, "jwe": SEALED},
            {"name": "no text", "ephemeral": "ephemeral", "iv": bits("iv")[:12].hex(), "plaintext": "", "jwe": seal(b"")},
            {"name": "exactly one step", "ephemeral": "ephemeral", "iv": bits("iv")[:12].hex(), "plaintext": "x" * 512, "jwe": seal(b"x" * 512)},
        ],
        "opened": [
            {"name": "apu and apv", "plaintext": "x", "jwe": parties},
            {"name": "without padding", "plaintext": "x", "jwe": seal(b"x", pad=False)},
            {"name": "typ and cty", "plaintext": "x", "jwe": seal(b"x", changes={"typ": "JWE", "cty": "adp-prompt+jwt"})},
        ],
        "refused": [{"name": n, "error": e, "jwe": t} for n, e, t in jwe_refused],
    },
)

once = HERE / "jwe-jwcrypto.json"
if not once.exists():
    token = jwe.JWE(
        prompt.encode(),
        json.dumps({"alg": "ECDH-ES", "enc": "A256GCM", "apu": b64(b"server"), "apv": b64(b"phone")}),
        recipient=jwk.JWK(**SEALING.jwk),
    )
    write(once.name, {"recipient": "sealing", "plaintext": prompt, "jwe": token.serialize(compact=True)})
