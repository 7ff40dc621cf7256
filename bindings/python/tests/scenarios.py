"""Plays mobile-samples/scenarios: what its README says, with the phones of `assent_device.software`."""

import asyncio
import base64
import itertools
import json
import os
import pathlib
import subprocess
import urllib.parse

from assent_device import (
    BlockPeriod,
    Clock,
    DenyReason,
    DeviceCore,
    DeviceError,
    DeviceInfo,
    KeysToRotate,
    KeyPurpose,
    KeyVault,
    Outcome,
    Ports,
    PushTarget,
    RequestKind,
    Settings,
    Transport,
    TransportError,
    VaultError,
    error_code,
)
from assent_device import software
from assent_device.phone import spelled, word
from provider import CIBA, call

FOLDER = pathlib.Path(__file__).parents[3] / "mobile-samples" / "scenarios"
POLL_SECONDS = 1.1
"""Between two polls of a relying party, a little more than the provider asks for."""


class Refused(Exception):
    """The provider refused a relying party; the text is OAuth's `error`."""


class Simulator:
    """A running provider with its operator and its relying parties. Ends when closed."""

    def __init__(self):
        self.process = subprocess.Popen(
            [os.environ["SIMULATOR"], "--describe", "--listen", "127.0.0.1:0", "--interval", "1"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )
        described = json.loads(self.process.stdout.readline())
        self.issuer, self.admin_url = described["issuer"], described["admin"]["url"]
        self.token = described["admin"]["token"]
        self.numbers = itertools.count(1)

    def close(self):
        self.process.terminate()
        self.process.wait(30)
        self.process.stdout.close()

    async def operator(self, method, path, body=None, expect=(200, 201, 204)):
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        status, reply = await asyncio.to_thread(call, method, self.admin_url + path, data, headers)
        assert status in expect, f"{method} {path}: {status} {reply}"
        return reply

    async def post(self, client, path, form):
        secret = base64.b64encode(f"{client['client_id']}:{client['client_secret']}".encode()).decode()
        headers = {"Authorization": f"Basic {secret}", "Content-Type": "application/x-www-form-urlencoded"}
        data = urllib.parse.urlencode(form).encode()
        status, reply = await asyncio.to_thread(call, "POST", self.issuer + path, data, headers)
        if status >= 400:
            raise Refused(reply["error"])
        return reply

    async def devices(self, subject):
        return (await self.operator("GET", f"/users/{subject}/devices"))["devices"]


class Asked:
    """What a relying party has asked."""

    def __init__(self, name, client, subject, message, reply):
        self.name, self.client, self.subject, self.message = name, client, subject, message
        self.auth_req_id, self.match_code = reply["auth_req_id"], reply.get("match_code")


class Account:
    """An account on a phone, and whose it is."""

    def __init__(self, id, subject, digits):
        self.id, self.subject, self.digits = id, subject, digits


class World:
    """What happens to one phone, and around it."""

    def __init__(self):
        self.network, self.user, self.keys, self.clock_ahead = "up", "consents", "work", 0
        self.verified, self.ended = set(), set()  # aliases of keys that ask the user; of those that are gone for good
        self.dies = None  # an event that is set when an approval was signed and would be sent
        self.signed = False


class Vault(KeyVault):
    """The software vault, in a world."""

    def __init__(self, inner, world):
        self.inner, self.world = inner, world

    def _works(self, alias):
        asks = alias in self.world.verified
        if self.world.keys == "lost":
            raise VaultError.KeyMissing()
        if alias in self.world.ended:
            raise VaultError.KeyInvalidated()
        if asks and self.world.keys == "unavailable":
            raise VaultError.Unavailable("the sensor is busy")
        if asks and self.world.user == "dismisses":
            raise VaultError.UserCancelled()

    async def generate(self, alias, purpose, protection):
        if purpose == KeyPurpose.VERIFIED:
            self.world.verified.add(alias)
        return await self.inner.generate(alias, purpose, protection)

    async def sign(self, alias, message, reason):
        self._works(alias)
        signature = await self.inner.sign(alias, message, reason)
        self.world.signed = self.world.signed or reason.is_approval()
        return signature

    async def agree(self, alias, peer):
        self._works(alias)
        return await self.inner.agree(alias, peer)

    async def delete(self, alias):
        await self.inner.delete(alias)


class Network(Transport):
    """The real transport, in a world."""

    def __init__(self, inner, world):
        self.inner, self.world = inner, world

    async def send(self, request):
        if self.world.dies and self.world.signed:
            self.world.dies.set()
            await asyncio.Event().wait()  # nothing after that runs
        if self.world.network == "down":
            raise TransportError.Unreachable("the network is down")
        reply = await self.inner.send(request)
        if self.world.network == "loses_replies":
            raise TransportError.TimedOut()
        return reply


class WallClock(Clock):
    """The system's clock, in a world."""

    def __init__(self, inner, world):
        self.inner, self.world = inner, world

    def unix_millis(self):
        return self.inner.unix_millis() + self.world.clock_ahead * 1000

    def monotonic_millis(self):
        return self.inner.monotonic_millis()


class Phone:
    """One app on one phone."""

    def __init__(self, issuer, folder):
        self.issuer, self.folder, self.world = issuer, folder, World()
        self.accounts, self.in_hand, self.names = {}, {}, {}
        self.start()

    def start(self):
        """A process begins, on what is stored."""
        self.in_hand = {}
        self.world.dies, self.world.signed = None, False
        inner = software.ports(self.folder)
        parts = Ports(
            vault=Vault(inner.vault, self.world), store=inner.store, transport=Network(inner.transport, self.world),
            clock=WallClock(inner.clock, self.world), lock=inner.lock, observer=None, attestor=None,
        )
        self.core = DeviceCore(Settings(issuers=[self.issuer], development=True), parts)

    def account(self, step):
        if "account" in step:
            return self.accounts[step["account"]]
        (only,) = self.accounts.values()
        return only

    def take(self, account, found, asked):
        """Takes requests into its hand; their names. One that is seen for the first time is the oldest that fits."""
        return [self._take(account, request, asked) for request in found]

    def _take(self, account, request, asked):
        if request.id() not in self.names:
            fitting = (
                question.name for question in asked
                if question.subject == account.subject and question.message == request.binding_message()
                and question.client["client_id"] == request.client_id() and question.name not in self.names.values()
            )
            self.names[request.id()] = next(fitting, None) or of_the_provider(request)
        name = self.names[request.id()]
        self.in_hand[name] = request
        return name


def of_the_provider(request):
    """A question of the provider's own is called by its kind. No line is taken for display by asking."""
    kind = request.display_part(0, 0).kind
    assert kind != RequestKind.AUTHENTICATION, f"nobody asked for {request.display()}"
    return word(kind)


def equal(wanted, found):
    """Each wanted member is as wanted."""
    for name, value in wanted.items():
        assert found[name] == value, f"{name} is {found[name]!r}, not {value!r}"


class Play:
    """One scenario under way: whom its names stand for, and what each step does."""

    def __init__(self, simulator, folder):
        self.simulator, self.folder = simulator, pathlib.Path(folder)
        self.clients, self.users, self.phones, self.asked = {}, {}, {}, {}

    async def run(self, scenario):
        """Plays every step; the first that comes to something else is an AssertionError that names it."""
        for number, step in enumerate(scenario["steps"], 1):
            wanted = step.get("error")
            try:
                await getattr(self, "do_" + step["do"])(**self.known(step))
                came_to = None
            except DeviceError as error:
                came_to = error_code(error)
            except Refused as error:
                came_to = str(error)
            except AssertionError as error:
                raise AssertionError(f"step {number}, {json.dumps(step)}: {error}") from error
            assert came_to == wanted, f"step {number}, {json.dumps(step)}: it came to {came_to or 'success'}"

    def known(self, step):
        """A step's members, with names replaced by whom they stand for. An unknown member has no parameter to go to."""
        known = {name: value for name, value in step.items() if name not in ("do", "error", "account")}
        if "phone" in known:
            name = known["phone"]
            if name not in self.phones:
                self.phones[name] = Phone(self.simulator.issuer, self.folder / name)
            known["phone"] = self.phones[name]
            if step["do"] in WITH_ACCOUNT:
                known["account"] = known["phone"].account(step)
            elif "account" in step:
                known["account"] = step["account"]
        if step["do"] != "client" and "client" in known:
            known["client"] = self.clients[known["client"]]
        if step["do"] != "user" and step["do"] != "set" and "user" in known:
            known["user"] = self.users[known["user"]]
        return known

    def client_name(self, id):
        return next(name for name, client in self.clients.items() if client["client_id"] == id)

    # --------------------------------------------------------------------------- operators and relying parties

    async def do_client(self, client, metadata=None):
        named = {"client_name": f"{client} {next(self.simulator.numbers)}", "scope": "openid"}
        self.clients[client] = await self.simulator.operator("POST", "/clients", named | (metadata or {}))

    async def do_user(self, user):
        made = await self.simulator.operator("POST", "/users", {"username": f"{user}{next(self.simulator.numbers)}"})
        self.users[user] = made["subject"]

    async def do_ask(self, client, user, request, parameters=None):
        form = {"scope": "openid", "login_hint": user} | (parameters or {})
        reply = await self.simulator.post(client, "/backchannel/authenticate", form)
        self.asked[request] = Asked(request, client, user, form.get("binding_message"), reply)

    async def do_cancel(self, client, request):
        await self.simulator.post(client, "/backchannel/cancel", {"auth_req_id": self.asked[request].auth_req_id})

    async def do_poll(self, client, request):
        asked = self.asked[request]
        await self.simulator.post(client, "/token", {"grant_type": CIBA, "auth_req_id": asked.auth_req_id})

    async def do_revoke(self, phone, account):
        devices = await self.simulator.devices(account.subject)
        device = next(device["id"] for device in devices if device["enrolment"] == account.id)
        await self.simulator.operator("POST", f"/devices/{device}/revoke")

    # --------------------------------------------------------------------------------------------- enrolment

    async def do_enrol(self, phone, user, account="only", state=None):
        ticket = (await self.simulator.operator("POST", f"/users/{user}/tickets"))["ticket"]
        info = DeviceInfo(name="A phone", model="Python", os="any", app_id="scenarios", app_version="1")
        enrolment = await phone.core.enrol(ticket, info, PushTarget.NONE())
        phone.accounts[account] = Account(enrolment.account(), user, enrolment.digits())
        assert state in (None, word(enrolment.state())), f"state is {word(enrolment.state())}"

    async def do_type_digits(self, phone, account, wrong=False, state=None):
        digits = f"{(int(account.digits) + 1) % 1_000_000:06}" if wrong else account.digits
        path = f"/enrolments/{account.id}/confirm"
        await self.simulator.operator("POST", path, {"digits": digits}, (403,) if wrong else (200,))
        found = word(await (await phone.core.enrolment(account.id)).refresh())
        assert state in (None, found), f"state is {found}"

    # ------------------------------------------------------------------------------------- requests and answers

    async def do_pending(self, phone, account, requests):
        found = phone.take(account, await phone.core.pending(account.id, 0), self.asked.values())
        assert found == requests, f"pending is {found}"

    async def do_fetch(self, phone, account, request):
        if request not in phone.names.values():
            phone.take(account, await phone.core.pending(account.id, 0), self.asked.values())
        id = next((id for id, name in phone.names.items() if name == request), None)
        assert id, "the phone never heard of that request"
        phone.take(account, [await phone.core.fetch_prompt(account.id, id)], self.asked.values())

    async def do_show(self, phone, request, display=None):
        screen = phone.in_hand[request].display()
        equal(display or {}, {
            "kind": word(screen.kind),
            "title": screen.title,
            "message": screen.message,
            "lines": [[line.label, line.value] for line in screen.lines],
            "warnings": [spelled(warning) for warning in screen.warnings],
            "match_code_digits": screen.match_code.digits if screen.match_code else None,
            "verifies_user": screen.verifies_user,
        })

    async def do_type_match_code(self, phone, request, wrong=False):
        code = self.asked[request].match_code
        typed = f"{(int(code) + 1) % 10 ** len(code):0{len(code)}}" if wrong else code
        phone.in_hand[request].enter_match_code(typed)

    async def do_approve(self, phone, request, outcome="approved"):
        found = word(await phone.core.approve(phone.in_hand[request]))
        assert found == outcome, f"the outcome is {found}"

    async def do_deny(self, phone, request, reason, outcome="denied"):
        found = word(await phone.core.deny(phone.in_hand[request], DenyReason[reason.upper()]))
        assert found == outcome, f"the outcome is {found}"

    async def do_at_once(self, phone, request, decisions):
        held, asked = phone.in_hand[request], self.asked[request]

        def answer(decision):
            if decision == "approve":
                return asyncio.run(phone.core.approve(held))
            return asyncio.run(phone.core.deny(held, DenyReason.NOT_ME))

        came = await asyncio.gather(*(asyncio.to_thread(answer, one) for one in decisions), return_exceptions=True)
        (stands,) = [outcome for outcome in came if isinstance(outcome, Outcome)]
        assert all(isinstance(outcome, (Outcome, DeviceError)) for outcome in came), came
        await asyncio.sleep(POLL_SECONDS)
        try:
            await self.do_poll(asked.client, request)
            polled = Outcome.APPROVED
        except Refused as refused:
            assert str(refused) == "access_denied", refused
            polled = Outcome.DENIED
        newest = (await phone.core.history(held.account(), None)).entries[0].outcome
        assert stands == polled == newest, f"{stands} was the answer, {polled} is polled, the history says {newest}"

    async def do_die(self, phone, request, after):
        assert after == "signed", after
        phone.world.dies = asyncio.Event()
        approving = asyncio.create_task(phone.core.approve(phone.in_hand[request]))
        await asyncio.wait_for(phone.world.dies.wait(), 30)
        approving.cancel()
        await asyncio.wait([approving])
        phone.start()

    # ------------------------------------------------------------------------------- what else a phone can do

    async def do_block(self, phone, account, client, period):
        await phone.core.block_client(account.id, client["client_id"], BlockPeriod[period.upper()])

    async def do_unblock(self, phone, account, client):
        await phone.core.unblock_client(account.id, client["client_id"])

    async def do_blocked(self, phone, account, clients):
        found = [self.client_name(blocked.client) for blocked in await phone.core.blocked_clients(account.id)]
        assert sorted(found) == sorted(clients), f"blocked are {found}"

    async def do_history(self, phone, account, entries):
        found = (await phone.core.history(account.id, None)).entries
        assert len(found) == len(entries), found
        for wanted, entry in zip(entries, found):
            equal(wanted, {
                "client": self.client_name(entry.client),
                "message": entry.message,
                "outcome": word(entry.outcome),
                "reason": entry.reason and word(entry.reason),
                "on_this_phone": entry.on_this_phone,
            })

    async def do_object(self, phone, account, request, outcome):
        asked = self.asked[request]
        entry = next(
            entry for entry in (await phone.core.history(account.id, None)).entries
            if entry.client == asked.client["client_id"] and entry.message == asked.message
        )
        found = word(await phone.core.object(account.id, entry.prompt))
        assert found == outcome, f"the outcome is {found}"

    async def do_rotate(self, phone, account, which, state):
        wanted = {name: name in which for name in ("device", "verified", "sealing")}
        found = word(await phone.core.rotate_keys(account.id, KeysToRotate(**wanted)))
        assert found == state, f"state is {found}"

    async def do_sync(self, phone, accounts):
        found = await phone.core.sync(None)
        assert len(found) == len(accounts), found
        for wanted, synced in zip(accounts, found):
            account = next(account for account in phone.accounts.values() if account.id == synced.account)
            equal({"failure": None} | wanted, {
                "state": word(synced.state),
                "requests": phone.take(account, synced.requests, self.asked.values()),
                "concluded": synced.concluded,
                "failure": synced.failure and synced.failure.code,
            })

    async def do_accounts(self, phone, accounts):
        found = await phone.core.accounts()
        assert len(found) == len(accounts), found
        for wanted, account in zip(accounts, found):
            equal(wanted, {"state": word(account.state), "revoked": account.revoked and word(account.revoked)})

    async def do_forget(self, phone, account):
        await phone.core.forget(account.id)
        phone.accounts = {name: kept for name, kept in phone.accounts.items() if kept is not account}

    async def do_wipe(self, phone, account):
        await phone.core.wipe(account.id)
        phone.accounts = {name: kept for name, kept in phone.accounts.items() if kept is not account}

    # ------------------------------------------------------------------------------------------- the world

    async def do_set(self, phone, network=None, user=None, keys=None, clock=None):
        world = phone.world
        world.network, world.user = network or world.network, user or world.user
        world.keys = keys or world.keys
        if keys == "invalidated":
            world.ended |= world.verified
        world.clock_ahead = world.clock_ahead if clock is None else clock

    async def do_restart(self, phone):
        phone.start()

    async def do_wait(self, seconds):
        await asyncio.sleep(seconds)


WITH_ACCOUNT = {
    "type_digits", "pending", "fetch", "block", "unblock", "blocked", "history", "object", "rotate", "forget", "wipe", "revoke",
}
"""Steps of one account; the only one, where none is named."""
