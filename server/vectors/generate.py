"""Writes the vectors of server/src/jose and server/src/keys, independently of the Rust code that they test.

    pip install cryptography && python generate.py

The keys are kept from the file that is there, and everything else is deterministic but RSA-PSS, whose salts are random:
running it again changes those signatures and nothing else. A case of `refused` names the one rule that it breaks, and
keeps all others: where it can be signed, it is.
"""

import base64
import hashlib
import hmac
import json
import pathlib

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

FILE = pathlib.Path(__file__).parent / "jose.json"
DATES = {"iat": 1800000000, "exp": 1800000300}
CLAIMS = {"iss": "rp-1", "sub": "rp-1", "aud": "https://op.example", "jti": "x", **DATES}
HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}


def b64(data):
    return base64.urlsafe_b64encode(data if isinstance(data, bytes) else data.encode()).rstrip(b"=").decode()


def number(value, size=None):
    return b64(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


def text(value):
    return json.dumps(value, separators=(",", ":"))


# Keys


def scalar(name):
    return int.from_bytes(hashlib.sha256(f"assent vector key {name}".encode()).digest(), "big")


def new_keys():
    return {
        "es256": ec.derive_private_key(scalar("es256"), ec.SECP256R1()),
        "es384": ec.derive_private_key(scalar("es384"), ec.SECP384R1()),
        "rsa": rsa.generate_private_key(65537, 2048),
        "ps256": rsa.generate_private_key(65537, 3072),
        "eddsa": ed25519.Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"assent vector key eddsa").digest()),
        "stranger": ec.derive_private_key(scalar("stranger"), ec.SECP256R1()),
    }


def kept_keys():
    if not FILE.exists():
        return new_keys()
    kept = json.loads(FILE.read_text())["private"]
    return {name: serialization.load_der_private_key(base64.b64decode(der), None) for name, der in kept.items()}


def pkcs8(key):
    form = (serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return base64.b64encode(key.private_bytes(*form)).decode()


def spki(key):
    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(key.public_key().public_bytes(*form)).decode()


def jwk(key, **more):
    public = key.public_key()
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = public.public_numbers()
        members = {"kty": "RSA", "n": number(numbers.n), "e": number(numbers.e)}
    elif isinstance(key, ed25519.Ed25519PrivateKey):
        members = {"kty": "OKP", "crv": "Ed25519", "x": b64(public.public_bytes_raw())}
    else:
        numbers, size = public.public_numbers(), (key.curve.key_size + 7) // 8
        members = {"kty": "EC", "crv": f"P-{key.curve.key_size}"}
        members |= {"x": number(numbers.x, size), "y": number(numbers.y, size)}
    return members | more


def thumbprint(key):
    return b64(hashlib.sha256(json.dumps(jwk(key), separators=(",", ":"), sort_keys=True).encode()).digest())


KEYS = kept_keys()
SECRET = hashlib.sha512(b"assent vector secret").digest()


# Signatures


def sign(alg, key, data):
    if alg.startswith("HS"):
        return hmac.new(key, data, f"sha{alg[2:]}").digest()
    if alg == "EdDSA":
        return key.sign(data)
    digest = HASHES[alg[2:]]
    if alg.startswith("RS"):
        return key.sign(data, padding.PKCS1v15(), digest)
    if alg.startswith("PS"):
        return key.sign(data, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
    r, s = utils.decode_dss_signature(key.sign(data, ec.ECDSA(digest, deterministic_signing=True)))
    size = (key.curve.key_size + 7) // 8
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def jwt(header, claims, key, alg=None, signature=None):
    """`header` and `claims` are JSON text or what becomes it; `alg` signs, whatever the header says."""
    header = header if isinstance(header, str) else text(header)
    claims = claims if isinstance(claims, (str, bytes)) else text(claims)
    signed = f"{b64(header)}.{b64(claims)}"
    alg = alg or json.loads(header)["alg"]
    return f"{signed}.{b64(sign(alg, key, signed.encode()) if signature is None else signature)}"


ALGORITHMS = [
    ("ES256", "es256"),
    ("ES384", "es384"),
    ("PS256", "rsa"),
    ("PS384", "rsa"),
    ("PS512", "rsa"),
    ("RS256", "rsa"),
    ("RS384", "rsa"),
    ("RS512", "rsa"),
    ("PS256", "ps256"),
    ("EdDSA", "eddsa"),
]


def accepted():
    for alg, name in ALGORITHMS:
        yield f"{alg} by {name}", jwt({"alg": alg, "kid": name}, CLAIMS, KEYS[name])
        yield f"{alg} by {name} without a kid", jwt({"alg": alg}, CLAIMS, KEYS[name])
    es256 = KEYS["es256"]
    yield "typ", jwt({"alg": "ES256", "typ": "oAuth-AuthZ-Req+JWT"}, CLAIMS, es256)
    yield "unknown header members", jwt({"alg": "ES256", "x-ours": {"a": [1]}, "x5t": "AA"}, CLAIMS, es256)
    stranger = jwk(KEYS["stranger"])
    pointers = {"jwk": stranger, "jku": "https://evil.example", "x5u": "https://evil.example", "x5c": ["AA"]}
    yield "pointers to other keys, which nobody follows", jwt({"alg": "ES256", **pointers}, CLAIMS, es256)
    yield "white space in JSON", jwt('{ "alg" : "ES256" }', json.dumps(CLAIMS, indent=1), es256)
    yield "no claims", jwt({"alg": "ES256"}, {}, es256)


def refused():
    es256, header = KEYS["es256"], {"alg": "ES256", "kid": "es256"}
    good = jwt(header, CLAIMS, es256)
    signed, signature = good.rsplit(".", 1)
    first, second = signed.split(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")

    def with_header(name, error, changed, **how):
        return name, error, jwt(changed, CLAIMS, es256, **{"alg": "ES256"} | how)

    def with_claims(name, changed):
        return name, "Claims", jwt(header, changed, es256)

    yield "empty", "Form", ""
    yield "one part", "Form", first
    yield "two parts", "Form", signed
    yield "four parts", "Form", good + "." + signature
    yield "five parts", "Form", good + "." + signature + "." + signature
    yield "only dots", "Header", ".."
    yield "padded header", "Form", f"{base64.urlsafe_b64encode(text(header).encode()).decode()}=.{second}.{signature}"
    yield "padded signature", "Form", good + "=="
    yield "white space before", "Form", " " + good
    yield "line break behind", "Form", good + "\n"
    stray = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    yield "stray bits in the last character", "Form", good[:-1] + stray[stray.index(good[-1]) + 1]
    plain = base64.b64encode(b"\xff" * 64).decode().rstrip("=")
    yield "plain base64", "Form", f"{first}.{second}.{plain}"
    yield "too long", "TooLong", jwt(header, CLAIMS | {"pad": "x" * 13000}, es256)

    yield with_header("alg none, signed", "Algorithm", {"alg": "none"})
    yield with_header("alg none, unsigned", "Algorithm", {"alg": "none"}, signature=b"")
    for alg in ["None", "es256", "ES256K", "ES512", "RSA-OAEP", "dir", ""]:
        yield with_header(f"alg {alg or 'empty'}", "Algorithm", {"alg": alg})
    yield with_header("alg missing", "Header", {"kid": "es256"})
    yield with_header("alg a number", "Header", {"alg": 256})
    yield with_header("alg a list", "Header", {"alg": ["ES256"]})
    yield with_header("alg null", "Header", {"alg": None})
    yield with_header("alg twice", "Header", '{"alg":"ES256","alg":"ES256"}')
    yield with_header("alg twice, once escaped", "Header", '{"alg":"ES256","\\u0061lg":"none"}')
    yield with_header("kid a number", "Header", {"alg": "ES256", "kid": 1})
    yield with_header("typ a number", "Header", {"alg": "ES256", "typ": 1})
    yield with_header("header a list", "Header", "[]")
    yield with_header("header not JSON", "Header", "alg=ES256")
    yield with_header("header with something behind", "Header", '{"alg":"ES256"}{}')
    yield with_header("crit", "Extension", header | {"crit": ["exp"], "exp": 1})
    yield with_header("crit empty", "Extension", header | {"crit": []})
    yield with_header("b64 false", "Extension", header | {"b64": False})
    yield with_header("b64 true", "Extension", header | {"b64": True})
    yield with_header("kid of nobody", "UnknownKey", {"alg": "ES256", "kid": "another"})
    yield with_header("kid of a key of another type", "UnknownKey", {"alg": "ES256", "kid": "rsa"})
    yield with_header("kid of a key of another curve", "UnknownKey", {"alg": "ES256", "kid": "es384"})
    ps384 = jwt({"alg": "PS384", "kid": "ps256"}, CLAIMS, KEYS["ps256"])
    yield "a key whose alg is another", "UnknownKey", ps384
    public = base64.b64decode(spki(KEYS["rsa"]))
    yield "a public key as secret", "Algorithm", jwt({"alg": "HS256", "kid": "rsa"}, CLAIMS, public)

    yield with_claims("claims a list", "[]")
    yield with_claims("claims a text", '"iss"')
    yield with_claims("claims empty", "")
    yield with_claims("claims not UTF-8", b'{"iss":"\xff"}')
    yield with_claims("iss twice", '{"iss":"rp-1","iss":"rp-2"}')
    yield with_claims("iss twice, once escaped", '{"iss":"rp-1","i\\u0073s":"rp-2"}')
    yield with_claims("a nested member twice", '{"a":{"b":[{"c":1,"c":1}]}}')
    yield with_claims("nested 9 deep", '{"a":' + "[" * 8 + "]" * 8 + "}")
    yield with_claims("NaN", '{"exp":NaN}')
    yield with_claims("a number out of range", '{"exp":1e400}')
    yield with_claims("a trailing comma", '{"iss":"rp-1",}')
    yield with_claims("something behind", '{"iss":"rp-1"} {}')
    yield with_claims("a lone surrogate", '{"iss":"\\ud800"}')
    yield with_claims("a byte order mark", '\ufeff{"iss":"rp-1"}')

    yield "signed by a stranger", "Signature", jwt(header, CLAIMS, KEYS["stranger"])
    yield "signed by a stranger, no kid", "Signature", jwt({"alg": "ES256"}, CLAIMS, KEYS["stranger"])
    carried = {"alg": "ES256", "jwk": jwk(KEYS["stranger"])}
    yield "the key in the header", "Signature", jwt(carried, CLAIMS, KEYS["stranger"])
    yield "another payload", "Signature", f"{first}.{b64(text(CLAIMS | {'sub': 'rp-2'}))}.{signature}"
    yield "no signature", "Signature", signed + "."
    yield "a signature in DER", "Signature", jwt(header, CLAIMS, es256, signature=utils.encode_dss_signature(r, s))
    yield "a signature of zeros", "Signature", jwt(header, CLAIMS, es256, signature=bytes(64))
    yield "a signature with a byte more", "Signature", jwt(header, CLAIMS, es256, signature=raw + b"\0")
    data = f"{b64(text({'alg': 'PS256', 'kid': 'rsa'}))}.{second}".encode()
    saltless = KEYS["rsa"].sign(data, padding.PSS(padding.MGF1(hashes.SHA256()), 0), hashes.SHA256())
    yield "PSS without a salt", "Signature", f"{data.decode()}.{b64(saltless)}"
    pkcs1 = jwt({"alg": "PS256", "kid": "rsa"}, CLAIMS, KEYS["rsa"], alg="RS256")
    yield "PKCS1 where PSS is said", "Signature", pkcs1


def macs():
    for alg in ["HS256", "HS384", "HS512"]:
        yield alg, jwt({"alg": alg}, CLAIMS, SECRET)


def main():
    published = {
        "es256": {"kid": "es256", "use": "sig"},
        "es384": {"kid": "es384", "key_ops": ["verify"]},
        "rsa": {"kid": "rsa"},
        "ps256": {"kid": "ps256", "alg": "PS256"},
        "eddsa": {"kid": "eddsa", "alg": "EdDSA"},
    }
    vectors = {
        "private": {name: pkcs8(key) for name, key in KEYS.items()},
        "thumbprints": {name: thumbprint(key) for name, key in KEYS.items()},
        "spki": {name: spki(key) for name, key in KEYS.items()},
        "jwks": {"keys": [jwk(KEYS[name], **more) for name, more in published.items()]},
        "secret": b64(SECRET),
        "claims": CLAIMS,
        "accepted": [{"name": name, "jwt": token} for name, token in accepted()],
        "refused": [{"name": name, "error": error, "jwt": token} for name, error, token in refused()],
        "macs": [{"name": name, "jwt": token} for name, token in macs()],
    }
    FILE.write_text(json.dumps(vectors, indent=1) + "\n")


if __name__ == "__main__":
    main()
