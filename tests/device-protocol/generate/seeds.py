"""Seeds for `protocol/fuzz`, from the vectors."""

from actions import ACCEPTED, REFUSED, UNSHOWABLE
from der import *
from shapes import ALL, WRONG, changed
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


def schema_of(message):
    """As in `test_shapes.py`: the longest schema's name that the message's name begins with."""
    fits = [name for name in SCHEMAS if message == name or message.startswith(name + "-")]
    return max(fits, key=len)


SCHEMAS = [path.stem for path in (pathlib.Path(__file__).parents[3] / "docs" / "device-protocol" / "schemas").glob("*.json")]
wire = {name: compact(payload) for name, payload in ALL.items()}
for name, data in wire.items():
    seeds("messages/" + schema_of(name), [(name, data)])
kept = {}
for shape in WRONG:
    folder = schema_of(shape["message"])
    kept[folder] = kept.get(folder, 0) + 1
    if kept[folder] <= 3:
        name = shape["message"] + " with another" + shape["path"] + (" " + str(shape["value"]) if "value" in shape else "")
        seeds("messages/" + folder, [(name[:60], compact(changed(ALL[shape["message"]], shape)))])
seeds("seal", [("nothing", b"\0\0"), ("a prompt", b"\0\x10" + prompt.encode()), ("one step", b"\1\0" + b"x" * 512), ("ends in a space", b"\0\0 ")])
seeds("action", [(case["name"], compact(case["detail"])) for case in ACCEPTED + REFUSED + UNSHOWABLE[::4]])
seeds("json", [(name, wire[name]) for name in ("prompt", "push-data-wake", "proof")])
seeds("json", [(name.removeprefix("payload "), unb64(case["jws"].split(".")[1])) for name, case in CRAFTED.items() if name.startswith("payload with ") and "padded" not in name and "foreign" not in name])
seeds("jws", [(entry["name"], entry["jws"]) for entry in accepted] + [(name, case["jws"]) for name, case in CRAFTED.items()])
seeds("general", [("finish", compact(finish_general))] + [(name, compact(value)) for name, value in finish_bad.items()])
seeds("jwe", [("a prompt", SEALED), ("no text", seal(b"")), ("apu and apv", parties)] + [(name, text) for name, _, text in jwe_refused])
seeds("jwk", [(name, compact(key.jwk)) for name, key in KEYS.items()] + [("off curve", compact(off_curve)), ("private", compact(DEVICE.private_jwk()))])
seeds("text", [(f"{number:03} {error or 'accepted'}", text) for number, (_, text, error) in enumerate(TEXTS)])
seeds("ticket", [("a ticket", TICKET), ("reversed", f"{ISSUER}/enrol#" + "&".join(FRAGMENT.split("&")[::-1])), ("unknown member", TICKET + "&y=later"), ("realm", TICKET.replace(ISSUER, "http://localhost:8080/realms/a"))])
seeds("ids", [("device", DEVICE_ID), ("digest", AUD), ("kid of device", DEVICE_KID), ("kid of verified", VERIFIED_KID)])
seeds("der", [("a signature", good), ("small", small), ("top", top), ("zero", sequence(integer(b"\0") + good_s)), ("negative", sequence(integer(b"\x80") + integer(b"\x01")))])
