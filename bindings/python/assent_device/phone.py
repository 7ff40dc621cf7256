"""`assent-phone`: a phone at the command line, for a relying party's own CI and for a first look.

It answers as it is told to; its keys are files. It is no way for a person to approve anything that matters.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import enum
import json
import os
import pathlib
import re
import ssl
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timezone
from typing import Any

from . import (
    Account,
    ApprovalRequest,
    BlockPeriod,
    DenyReason,
    DeviceCore,
    DeviceError,
    DeviceInfo,
    Display,
    EnrolmentState,
    Outcome,
    PushTarget,
    Settings,
    Warning as ScreenWarning,
    error_code,
)
from .software import ports

OK, REFUSED, USAGE, NOTHING = 0, 1, 2, 3
"""How it ends: done; refused or failed; called wrongly; nothing waits for an answer."""

MOST_WAIT_SECONDS = 25
"""A server holds one call no longer; what is waited for beyond that takes several."""

ENDED = (EnrolmentState.CANCELLED, EnrolmentState.REVOKED)
"""An account that has come to this answers nothing more; it stays on the phone until it is forgotten."""

ID = re.compile("-[A-Za-z0-9_-]{21}")
"""An account's or request's id, 16 bytes in base64url, that begins with a hyphen. No option is as long."""


class Stop(Exception):
    """Ends the command with a status and a line that says why."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Phone:
    """One command's phone: the folder that it lives in, and where it may enrol."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        passphrase = os.environ.get("ASSENT_PHONE_PASSPHRASE")
        context = ssl.create_default_context(cafile=options.ca)
        parts = ports(options.state, passphrase=passphrase.encode() if passphrase else None, context=context)
        issuers = [issuer.rstrip("/") for issuer in options.issuer]
        self.core = DeviceCore(Settings(issuers=issuers, development=options.development), parts)

    async def account(self) -> Account:
        """The account that the command is about: the one named, or the only one. Digits may have been typed by now."""
        for account in await self.core.accounts():
            if account.state == EnrolmentState.UNCONFIRMED and self._means(account):
                with contextlib.suppress(DeviceError.Revoked, DeviceError.Suspended):  # which is its state from now on
                    await (await self.core.enrolment(account.id)).refresh()
        accounts = await self._candidates()
        if len(accounts) > 1:
            for account in accounts:
                with contextlib.suppress(DeviceError):
                    await self.core.pending(account.id, 0)  # the server says which of them it has revoked meanwhile
            accounts = await self._candidates()
        if not accounts:
            raise Stop(REFUSED, "there is no such account on this phone: enrol first")
        if len(accounts) > 1:
            raise Stop(USAGE, "there are several accounts: choose one by --account")
        return accounts[0]

    async def _candidates(self) -> list[Account]:
        """Those that the command may be about. One that has ended, where all have: the last, whose end is then the error."""
        accounts = [account for account in await self.core.accounts() if self._means(account)]
        return [account for account in accounts if account.state not in ENDED] or accounts[-1:]

    def _means(self, account: Account) -> bool:
        return self.options.account in (None, account.id)

    async def waiting(self) -> list[ApprovalRequest]:
        """What waits for an answer, as soon as there is something, and at the latest after `--wait` seconds."""
        account, left = await self.account(), self.options.wait
        while True:
            step = min(left, MOST_WAIT_SECONDS)
            found = await self.core.pending(account.id, step)
            left -= step
            if found or left <= 0:
                return found

    async def wanted(self) -> ApprovalRequest:
        """The request that the command answers: the one named, or the only one."""
        named = self.options.request
        if named is not None:
            return await self.core.fetch_prompt((await self.account()).id, named)
        found = await self.waiting()
        if not found:
            raise Stop(NOTHING, "nothing waits for an answer")
        if len(found) > 1:
            raise Stop(USAGE, "several requests wait for an answer: name one; `list` shows them")
        return found[0]


def told(options: argparse.Namespace, document: dict[str, Any], text: str) -> None:
    """Prints for people, or one JSON document a line for programs."""
    print(json.dumps(document, ensure_ascii=False) if options.json else text, flush=True)


def moment(seconds: int) -> str:
    """A time as RFC 3339."""
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def word(value: enum.Enum) -> str:
    """An enum's value in the protocol's spelling."""
    return value.name.lower()


def spelled(warning: ScreenWarning) -> str:
    """A warning as one word."""
    kinds = ("unverified_client", "conflict", "expiring_soon", "expired")
    return next(kind for kind in kinds if getattr(warning, f"is_{kind}")())


def document(request: ApprovalRequest, display: Display) -> dict[str, Any]:
    """Everything that a phone would show."""
    return {
        "id": request.id(),
        "account": request.account(),
        "kind": word(display.kind),
        "client": {"id": request.client_id(), "name": request.client_name(), "verified": request.client_verified()},
        "message": display.message,
        "lines": [{"label": line.label, "value": line.value} for line in display.lines],
        "warnings": [spelled(warning) for warning in display.warnings],
        "match_code_digits": display.match_code.digits if display.match_code else None,
        "verifies_user": display.verifies_user,
        "expires_at": moment(display.expires_at),
    }


def digests(request: ApprovalRequest) -> dict[str, Any]:
    """What a relying party's receipt names of this answer."""
    receipt = request.receipt()
    return {"prompt_digest": receipt.prompt_digest, "decision_digest": receipt.decision_digest} if receipt else {}


def screen(request: ApprovalRequest, display: Display) -> str:
    """The same for people."""
    shown = [f"{request.id()}  {display.title}"]
    shown += [f"  {line.label}: {line.value}" for line in display.lines]
    shown += [f"  ! {spelled(warning).replace('_', ' ')}" for warning in display.warnings]
    if display.match_code:
        shown.append(f"  asks for the {display.match_code.digits} digits on the other screen (--match-code)")
    return "\n".join([*shown, f"  until {moment(display.expires_at)}"])


async def enrol(phone: Phone) -> None:
    """Joins by a ticket, and waits until the six digits have been typed on the page that showed it."""
    options = phone.options
    info = DeviceInfo(
        name=options.name, model="assent-phone", os=sys.platform, app_id="assent-phone", app_version=__version__()
    )
    ticket = sys.stdin.readline().strip() if options.ticket == "-" else options.ticket
    enrolment = await phone.core.enrol(ticket, info, PushTarget.NONE())
    account, digits = enrolment.account(), enrolment.digits()
    state = enrolment.state()
    told(options, {"account": account, "digits": digits, "state": word(state)}, f"account {account}\ndigits {digits}")
    left = options.wait
    while state == EnrolmentState.UNCONFIRMED and left > 0:
        await asyncio.sleep(1)
        left -= 1
        state = await enrolment.refresh()
    if options.wait:
        told(options, {"account": account, "state": word(state)}, word(state))
        if state != EnrolmentState.ACTIVE:
            raise Stop(REFUSED, "the enrolment was cancelled" if left > 0 else "nobody typed the digits in time")


async def accounts(phone: Phone) -> None:
    """Lists the accounts on this phone."""
    for account in await phone.core.accounts():
        fields = {"id": account.id, "issuer": account.issuer, "label": account.label, "state": word(account.state)}
        told(phone.options, fields, "  ".join(fields.values()))


async def listed(phone: Phone) -> None:
    """Lists what waits for an answer."""
    found = await phone.waiting()
    for request in found:
        display = request.display()
        told(phone.options, document(request, display), screen(request, display))
    if not found:
        raise Stop(NOTHING, "nothing waits for an answer")


async def answer(phone: Phone, give: Callable[[ApprovalRequest], Awaitable[Outcome]], *wanted: Outcome) -> None:
    """Shows a request, answers it, and says what the server made of that; anything but what is wanted is a failure."""
    request = await phone.wanted()
    display = request.display()
    if not phone.options.json:
        print(screen(request, display), flush=True)
    outcome = await give(request)
    told(phone.options, document(request, display) | {"outcome": word(outcome)} | digests(request), word(outcome))
    if outcome not in wanted:
        raise Stop(REFUSED, f"the request is {word(outcome)}")


async def approve(phone: Phone) -> None:
    """Approves."""

    async def give(request: ApprovalRequest) -> Outcome:
        if phone.options.match_code:
            request.enter_match_code(phone.options.match_code)
        return await phone.core.approve(request)

    await answer(phone, give, Outcome.APPROVED)


async def deny(phone: Phone) -> None:
    """Denies, and blocks the client if told to."""
    options = phone.options

    async def give(request: ApprovalRequest) -> Outcome:
        outcome = await phone.core.deny(request, DenyReason[options.reason.upper()])
        if options.block:
            await phone.core.block_client(request.account(), request.client_id(), BlockPeriod[options.block.upper()])
        return outcome

    await answer(phone, give, Outcome.DENIED, Outcome.DISPUTED)


async def history(phone: Phone) -> None:
    """Lists what was answered, on whichever phone, newest first."""
    page = await phone.core.history((await phone.account()).id, None)
    for entry in page.entries:
        fields = {
            "client": entry.client,
            "name": entry.client_name,
            "message": entry.message,
            "outcome": word(entry.outcome),
            "answered_at": moment(entry.answered_at),
            "device": entry.device_name,
        }
        told(phone.options, fields, "  ".join(str(value) for value in fields.values() if value))


async def sync(phone: Phone) -> None:
    """Sends what was signed and not heard of since, and learns how every account stands."""
    failed = []
    for synced in await phone.core.sync(None):
        failure = synced.failure.code if synced.failure else None
        fields = {
            "account": synced.account, "state": word(synced.state), "concluded": synced.concluded,
            "waiting": [request.id() for request in synced.requests], "failure": failure,
        }
        text = f"{synced.account}  {fields['state']}  sent {synced.concluded}, {len(synced.requests)} waiting  {failure or ''}"
        told(phone.options, fields, text.rstrip())
        failed += [failure] if failure else []
    if failed:
        raise Stop(REFUSED, ", ".join(failed))


async def forget(phone: Phone) -> None:
    """Leaves an account: the server revokes this phone, and its keys are destroyed."""
    account = await phone.account()
    await phone.core.forget(account.id)
    told(phone.options, {"forgotten": account.id}, f"forgot {account.id}")


def __version__() -> str:
    from importlib import metadata

    try:
        return metadata.version("assent-device")
    except metadata.PackageNotFoundError:
        return "0"


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="assent-phone", description=__doc__)
    home = pathlib.Path(os.environ.get("XDG_STATE_HOME") or pathlib.Path.home() / ".local" / "state")
    top.add_argument("--state", default=os.environ.get("ASSENT_PHONE_STATE") or home / "assent-phone", metavar="DIR",
                     help="where the phone keeps its keys and accounts (ASSENT_PHONE_STATE; default %(default)s)")
    top.add_argument("--issuer", action="append", metavar="URL",
                     help="a provider at which this phone may enrol; may be given again (ASSENT_PHONE_ISSUER)")
    top.add_argument("--development", action="store_true", help="let a provider use plain http on a loopback address")
    top.add_argument("--ca", metavar="FILE", help="certificates to trust instead of the system's, as PEM")
    top.add_argument("--account", type=str.strip, metavar="ID", help="which account, where there are several, or one that was revoked")
    top.add_argument("--json", action="store_true", help="print one JSON document a line")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(run: Callable[[Phone], Awaitable[None]], name: str, wait: int | None = None) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=(run.__doc__ or "").strip(), description=run.__doc__)
        added.set_defaults(run=run)
        if wait is not None:
            added.add_argument("--wait", type=seconds, default=wait, metavar="SECONDS", help="default %(default)s")
        return added

    joining = command(enrol, "enrol", wait=300)
    joining.add_argument("ticket", help="the ticket's link; - reads it from standard input")
    joining.add_argument("--name", default="assent-phone", help="how the user's other phones will call this one")
    command(accounts, "accounts")
    command(listed, "list", wait=0)
    approving = command(approve, "approve", wait=0)
    approving.add_argument("--match-code", metavar="DIGITS", help="what the other screen shows")
    denying = command(deny, "deny", wait=0)
    denying.add_argument("--reason", choices=["not_me", "wrong_details", "cancelled"], default="cancelled")
    denying.add_argument("--block", choices=["quarter_hour", "day", "until_lifted"],
                         help="keep the client from asking again for so long")
    for answering in (approving, denying):
        answering.add_argument("request", nargs="?", type=str.strip, metavar="ID", help="which request, where several wait")
    command(history, "history")
    command(sync, "sync")
    command(forget, "forget")
    return top


def read(arguments: Sequence[str]) -> argparse.Namespace:
    """What the command line says. One id in 64 begins with a hyphen, which argparse takes for an option's if nothing is before it."""
    return parser().parse_args([f" {argument}" if ID.fullmatch(argument) else argument for argument in arguments])


def seconds(text: str) -> int:
    """A whole number of seconds, none below zero."""
    value = int(text)
    if value < 0:
        raise ValueError(text)
    return value


async def perform(options: argparse.Namespace) -> int:
    """Runs one command; returns the status to end with."""
    try:
        await options.run(Phone(options))
    except Stop as stop:
        print(f"assent-phone: {stop}", file=sys.stderr)
        return stop.status
    except DeviceError as error:
        print(f"assent-phone: {error_code(error)}: {error}", file=sys.stderr)
        return REFUSED
    except OSError as error:
        print(f"assent-phone: {error}", file=sys.stderr)
        return REFUSED
    return OK


def main(arguments: Sequence[str] | None = None) -> int:
    """The command `assent-phone`."""
    options = read(sys.argv[1:] if arguments is None else arguments)
    if options.issuer is None:
        options.issuer = os.environ.get("ASSENT_PHONE_ISSUER", "").split()
    try:
        return asyncio.run(perform(options))
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
