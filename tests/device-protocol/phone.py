"""A phone, written from docs/device-protocol.md alone: it enrols, lists its prompts or is pushed them, approves and denies,
changes its keys, reads its history and blocks who asks. It keeps its keys in memory and shows its prompts to nobody; it is
there to show that the paper suffices, and is no example of a safe app.
"""

import copy
import json
import secrets
import time
import urllib.error
import urllib.request

from jwcrypto import jwk

import adp
import text_rules
from adp import Refused

FOUR_HUNDRED_DAYS = 400 * 86_400
MOST_SUCCESSIONS = 32


class Problem(Exception):
    """The server said no: `status`, `code` and the whole `document`."""

    def __init__(self, status, document):
        self.status, self.document = status, document
        self.code = document["type"].removeprefix("urn:assent:problem:")
        super().__init__(f"{status} {self.code}")


def fresh_id():
    return adp.encode(secrets.token_bytes(16))


def new_key():
    key = jwk.JWK.generate(kty="EC", crv="P-256")
    public = json.loads(key.export_public())
    return key, {name: public[name] for name in ("crv", "kty", "x", "y")}


def check(holds, reason):
    if not holds:
        raise Refused(reason)


def send(method, url, body=b"", headers=()):
    """One HTTP call: the reply's JSON and headers, or a problem."""
    request = urllib.request.Request(url, data=body or None, method=method, headers=dict(headers))
    if body:
        request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=40) as reply:
            content = reply.read(256 * 1024)
            return (adp.parse(content, 256 * 1024) if content else None), reply.headers
    except urllib.error.HTTPError as refusal:
        with refusal:
            raise Problem(refusal.code, adp.parse(refusal.read(16 * 1024))) from None


class Trust:
    """The realm's root, pinned, and the newest list of keys that it signed."""

    def __init__(self, issuer, pinned, root, keys):
        check(adp.thumbprint(root) == pinned, "Root")
        self.issuer, self.pinned, self.root, self.list = issuer, root, adp.key_of(root), None
        self.update(keys)

    def update(self, text):
        newer = adp.open_jws(text, "adp-keys+jwt", self.root)
        check(newer["iss"] == self.issuer, "Issuer")
        check(newer["v"] == 1, "Version")
        check(self.list is None or newer == self.list or newer["sequence"] > self.list["sequence"], "OldKeyList")
        self.list = newer

    def follow(self, root, successions, keys):
        """What the configuration says; another root only where the one pinned and it have both signed for it."""
        moved = copy.copy(self)
        if root != self.pinned:
            for succession in successions[:MOST_SUCCESSIONS]:
                moved.succeed(succession)
            check(root == moved.pinned, "Root")
        moved.update(keys)
        self.__dict__ = moved.__dict__

    def succeed(self, succession):
        headers = [adp.header_of(entry["protected"], "adp-keys+jwt") for entry in succession["signatures"][:2]]
        roots = [header.get("jwk") for header in headers]
        check(len(roots) == 2 and None not in roots, "Root")
        if roots[0] != self.pinned:
            return
        listed = adp.open_general(succession, "adp-keys+jwt", [adp.key_of(root) for root in roots])
        check(listed["iss"] == self.issuer, "Issuer")
        check(listed["v"] == 1, "Version")
        check(listed["sequence"] > self.list["sequence"], "OldKeyList")
        self.pinned, self.root, self.list = roots[1], adp.key_of(roots[1]), listed

    def open(self, text, typ, now):
        """The payload of what a device signing key signed."""
        kid = adp.hint(text, typ).get("kid")
        check(kid not in self.list["revoked"], "KeyNotValid")
        entry = next((entry for entry in self.list["keys"] if adp.encode(adp.thumbprint(entry["jwk"])) == kid), None)
        check(entry is not None, "UnknownKey")
        life = entry["not_after"] - entry["not_before"]
        check(entry["not_before"] <= now <= entry["not_after"] and life <= FOUR_HUNDRED_DAYS, "KeyNotValid")
        payload = adp.open_jws(text, typ, adp.key_of(entry["jwk"]))
        check(payload["v"] == 1, "Version")
        check(payload["iss"] == self.issuer, "Issuer")
        return payload


def accept_offer(ticket, device, reply, now):
    """The trust that a ticket leads to and the offer made for it; `device` is the public key that began."""
    trust = Trust(ticket["issuer"], ticket["root"], reply["root"], reply["keys"])
    offer = trust.open(reply["offer"], "adp-offer+jwt", now)
    check(offer["aud"] == adp.encode(adp.thumbprint(device)), "Audience")
    hashed = adp.ticket_hash(ticket["root"], ticket["code"], ticket["expires_at"])
    check(offer["th"] == adp.encode(hashed), "Ticket")
    check(now < offer["exp"], "Expired")
    return trust, offer


def conclude(trust, offer, general, device, message, now):
    """The server's answer to `finish`."""
    enrolment = trust.open(message, "adp-enrolment+jwt", now)
    check(enrolment["aud"] == adp.encode(adp.thumbprint(device)), "Audience")
    check(enrolment["enr"] == offer["enr"], "Audience")
    check(enrolment["fh"] == adp.encode(adp.finish_hash(general)), "Finish")
    check(adp.encode(adp.nonce_commitment(adp.decode(enrolment["nonce"], 16))) == offer["cs"], "Commitment")
    return enrolment


def open_prompt(trust, enrolment, device, text, now):
    """A prompt that is believed and may be shown."""
    prompt = trust.open(text, "adp-prompt+jwt", now)
    check((prompt["aud"], prompt["enr"]) == (adp.encode(adp.thumbprint(device)), enrolment), "Audience")
    check(now < prompt["exp"], "Expired")
    check(prompt["kind"] in ("ciba", "add-device", "rotate", "notice", "test"), "Json(Shape)")
    text_rules.check("client_name", prompt["client"]["name"])
    if "binding_message" in prompt:
        text_rules.check("binding_message", prompt["binding_message"])
    for line in prompt["display"]:
        text_rules.check("detail_value", line["label"])
        text_rules.check("detail_value", line["value"])
    for line in prompt["context"]:
        text_rules.check("context", line["label"])
        text_rules.check("context", line["value"])
    check(prompt["display"], "Hidden")
    if prompt["kind"] == "ciba":
        name = prompt["client"]["name"]
        shown, others = [line["value"] for line in prompt["display"]], {name, prompt.get("binding_message"), *prompt["scope"]}
        check(name in shown and prompt.get("binding_message", name) in shown, "Hidden")
        check(sum(value not in others for value in shown) >= len(prompt["authorization_details"]), "Hidden")
    return prompt


def check_result(trust, device, decision, text, result, now):
    """The server's word on exactly this decision."""
    result = trust.open(result, "adp-result+jwt", now)
    check(result["aud"] == adp.encode(adp.thumbprint(device)), "Audience")
    named = (result["prompt"], result["decision"], result["hash"])
    check(named == (decision["prompt"], decision["jti"], adp.encode(adp.sha256(text))), "Result")
    return result


def check_listing(trust, enrolment, device, typ, text, now):
    """What the server says of this enrolment: history, blocks, and the phone's end."""
    listing = trust.open(text, typ, now)
    check((listing["aud"], listing["enr"]) == (adp.encode(adp.thumbprint(device)), enrolment), "Audience")
    return listing


def check_revocation(trust, enrolment, device, text, now):
    """The only word, beside the user's own, by which a phone wipes an account."""
    return check_listing(trust, enrolment, device, "adp-revocation+jwt", text, now)


def check_rotation(trust, phone, keys, general, text, now):
    """Where a rotation stands. `phone` is enrolment and device id, `keys` the `device` key before, and the one to speak after."""
    said = trust.open(text, "adp-enrolment+jwt", now)
    check((said["enr"], said["device"]) == phone, "Audience")
    check(said["fh"] == adp.encode(adp.finish_hash(general)), "Finish")
    before, after = (adp.encode(adp.thumbprint(key)) for key in keys)
    check(said["aud"] == (after if said["state"] == "active" else before), "Audience")
    return said["state"]


class Phone:
    """One enrolment of one user."""

    def __init__(self, name="A phone of paper"):
        self.name = name
        self.ahead, self.nonce, self.counter = None, None, 0

    def now(self):
        """The server's clock, once it has told it."""
        return int(time.time()) if self.ahead is None else int(time.monotonic() + self.ahead)

    def observe(self, reply, headers):
        if reply and "now" in reply:
            self.ahead = reply["now"] - time.monotonic()
        self.nonce = headers.get("Device-Nonce", self.nonce)

    def call(self, method, path, body=None):
        """A call without a proof."""
        data = b"" if body is None else json.dumps(body).encode()
        reply, headers = send(method, self.ticket["issuer"] + path, data)
        self.observe(reply, headers)
        return reply

    def proven(self, method, path, body=None, query=""):
        """A call with a proof; signed anew with the nonce that a refusal brings, once."""
        data = b"" if body is None else json.dumps(body).encode()
        if self.nonce is None:
            self.nonce = self.call("POST", "/device/v1/nonce", {"device": self.device_id})["nonce"]
        for last in (False, True):
            proof = {"htm": method, "htu": self.ticket["issuer"] + path, "iat": self.now(), "jti": fresh_id()}
            proof |= {"nonce": self.nonce, "bh": adp.encode(adp.sha256(data))}
            header = adp.sign_jws("adp-proof+jwt", proof, self.device, kid=f"{self.device_id}#device")
            try:
                reply, headers = send(method, self.ticket["issuer"] + path + query, data, {"Device-Proof": header})
            except Problem as problem:
                if last or problem.code not in ("use_nonce", "replayed"):
                    raise
                self.nonce = problem.document.get("nonce", self.nonce)
                continue
            self.observe(reply, headers)
            return reply

    def enrol(self, link, push=None):
        """Joins the account of a ticket; returns the six digits to be typed on the page that showed it."""
        self.ticket = adp.parse_ticket(link)
        self.device, self.device_public = new_key()
        begin = {"aud": self.ticket["issuer"], "code": adp.encode(self.ticket["code"]), "jwk": self.device_public}
        begin |= {"iat": self.now(), "v": 1}
        message = adp.sign_jws("adp-begin+jwt", begin, self.device, jwk=self.device_public)
        reply = self.call("POST", "/device/v1/enrolments/begin", {"message": message})
        self.trust, offer = accept_offer(self.ticket, self.device_public, reply, self.now())
        self.verified, self.verified_public = new_key()
        self.sealing, self.sealing_public = new_key()
        finish = {
            "aud": self.ticket["issuer"],
            "enr": offer["enr"],
            "oh": adp.encode(adp.sha256(reply["offer"])),
            "device": self.device_public,
            "verified": self.verified_public,
            "verified_kind": offer["policy"]["verified"],
            "sealing": self.sealing_public,
            "info": {"name": self.name, "model": "Python", "os": "", "app": {"id": "org.example.paper", "version": "1"}},
            "push": push or {"channel": "none"},
            "capabilities": [],
            "evidence": {"fmt": "none", "data": ""},
            "iat": self.now(),
            "v": 1,
        }
        signers = [(self.device, {"jwk": self.device_public}), (self.verified, {"jwk": self.verified_public})]
        general = adp.sign_general("adp-finish+jwt", finish, signers)
        answer = self.call("POST", "/device/v1/enrolments/finish", general)
        enrolment = conclude(self.trust, offer, general, self.device_public, answer["message"], self.now())
        self.enrolment, self.device_id = enrolment["enr"], enrolment["device"]
        return adp.check_digits(adp.sha256(reply["offer"]), adp.finish_hash(general), adp.decode(enrolment["nonce"], 16))

    def state(self):
        """Where the enrolment stands."""
        reply = self.proven("GET", f"/device/v1/enrolments/{self.enrolment}")
        return self.trust.open(reply["message"], "adp-enrolment+jwt", self.now())["state"]

    def prompts(self, wait=0):
        """What awaits an answer: pairs of the text as received and what it says."""
        reply = self.proven("GET", "/device/v1/prompts", query=f"?wait={wait}")
        return [(text, self.opened(text)) for text in reply["prompts"]]

    def open_push(self, data):
        """The prompt that a push holds, as `prompts` gives it; `None` where it says no more than to ask."""
        check(data.get("v") == "1", "Version")
        if "jwe" not in data:
            return None
        text = adp.unseal(data["jwe"], self.sealing).decode(errors="replace")
        return text, self.opened(text)

    def prompt(self, prompt_id):
        """One prompt, answered or not."""
        text = self.proven("GET", f"/device/v1/prompts/{prompt_id}")["prompt"]
        return text, self.opened(text)

    def opened(self, text):
        return open_prompt(self.trust, self.enrolment, self.device_public, text, self.now())

    def approve(self, prompt, **changes):
        """Agrees to a prompt as `prompts` gave it."""
        role = "device" if prompt[1]["uv"] == "none" else "verified"
        uv = "none" if role == "device" else "biometric"
        return self.decide(prompt, role, {"decision": "approve", "uv": uv, **changes})

    def deny(self, prompt, reason):
        return self.decide(prompt, "device", {"decision": "deny", "reason": reason, "uv": "none"})

    def decide(self, prompt, role, answer):
        """Signs and sends an answer; returns where the request stands."""
        text, content = prompt
        self.counter += 1
        decision = {
            "iss": self.device_id,
            "aud": self.ticket["issuer"],
            "jti": fresh_id(),
            "iat": self.now(),
            "v": 1,
            "prompt": content["jti"],
            "nonce": content["nonce"],
            "ph": adp.encode(adp.sha256(text)),
            "dh": adp.encode(adp.display_digest(content["display"])),
            "ctr": self.counter,
            **answer,
        }
        key = {"device": self.device, "verified": self.verified}[role]
        self.sent = adp.sign_jws("adp-decision+jwt", decision, key, kid=f"{self.device_id}#{role}")
        return self.send_decision(decision)

    def send_decision(self, decision):
        """Sends the last decision, again where it was sent before."""
        reply = self.proven("POST", f"/device/v1/prompts/{decision['prompt']}/decision", {"message": self.sent})
        self.last = decision
        return check_result(self.trust, self.device_public, decision, self.sent, reply["message"], self.now())["outcome"]

    def rotate(self, *roles, agreed=True):
        """New keys in place of these; returns where that stands. `agreed`: whether the `verified` before still can sign."""
        new = {role: new_key() for role in roles}
        rotation = {"iss": self.device_id, "aud": self.ticket["issuer"]}
        rotation |= {role: public for role, (_, public) in new.items()}
        rotation |= {"iat": self.now(), "v": 1}
        signers = [(new[role][0], {"jwk": new[role][1]}) for role in ("device", "verified") if role in new]
        if "verified" in new and agreed:
            signers.append((self.verified, {"kid": f"{self.device_id}#verified"}))
        signers.append((self.device, {"kid": f"{self.device_id}#device"}))
        self.rotation, self.new = adp.sign_general("adp-rotation+jwt", rotation, signers), new
        return self.send_rotation()

    def send_rotation(self):
        """Sends the last rotation, again where it was sent before, and takes its keys once they hold."""
        reply = self.proven("POST", "/device/v1/self/keys", self.rotation)
        _, after = self.new.get("device", (None, self.device_public))
        phone, keys = (self.enrolment, self.device_id), (self.device_public, after)
        state = check_rotation(self.trust, phone, keys, self.rotation, reply["message"], self.now())
        if state == "active":
            for role, (key, public) in self.new.items():
                setattr(self, role, key)
                setattr(self, f"{role}_public", public)
        return state

    def told(self, typ, path, query=""):
        """A signed list about this enrolment."""
        reply = self.proven("GET", path, query=query)
        return check_listing(self.trust, self.enrolment, self.device_public, typ, reply["message"], self.now())

    def history(self, before=None):
        query = "" if before is None else f"?before={before}"
        return self.told("adp-history+jwt", "/device/v1/self/history", query)

    def blocks(self):
        return self.told("adp-blocks+jwt", "/device/v1/self/blocks")["blocks"]

    def block(self, client, lasts):
        self.proven("PUT", "/device/v1/self/blocks", {"client": client, "lasts": lasts})

    def unblock(self, client):
        """Lets a client ask again, which its user must be verified for; returns what was sent."""
        said = {"iss": self.device_id, "aud": self.ticket["issuer"], "client": client, "iat": self.now(), "v": 1}
        message = adp.sign_jws("adp-unblock+jwt", said, self.verified, kid=f"{self.device_id}#verified")
        self.lift(message)
        return message

    def lift(self, message):
        self.proven("DELETE", "/device/v1/self/blocks", {"message": message})

    def leave(self):
        self.proven("DELETE", "/device/v1/self")
