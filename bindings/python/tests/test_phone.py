"""The generated binding against a running server: enrol, approve, deny, and everything that must not abort the app."""

import asyncio
import contextlib
import io
import types
import unittest

from assent_device import DenyReason, DeviceError, EnrolmentState, Outcome, PushTarget, RequestKind, VaultError
from assent_device import phone as command
from phones import INFO, Phone, claims, quietly
from ports import HttpTransport
from provider import Provider

PROVIDER = None


def setUpModule():
    global PROVIDER
    PROVIDER = Provider()
    unittest.addModuleCleanup(PROVIDER.close)


class Enrolling(unittest.IsolatedAsyncioTestCase):
    async def test_the_digits_typed_on_the_page_activate_the_phone(self):
        phone, subject = Phone(PROVIDER), PROVIDER.new_user()
        enrolment = await phone.enrol(subject)
        self.assertRegex(enrolment.digits(), r"\A[0-9]{6}\Z")
        self.assertEqual(await enrolment.refresh(), EnrolmentState.UNCONFIRMED)
        self.assertEqual(PROVIDER.devices(subject), [])
        PROVIDER.type_digits(enrolment.account(), enrolment.digits())
        self.assertEqual(await enrolment.refresh(), EnrolmentState.ACTIVE)
        self.assertIsNone(enrolment.digits())
        (device,) = PROVIDER.devices(subject)
        self.assertEqual((device["name"], device["status"]), ("Anna's phone", "active"))
        (account,) = await phone.core.accounts()
        self.assertEqual((account.issuer, account.state), (PROVIDER.issuer, EnrolmentState.ACTIVE))

    async def test_wrong_digits_cancel_the_enrolment(self):
        phone = Phone(PROVIDER)
        enrolment = await phone.enrol(PROVIDER.new_user())
        wrong = "000000" if enrolment.digits() != "000000" else "000001"
        PROVIDER.type_digits(enrolment.account(), wrong, expect=(403,))
        self.assertEqual(await enrolment.refresh(), EnrolmentState.CANCELLED)

    async def test_a_ticket_of_an_issuer_that_is_not_listed_is_refused_before_any_call(self):
        phone = Phone(PROVIDER, issuers=["https://op.example"])
        with self.assertRaises(DeviceError.WrongIssuer) as refused:
            await phone.enrol(PROVIDER.new_user())
        self.assertEqual(refused.exception.issuer, PROVIDER.issuer)
        self.assertEqual((phone.transport.paths, phone.vault.keys), ([], {}))

    async def test_a_ticket_works_once(self):
        ticket = PROVIDER.ticket(PROVIDER.new_user())
        await Phone(PROVIDER).core.enrol(ticket, INFO, PushTarget.NONE())
        second = Phone(PROVIDER)
        with self.assertRaises(DeviceError.Refused) as refused:
            await second.core.enrol(ticket, INFO, PushTarget.NONE())
        self.assertEqual(refused.exception.refusal, "invalid_ticket")
        self.assertEqual((second.vault.keys, await second.core.accounts()), ({}, []))

    async def test_text_that_is_no_ticket_is_refused(self):
        with self.assertRaises(DeviceError.NotATicket):
            await Phone(PROVIDER).core.enrol("https://op.example/", INFO, PushTarget.NONE())

    async def test_an_account_that_waits_for_its_digits_answers_nothing(self):
        phone = Phone(PROVIDER)
        enrolment = await phone.enrol(PROVIDER.new_user())
        with self.assertRaises(DeviceError.NotActive):
            await phone.core.pending(enrolment.account(), 0)


class Answering(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.subject, self.phone = PROVIDER.new_user(), Phone(PROVIDER)
        self.account = await self.phone.join(self.subject)

    async def test_an_approval_gives_the_client_its_tokens(self):
        auth_req_id = PROVIDER.ask(self.subject, "Pay 20 EUR to Bob")
        request = await self.phone.only_request(self.account)
        self.assertEqual((request.client_name(), request.binding_message()), ("Example Bank", "Pay 20 EUR to Bob"))
        shown = [line.value for line in request.display().lines]
        self.assertIn("Example Bank", shown)
        self.assertIn("Pay 20 EUR to Bob", shown)
        self.assertEqual(await self.phone.core.approve(request), Outcome.APPROVED)
        self.assertTrue(self.phone.vault.reasons[-1].is_APPROVAL() or self.phone.vault.reasons[-2].is_APPROVAL())
        status, tokens = PROVIDER.poll(auth_req_id)
        self.assertEqual(status, 200, tokens)
        self.assertTrue(tokens["access_token"])
        self.assertEqual(claims(tokens["id_token"])["sub"], self.subject)

    async def test_a_denial_gives_the_client_access_denied(self):
        auth_req_id = PROVIDER.ask(self.subject)
        request = await self.phone.only_request(self.account)
        self.assertEqual(await self.phone.core.deny(request, DenyReason.NOT_ME), Outcome.DENIED)
        status, refusal = PROVIDER.poll(auth_req_id)
        self.assertEqual((status, refusal["error"]), (400, "access_denied"))
        self.assertFalse(any(reason.is_APPROVAL() for reason in self.phone.vault.reasons))

    async def test_approving_what_was_not_displayed_is_refused(self):
        auth_req_id = PROVIDER.ask(self.subject)
        request = await self.phone.only_request(self.account)
        with self.assertRaises(DeviceError.DisplayNotTaken):
            await self.phone.core.approve(request)
        status, refusal = PROVIDER.poll(auth_req_id)
        self.assertEqual((status, refusal["error"]), (400, "authorization_pending"))

    async def test_a_long_poll_ends_when_something_is_asked(self):
        waiting = asyncio.create_task(self.phone.core.pending(self.account, 25))
        while not self.phone.transport.paths[-1].endswith("/prompts"):
            await asyncio.sleep(0.01)
        await asyncio.to_thread(PROVIDER.ask, self.subject)
        self.assertEqual(len(await asyncio.wait_for(waiting, 10)), 1)

    async def test_a_cancelled_long_poll_leaves_the_core_in_order(self):
        waiting = asyncio.create_task(self.phone.core.pending(self.account, 25))
        while not self.phone.transport.paths[-1].endswith("/prompts"):
            await asyncio.sleep(0.01)
        waiting.cancel()
        with self.assertRaises(asyncio.CancelledError):
            await waiting
        PROVIDER.ask(self.subject)
        request = await self.phone.only_request(self.account)
        request.display()
        self.assertEqual(await self.phone.core.approve(request), Outcome.APPROVED)

    async def test_a_wake_push_brings_what_is_pending(self):
        PROVIDER.ask(self.subject)
        requests = await self.phone.core.open_push({"v": "1", "rid": "AAAAAAAAAAAAAAAAAAAAAA"})
        self.assertEqual([request.account() for request in requests], [self.account])
        with self.assertRaises(DeviceError.NotOurPush):
            await self.phone.core.open_push({"from": "somebody else"})

    async def test_a_lost_reply_is_made_good_after_a_restart_without_asking_the_user_again(self):
        auth_req_id = PROVIDER.ask(self.subject)
        request = await self.phone.only_request(self.account)
        request.display()
        self.phone.transport.lose_replies_of = "/decision"
        with self.assertRaises(DeviceError.Unreachable):
            await self.phone.core.approve(request)
        self.phone.transport.lose_replies_of = None
        self.phone.restart()
        again = await self.phone.core.fetch_prompt(self.account, request.id())
        again.display()
        self.assertEqual(await self.phone.core.approve(again), Outcome.APPROVED)
        self.assertEqual(sum(reason.is_APPROVAL() for reason in self.phone.vault.reasons), 1)
        self.assertEqual(PROVIDER.poll(auth_req_id)[0], 200)

    async def test_an_answer_to_what_another_phone_approved_is_a_typed_refusal(self):
        other = Phone(PROVIDER)
        account = await other.join(self.subject)
        notice = await self.phone.only_request(self.account)
        self.assertEqual(notice.display().kind, RequestKind.NOTICE, "that another phone has joined")
        self.assertEqual(await self.phone.core.approve(notice), Outcome.APPROVED)
        PROVIDER.ask(self.subject)
        ours, theirs = await self.phone.only_request(self.account), await other.only_request(account)
        self.assertNotEqual(ours.id(), theirs.id())
        self.assertEqual(await self.phone.core.deny(ours, DenyReason.CANCELLED), Outcome.DENIED)
        theirs.display()
        with self.assertRaises(DeviceError.AlreadyAnswered):
            await other.core.approve(theirs)

    async def test_a_dispute_is_what_the_commands_denial_may_come_to_and_its_approval_may_not(self):
        PROVIDER.ask(self.subject)
        request = await self.phone.only_request(self.account)

        async def disputed(*_):
            return Outcome.DISPUTED

        async def wanted():
            return request

        phone = types.SimpleNamespace(
            options=types.SimpleNamespace(json=True, match_code=None, reason="not_me", block=None),
            core=types.SimpleNamespace(approve=disputed, deny=disputed), wanted=wanted,
        )
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            await command.deny(phone)
            with self.assertRaisesRegex(command.Stop, "disputed") as stopped:
                await command.approve(phone)
        self.assertEqual(stopped.exception.status, command.REFUSED)
        self.assertEqual(printed.getvalue().count('"outcome": "disputed"'), 2)

    async def test_a_forgotten_account_is_gone_on_both_sides(self):
        await self.phone.core.forget(self.account)
        self.assertEqual((await self.phone.core.accounts(), self.phone.vault.keys), ([], {}))
        self.assertFalse([device for device in PROVIDER.devices(self.subject) if device["status"] == "active"])


class Misbehaving(unittest.IsolatedAsyncioTestCase):
    """Whatever a port raises arrives as a typed error, and the next call works."""

    async def asyncSetUp(self):
        self.subject, self.phone = PROVIDER.new_user(), Phone(PROVIDER)
        self.account = await self.phone.join(self.subject)
        PROVIDER.ask(self.subject)
        self.request = await self.phone.only_request(self.account)
        self.request.display()

    async def approve_fails(self, error):
        with quietly(), self.assertRaises(error) as refused:
            await self.phone.core.approve(self.request)
        return refused.exception

    async def approve_works(self):
        self.assertEqual(await self.phone.core.approve(self.request), Outcome.APPROVED)

    async def test_an_unforeseen_exception_of_the_vault(self):
        def broken(alias):
            raise ZeroDivisionError("the vault divided by zero")

        self.phone.vault.fails = broken
        error = await self.approve_fails(DeviceError.KeyUnavailable)
        self.assertIn("the vault divided by zero", error.detail)
        self.phone.vault.fails = None
        await self.approve_works()

    async def test_an_unforeseen_exception_of_the_store(self):
        async def broken(name, content):
            raise MemoryError("no room")

        self.phone.store.save, save = broken, self.phone.store.save
        error = await self.approve_fails(DeviceError.Storage)
        self.assertIn("no room", error.detail)
        self.phone.store.save = save
        await self.approve_works()

    async def test_an_unforeseen_exception_of_the_transport(self):
        async def broken(request):
            raise LookupError("no such cable")

        self.phone.transport.send, send = broken, self.phone.transport.send
        error = await self.approve_fails(DeviceError.Unreachable)
        self.assertIn("no such cable", error.detail)
        self.phone.transport.send = send
        await self.approve_works()

    async def test_an_unforeseen_exception_of_the_clock(self):
        def broken():
            raise OverflowError("the end of time")

        self.phone.clock.monotonic_millis, clock = broken, self.phone.clock.monotonic_millis
        error = await self.approve_fails(DeviceError.Clock)
        self.assertIn("the end of time", error.detail)
        self.phone.clock.monotonic_millis = clock
        await self.approve_works()

    async def test_a_port_that_returns_nonsense(self):
        async def nonsense(alias, message, reason):
            return "not bytes"

        self.phone.vault.sign, sign = nonsense, self.phone.vault.sign
        await self.approve_fails(DeviceError.KeyUnavailable)
        self.phone.vault.sign = sign
        await self.approve_works()

    async def test_a_user_who_cancels_and_a_key_that_is_lost(self):
        for raised, error in (
            (VaultError.UserCancelled(), DeviceError.UserCancelled),
            (VaultError.KeyMissing(), DeviceError.KeysLost),
            (VaultError.KeyInvalidated(), DeviceError.KeyInvalidated),
            (VaultError.Unavailable("locked out"), DeviceError.KeyUnavailable),
        ):
            def fails(alias, raised=raised):
                if alias.endswith(".verified"):
                    raise raised

            self.phone.vault.fails = fails
            await self.approve_fails(error)
        self.phone.vault.fails = None
        await self.approve_works()

    async def test_a_server_that_cannot_be_reached(self):
        phone = Phone(PROVIDER)
        phone.store.documents, phone.vault.keys = self.phone.store.documents, self.phone.vault.keys

        async def unreachable(request):
            request.url = request.url.replace(PROVIDER.issuer, "http://127.0.0.1:1")
            return await HttpTransport.send(phone.transport, request)

        phone.transport.send = unreachable
        with self.assertRaises(DeviceError.Unreachable):
            await phone.core.pending(self.account, 0)


if __name__ == "__main__":
    unittest.main()
