"""Seeds for `protocol/fuzz`, from the vectors."""

from bodies import BODIES
from der import *
from sealed import *
from texts import TEXTS
from tickets import FRAGMENT, TICKET

def seeds(target, named):
    directory = FOLDER / "protocol" / "fuzz" / "corpus" / target
    directory.mkdir(parents=True, exist_ok=True)
    for name, data in named:
        data = data.encode() if isinstance(data, str) else data
        slug = "".join(c if c.isalnum() else "-" for c in name.lower())
        if len(data) <= 4096:
            (directory / slug).write_bytes(data)


wire = {name: compact(payload) for name, payload in {**MESSAGES, **UNSIGNED, **BODIES}.items()}
seeds("messages", wire.items())
seeds("json", [(name, wire[name]) for name in ("prompt", "wake", "proof")])
seeds("json", [(name.removeprefix("payload "), unb64(case["jws"].split(".")[1])) for name, case in CRAFTED.items() if name.startswith("payload with ") and "padded" not in name and "foreign" not in name])
seeds("jws", [(entry["name"], entry["jws"]) for entry in accepted] + [(name, case["jws"]) for name, case in CRAFTED.items()])
seeds("general", [("finish", compact(finish_general))] + [(name, compact(value)) for name, value in finish_bad.items()])
seeds("jwe", [("a prompt", SEALED), ("no text", seal(b"")), ("apu and apv", parties)] + [(name, text) for name, _, text in jwe_refused])
seeds("jwk", [(name, compact(key.jwk)) for name, key in KEYS.items()] + [("off curve", compact(off_curve)), ("private", compact(DEVICE.private_jwk()))])
seeds("text", [(f"{number:03} {error or 'accepted'}", text) for number, (_, text, error) in enumerate(TEXTS)])
seeds("ticket", [("a ticket", TICKET), ("reversed", f"{ISSUER}/enrol#" + "&".join(FRAGMENT.split("&")[::-1])), ("unknown member", TICKET + "&y=later"), ("realm", TICKET.replace(ISSUER, "http://localhost:8080/realms/a"))])
seeds("ids", [("device", DEVICE_ID), ("digest", AUD), ("kid of device", DEVICE_KID), ("kid of verified", VERIFIED_KID)])
seeds("der", [("a signature", good), ("small", small), ("top", top), ("zero", sequence(integer(b"\0") + good_s)), ("negative", sequence(integer(b"\x80") + integer(b"\x01")))])
