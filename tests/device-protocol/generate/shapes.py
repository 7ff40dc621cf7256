"""`shapes.json`: messages of a wrong shape, each as one change of one file in `messages/`."""

from bodies import *
from pushes import PUSHES, SEALED

# Members that may be missing. Readers may take null for missing here, and nowhere else.
OPTIONAL = {"binding_message", "acr", "reason", "logo", "policy"}
ALL = {**MESSAGES, **UNSIGNED, **BODIES, **PUSHES}
FILES = ["begin", "offer", "finish", "enrolment", "prompt", "decision-deny", "result", "proof", "keys", "revocation"]
FILES += ["unblock", "receipt", "push-data-wake", "configuration", "nonce-request", "nonce-reply", "signed-request", "signed-reply"]
FILES += ["offer-reply", "prompts-reply", "prompt-reply", "self-reply", "rename", "blocks", "block-request", "history"]


def paths(value, path=""):
    """Every member, as a JSON Pointer (RFC 6901), but not inside what a relying party sent."""
    for name, inner in value.items():
        yield f"{path}/{name}", inner
        if isinstance(inner, dict):
            yield from paths(inner, f"{path}/{name}")


def changed(message, shape):
    message = json.loads(json.dumps(message))
    *parents, member = shape["path"].split("/")[1:]
    inside = message
    for parent in parents:
        inside = inside[parent]
    if "value" in shape:
        inside[member] = shape["value"]
    else:
        del inside[member]
    return message


WRONG = []


def wrong(message, path, *value):
    WRONG.append({"message": message, "path": path, **({"value": value[0]} if value else {})})


for name in FILES:
    for path, value in paths(ALL[name]):
        if path.rsplit("/", 1)[1] not in OPTIONAL and (name, path) != ("receipt", "/evidence"):
            wrong(name, path)
            wrong(name, path, None)
        if isinstance(value, list):
            wrong(name, path, "text")
        if isinstance(value, int) and not isinstance(value, bool):
            wrong(name, path, str(value))
            wrong(name, path, value + 0.5)
        if isinstance(value, str):
            wrong(name, path, 7)
            if len(value) in (22, 43) and path != "/client/id":
                wrong(name, path, value[:-1])
                wrong(name, path, value + "=")
                wrong(name, path, value[:-1] + "B")  # stray bits behind the last byte

wrong("decision-approve", "/decision", "maybe")
wrong("decision-approve", "/uv", "Biometric")
wrong("decision-approve", "/ctr", -1)
wrong("decision-approve", "/ctr", 2**64)
wrong("decision-deny", "/reason", "bored")
wrong("prompt", "/kind", "login")
wrong("prompt", "/uv", "no")
wrong("prompt", "/match/mode", "choose")
wrong("prompt", "/match/length", 256)
wrong("prompt", "/display", [{"label": "Betrag"}])
wrong("prompt", "/scope", "openid payment")
wrong("finish", "/evidence/fmt", "tpm")
wrong("finish", "/verified_kind", "pin")
wrong("finish", "/push", {})
wrong("finish", "/push/channel", "carrier pigeon")
wrong("finish", "/push/platform", "windows")
wrong("finish", "/push/target", {"fid": "a", "token": "b"})
wrong("finish", "/push/target", {})
wrong("finish", "/device", DEVICE.private_jwk())
wrong("finish", "/device/crv", "P-384")
wrong("finish", "/device/kty", "OKP")
wrong("offer", "/policy/confirm", "maybe")
wrong("offer", "/policy/attestation", "yes")
wrong("enrolment", "/state", "lost")
wrong("result", "/outcome", "pending")
wrong("revocation", "/reason", "mood")
wrong("receipt", "/level", "certain")
wrong("keys", "/keys", [SIGNING.jwk])
wrong("rotation", "/verified", SIGNING.private_jwk())
for changes in [{"number": -1}, {"outcome": "pending"}, {"reason": "mood"}, {"device": "x"}, {"prompt": "x"}, {"client": 7}]:
    wrong("history", "/entries", [{**history["entries"][0], **changes}])
wrong("blocks", "/blocks", [{"client": "shop", "name": "Shop"}])
wrong("blocks", "/blocks", [{"client": "shop", "since": NOW}])
wrong("block-request", "/lasts", "a while")
wrong("problem", "/status", "401")
wrong("problem", "/nonce", 7)
for name in ["sealed", "wake", "wake-padded", "dismiss"]:
    for version in [1, "2", "", "01"]:
        wrong("push-data-" + name, "/v", version)
for name, member, another in [("sealed", "jwe", {"pad": "x", "dismiss": "1"}), ("wake-padded", "pad", {"jwe": SEALED, "dismiss": "1"}), ("dismiss", "dismiss", {"jwe": SEALED, "pad": "x"})]:
    for value in [None, 1, True]:
        wrong("push-data-" + name, "/" + member, value)
    for second, value in another.items():
        wrong("push-data-" + name, "/" + second, value)
wrong("push-data-dismiss", "/dismiss", "0")
wrong("push-data-dismiss", "/dismiss", "yes")
wrong("push-target", "/target")
wrong("push-target", "/platform")
wrong("push-target-apns", "/token")
wrong("push-target-apns", "/environment", "staging")
wrong("push-target-webpush", "/auth")
wrong("push-target-webpush", "/p256dh")
wrong("push-target-webpush", "/endpoint", 7)
wrong("push-target-webhook", "/address")
wrong("push-target-none", "/channel")
wrong("rotation-request", "/payload", 7)
wrong("rotation-request", "/signatures", None)
wrong("rotation-request", "/signatures", [{"signature": "AA"}])
wrong("finish-request", "/payload")
wrong("finish-request", "/signatures")
wrong("finish-request", "/signatures", {})
wrong("finish-request", "/signatures", [{"protected": "e30"}])

lines = ",\n".join(json.dumps(case) for case in WRONG)
(HERE / "shapes.json").write_text(f"[\n{lines}\n]\n")
