"""What an app may do wrong, or be made to do, without harm: whatever ports raise, calls that are cancelled or made at once,
loops that end."""

import asyncio
import copy
import gc
import pickle
import threading
import unittest

from assent_device import DenyReason, DeviceError, KeyPurpose, Lock, Observer, Outcome, TransportError, VaultError, error_code
from phones import Phone, quietly
from provider import Provider

PROVIDER = None
SECONDS = 20
"""No call here takes so long; one that does waits for ever."""


def setUpModule():
    global PROVIDER
    PROVIDER = Provider()
    unittest.addModuleCleanup(PROVIDER.close)


class Unspeakable(Exception):
    """Has no text, not even for a log."""

    def __repr__(self):
        raise ValueError("no words")

    __str__ = __repr__


RAISED = [
    ZeroDivisionError("by zero"),
    Unspeakable(),
    ValueError("half of a pair: \ud800"),
    asyncio.CancelledError(),
    asyncio.TimeoutError(),
    StopIteration(),
    StopAsyncIteration(),
    GeneratorExit(),
    NotImplementedError(),
    BaseExceptionGroup("several", [KeyboardInterrupt()]),
    VaultError.Unavailable(5),
    TransportError.TimedOut(),
    LookupError("x" * 100_000),
]


class OwnLock(Lock):
    async def acquire(self):
        pass

    def release(self):
        pass


class OwnObserver(Observer):
    def observe(self, event):
        pass


class Asked(unittest.IsolatedAsyncioTestCase):
    """A phone with one request on its screen."""

    async def asyncSetUp(self):
        await self.ask_another()

    async def ask_another(self):
        """Asks another user, on another phone."""
        self.subject, self.lock, self.observer = PROVIDER.new_user(), OwnLock(), OwnObserver()
        self.phone = Phone(PROVIDER, lock=self.lock, observer=self.observer)
        self.account = await self.phone.join(self.subject)
        self.asked = PROVIDER.ask(self.subject)
        self.request = await self.phone.only_request(self.account)
        self.request.display()

    def approvals(self):
        """How often the user was asked to sign one."""
        return sum(reason.is_approval() for reason in self.phone.vault.reasons)

    async def approve(self):
        return await asyncio.wait_for(self.phone.core.approve(self.request), SECONDS)


class Raising(Asked):
    async def every_failure(self, port, name, code, coroutine=True):
        """Each exception ends one call, by this error; the next call works."""
        def fails(*arguments):
            raise raised

        async def fails_later(*arguments):
            raise raised

        for raised in RAISED:
            with self.subTest(port=type(port).__name__, call=name, raised=type(raised).__name__):
                setattr(port, name, fails_later if coroutine else fails)
                with quietly(), self.assertRaises(DeviceError) as refused:
                    await self.approve()
                self.assertEqual(error_code(refused.exception), code)
                delattr(port, name)
        self.assertEqual(await self.approve(), Outcome.APPROVED)

    async def test_whatever_the_vault_raises_is_a_key_that_is_unavailable(self):
        await self.every_failure(self.phone.vault, "sign", "key_unavailable")

    async def test_whatever_the_store_raises_is_an_error_of_the_storage(self):
        await self.every_failure(self.phone.store, "save", "storage")

    async def test_whatever_the_transport_raises_is_a_server_that_cannot_be_reached(self):
        await self.every_failure(self.phone.transport, "send", "unreachable")

    async def test_whatever_the_clock_raises_is_an_error_of_the_clock(self):
        await self.every_failure(self.phone.clock, "monotonic_millis", "clock", coroutine=False)

    async def test_whatever_the_lock_raises_is_an_error_of_the_platform(self):
        await self.every_failure(self.lock, "acquire", "platform")

    async def test_whatever_the_observer_raises_is_passed_over(self):
        left = list(RAISED)

        def fails(event):
            if left:
                raise left.pop()

        self.observer.observe = fails
        with quietly():
            self.assertEqual(await self.approve(), Outcome.APPROVED)
            while left:
                before = len(left)
                await self.phone.core.sync(None)
                self.assertLess(len(left), before, "sync tells the observer nothing")

    async def test_a_port_of_another_shape_is_one_error_as_well(self):
        async def nothing(*arguments):
            return None

        for wrong in (None, 7, lambda *arguments: None, lambda: None, nothing):
            self.phone.vault.sign = wrong
            with quietly(), self.subTest(wrong=wrong), self.assertRaises(DeviceError.KeyUnavailable):
                await self.approve()
        del self.phone.vault.sign
        self.assertEqual(await self.approve(), Outcome.APPROVED)

    async def test_what_a_port_did_not_foresee_is_logged_with_its_trace(self):
        def broken(alias):
            raise ZeroDivisionError("by zero")

        self.phone.vault.fails = broken
        with self.assertLogs("assent_device") as logged, self.assertRaises(DeviceError.KeyUnavailable):
            await self.approve()
        self.assertIn("in broken", "".join(logged.output))


class Interrupting(unittest.TestCase):
    """`KeyboardInterrupt` and `SystemExit` end the loop, as everywhere in Python, and leave the core in order."""

    def test_an_app_that_was_interrupted_in_a_port_goes_on_in_another_loop(self):
        phone, subject = Phone(PROVIDER), PROVIDER.new_user()
        account = asyncio.run(phone.join(subject))
        PROVIDER.ask(subject)
        request = asyncio.run(phone.only_request(account))
        request.display()
        for raised in (KeyboardInterrupt, SystemExit):
            for port, name in ((phone.vault, "sign"), (phone.store, "save"), (phone.transport, "send")):
                async def fails(*arguments, raised=raised):
                    raise raised

                setattr(port, name, fails)
                with quietly(), self.subTest(raised=raised, call=name), self.assertRaises(raised):
                    asyncio.run(phone.core.approve(request))
                delattr(port, name)
        self.assertEqual(asyncio.run(phone.core.approve(request)), Outcome.APPROVED)


class Cancelling(Asked):
    """A call that is cancelled can be made again, wherever it was."""

    async def stopped_in(self, port, name, when=lambda *arguments: True, after=False):
        """Cancels an approval that is inside this call of a port, before the port has done it, or after."""
        inside, inner = asyncio.Event(), getattr(port, name)

        async def stops(*arguments):
            done = await inner(*arguments) if after else None
            if when(*arguments):
                inside.set()
                await asyncio.Event().wait()
            return done if after else await inner(*arguments)

        setattr(port, name, stops)
        approving = asyncio.create_task(self.phone.core.approve(self.request))
        await asyncio.wait_for(inside.wait(), SECONDS)
        approving.cancel()
        with self.assertRaises(asyncio.CancelledError):
            await approving
        delattr(port, name)

    async def approves(self, dialogues):
        self.assertEqual(await self.approve(), Outcome.APPROVED)
        self.assertEqual(self.approvals(), dialogues)
        self.assertEqual(PROVIDER.poll(self.asked)[0], 200)

    async def test_while_the_platforms_dialogue_is_open(self):
        await self.stopped_in(self.phone.vault, "sign", lambda alias, *rest: alias.endswith(".verified"))
        await self.approves(dialogues=1)

    async def test_after_signing_and_before_it_was_stored(self):
        await self.stopped_in(self.phone.store, "save")
        await self.approves(dialogues=1)

    async def test_after_it_was_stored(self):
        await self.stopped_in(self.phone.store, "save", after=True)
        await self.approves(dialogues=1)

    async def test_before_the_server_heard_of_it(self):
        await self.stopped_in(self.phone.transport, "send", lambda request: request.url.endswith("/decision"))
        await self.approves(dialogues=1)

    async def test_after_the_server_heard_of_it(self):
        await self.stopped_in(self.phone.transport, "send", lambda request: request.url.endswith("/decision"), after=True)
        await self.approves(dialogues=1)

    async def test_sync_sends_what_a_cancelled_call_has_signed(self):
        await self.stopped_in(self.phone.transport, "send", lambda request: request.url.endswith("/decision"))
        (synced,) = await self.phone.core.sync(None)
        self.assertEqual((synced.concluded, synced.requests, synced.failure), (1, [], None))
        self.assertEqual((self.approvals(), PROVIDER.poll(self.asked)[0]), (1, 200))

    async def test_the_ports_own_call_is_cancelled_with_it(self):
        ended = asyncio.Event()

        async def sends(request):
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        self.phone.transport.send = sends
        with self.assertRaises(TimeoutError):
            await asyncio.wait_for(self.phone.core.pending(self.account, 25), 0.2)
        await asyncio.wait_for(ended.wait(), SECONDS)


class AtOnce(Asked):
    """Approve and deny of one request at the same time come to one decision."""

    async def one_stands(self, came):
        stands = [outcome for outcome in came if isinstance(outcome, Outcome)]
        refused = [error for error in came if isinstance(error, (DeviceError.Busy, DeviceError.AlreadyAnswered))]
        self.assertEqual((len(stands), len(refused)), (1, len(came) - 1), came)
        history = await self.phone.core.history(self.account, None)
        self.assertEqual(history.entries[0].outcome, stands[0])
        status, answer = PROVIDER.poll(self.asked)
        self.assertEqual(stands[0] == Outcome.APPROVED, status == 200, answer)

    def decisions(self):
        for number in range(6):
            if number % 2:
                yield self.phone.core.deny(self.request, DenyReason.CANCELLED)
            else:
                yield self.phone.core.approve(self.request)

    async def test_from_tasks(self):
        for _ in range(5):
            await self.one_stands(await asyncio.gather(*self.decisions(), return_exceptions=True))
            await self.ask_another()

    async def test_from_threads(self):
        for _ in range(5):
            came, start = [], threading.Barrier(6)

            def decide(decision):
                start.wait()
                try:
                    came.append(asyncio.run(decision))
                except DeviceError as error:
                    came.append(error)

            threads = [threading.Thread(target=decide, args=(decision,)) for decision in self.decisions()]
            for thread in threads:
                thread.start()
            for thread in threads:
                await asyncio.to_thread(thread.join, SECONDS)
            self.assertEqual(len(came), 6)
            await self.one_stands(came)
            await self.ask_another()


class Copying(Asked):
    async def test_no_object_can_be_copied_nor_what_holds_one(self):
        enrolment = await self.phone.core.enrolment(self.account)
        (synced,) = await self.phone.core.sync(None)
        for whole in (self.phone.core, self.request, enrolment, synced):
            # A copy of what only holds an object holds the very same one.
            for copies in (copy.deepcopy, pickle.dumps, *(() if whole is synced else (copy.copy,))):
                with self.subTest(copied=type(whole).__name__, by=copies.__name__):
                    self.assertRaisesRegex(TypeError, "cannot be copied", copies, whole)
        gc.collect()
        self.assertEqual(copy.deepcopy(await self.phone.core.accounts()), await self.phone.core.accounts())
        self.assertEqual(await self.approve(), Outcome.APPROVED)


class Loops(unittest.TestCase):
    """Objects outlive the loop that made them."""

    def test_objects_of_a_loop_that_ended_work_in_the_next(self):
        phone, subject = Phone(PROVIDER), PROVIDER.new_user()
        enrolment = asyncio.run(phone.enrol(subject))
        PROVIDER.type_digits(enrolment.account(), enrolment.digits())
        asyncio.run(enrolment.refresh())
        asked = PROVIDER.ask(subject)
        request = asyncio.run(phone.only_request(enrolment.account()))
        request.display()
        self.assertEqual(asyncio.run(phone.core.approve(request)), Outcome.APPROVED)
        self.assertEqual(PROVIDER.poll(asked)[0], 200)
        self.assertTrue(request.receipt().approved)

    def test_a_call_that_its_loop_did_not_wait_for_can_be_made_again(self):
        phone, subject = Phone(PROVIDER), PROVIDER.new_user()
        account = asyncio.run(phone.join(subject))
        PROVIDER.ask(subject)
        request = asyncio.run(phone.only_request(account))
        request.display()
        inner = phone.vault.sign

        async def leaves():
            inside = asyncio.Event()

            async def stops(*arguments):
                inside.set()
                await asyncio.Event().wait()

            phone.vault.sign = stops
            left = asyncio.create_task(phone.core.approve(request))
            await inside.wait()
            return left

        self.assertTrue(asyncio.run(leaves()).cancelled())
        phone.vault.sign = inner
        self.assertEqual(asyncio.run(asyncio.wait_for(phone.core.approve(request), SECONDS)), Outcome.APPROVED)

    def test_a_call_without_a_loop_is_said_to_be_one(self):
        call = Phone(PROVIDER).core.accounts()
        with self.assertRaises(RuntimeError):
            call.send(None)


if __name__ == "__main__":
    unittest.main()
