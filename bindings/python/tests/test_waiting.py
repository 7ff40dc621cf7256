"""`requests`: what waits for an answer, as an asynchronous iterator."""

import asyncio
import contextlib
import unittest

from assent_device import DeviceError, Outcome, TransportError, requests, retry_after
from phones import Phone
from provider import Provider

PROVIDER = None
SECONDS = 40
"""Nothing here takes so long."""


def setUpModule():
    global PROVIDER
    PROVIDER = Provider()
    unittest.addModuleCleanup(PROVIDER.close)


class Waiting(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.subject, self.phone = PROVIDER.new_user(), Phone(PROVIDER)
        self.account = await self.phone.join(self.subject)

    async def next(self, told):
        return await asyncio.wait_for(anext(told), SECONDS)

    async def test_every_change_is_told_once_and_the_first_list_comes_at_once(self):
        async with contextlib.aclosing(requests(self.phone.core, self.account)) as told:
            self.assertEqual(await self.next(told), [])
            coming = asyncio.create_task(self.next(told))
            await asyncio.to_thread(PROVIDER.ask, self.subject, "first")
            (first,) = await coming
            self.assertEqual(first.binding_message(), "first")
            await asyncio.to_thread(PROVIDER.ask, self.subject, "second")
            self.assertEqual([one.binding_message() for one in await self.next(told)], ["first", "second"])
            first.display()
            self.assertEqual(await self.phone.core.approve(first), Outcome.APPROVED)
            self.assertEqual([one.binding_message() for one in await self.next(told)], ["second"])

    async def test_a_network_that_is_gone_is_waited_for_and_said(self):
        async def gone(request):
            raise TransportError.Unreachable("no network")

        self.phone.transport.send = gone
        heard = []

        def waiting(error, seconds):
            heard.append((type(error), seconds))
            if len(heard) == 2:
                del self.phone.transport.send

        async with contextlib.aclosing(requests(self.phone.core, self.account, waiting)) as told:
            self.assertEqual(await self.next(told), [])
        self.assertEqual([kind for kind, _ in heard], [DeviceError.Unreachable] * 2)
        self.assertLessEqual(heard[0][1], heard[1][1])

    async def test_what_does_not_pass_by_itself_is_raised(self):
        with self.assertRaises(DeviceError.UnknownAccount):
            await self.next(requests(self.phone.core, "another"))
        self.assertIsNone(retry_after(DeviceError.UnknownAccount()))

    async def test_whoever_stops_iterating_ends_the_call_that_waits(self):
        ended, inner = asyncio.Event(), self.phone.transport.send

        async def sends(request):
            try:
                return await inner(request)
            except asyncio.CancelledError:
                ended.set()
                raise

        told = requests(self.phone.core, self.account)
        await self.next(told)
        self.phone.transport.send = sends
        with self.assertRaises(TimeoutError):
            await asyncio.wait_for(anext(told), 0.3)
        await asyncio.wait_for(ended.wait(), SECONDS)


if __name__ == "__main__":
    unittest.main()
