"""What waits for the user's answer, as an asynchronous iterator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable

from . import Advice, ApprovalRequest, DeviceCore, DeviceError, error_advice

LONG_POLL_SECONDS = 25
BETWEEN_LOOKS_SECONDS = 2
LONGEST_PAUSE_SECONDS = 120


def retry_after(error: DeviceError) -> int | None:
    """After how many seconds the same call may be made again without anybody's help; `None` where that would not help."""
    advice = error_advice(error)
    if isinstance(advice, Advice.AFTER):
        return advice.seconds
    return 0 if isinstance(advice, Advice.WITH_FRESH_NONCE) else None


async def requests(
    core: DeviceCore, account: str, waiting: Callable[[DeviceError, int], object] | None = None
) -> AsyncGenerator[list[ApprovalRequest], None]:
    """What waits for an answer on `account`, newly told whenever that changed; the first list comes at once, also an empty one.

    The server is asked for as long as somebody iterates: by one call that it holds for up to 25 seconds while nothing waits,
    and every two seconds while something does. Failures that pass by themselves, a phone without a network for one, are
    waited out: `waiting` hears of each, and of how many seconds that takes. Any other is raised.
    """
    told: list[str] | None = None
    failures = 0
    while True:
        try:
            # A server holds a call as long as nothing is pending: with something there, it says nothing of its end.
            found = await core.pending(account, LONG_POLL_SECONDS if told == [] else 0)
        except DeviceError as error:
            at_least = retry_after(error)
            if at_least is None:
                raise
            pause = max(at_least, min(LONGEST_PAUSE_SECONDS, 2**failures))
            failures = min(failures + 1, 7)
            if waiting:
                waiting(error, pause)
            await asyncio.sleep(pause)
            continue
        failures = 0
        ids = [request.id() for request in found]
        if ids != told:
            told = ids
            yield found
        if ids:
            await asyncio.sleep(BETWEEN_LOOKS_SECONDS)
