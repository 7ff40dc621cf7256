"""Mends what UniFFI 0.32.2 writes for Python, where a mistake of an app would end the app, or leave it waiting for ever.

1. What a port raises ends one call, whatever it is. An `Exception` that can be spelled does; a `CancelledError` of the port's
   own, or an exception whose text fails or is no valid Unicode, would never be answered, and a `KeyboardInterrupt` in a
   clock's call would be told as a time.
2. An object cannot be copied: its memory would be freed twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn

from . import DeviceCore

# Where the generated module is depends on who packaged it.
_generated: dict[str, Any] = vars(sys.modules[DeviceCore.__module__])
_status = _generated["_UniffiRustCallStatus"]
_log = logging.getLogger("assent_device")

Lower = Callable[[Any], Any]


def _spelled(error: BaseException) -> str:
    try:
        text = repr(error)
    except Exception:
        text = type(error).__name__
    return text.encode("utf-8", "replace").decode()


def _refusal(error: BaseException, foreseen: type[BaseException], lower: Lower) -> tuple[int, Any]:
    """Status and content of a call that raised."""
    if isinstance(error, foreseen):
        with contextlib.suppress(Exception):  # its fields may be of other types than they should
            return _status.CALL_ERROR, lower(error)
    if not isinstance(error, asyncio.CancelledError):  # most often the core's own doing: nobody waits for the answer
        _log.error("a port raised what its interface does not name", exc_info=error)
    return _status.CALL_UNEXPECTED_ERROR, _generated["_UniffiFfiConverterString"].lower(_spelled(error))


def _call(status: Any, call: Callable[[], Any], answer: Lower, foreseen: type[BaseException], lower: Lower) -> None:
    """A call that is no coroutine. There is no way from here to whoever should have had a `KeyboardInterrupt`."""
    try:
        answer(call())
    except BaseException as error:
        status.code, status.error_buf = _refusal(error, foreseen, lower)


def _call_async(
    call: Callable[[], Awaitable[Any]],
    dropped: Any,
    succeed: Lower,
    fail: Callable[[int, Any], None],
    foreseen: type[BaseException],
    lower: Lower,
) -> None:
    """A call that is a coroutine, in a task of the running loop. Exactly one of `succeed` and `fail` reaches the core."""

    async def carry() -> None:
        try:
            answer = await call()
        except BaseException as error:
            fail(*_refusal(error, foreseen, lower))
            if not isinstance(error, Exception):
                raise  # ends the task, or the loop: whatever it is meant to
        else:
            try:
                succeed(answer)
            except Exception as error:  # a value of the wrong type
                fail(*_refusal(error, foreseen, lower))

    loop = _generated["_uniffi_get_event_loop"]()
    task = asyncio.run_coroutine_threadsafe(carry(), loop)
    handle = _generated["_UNIFFI_FOREIGN_FUTURE_HANDLE_MAP"].insert((loop, task))
    dropped[0] = _generated["_UniffiForeignFutureDroppedCallbackStruct"](handle, _dropped)


@_generated["_UNIFFI_FOREIGN_FUTURE_DROPPED_CALLBACK"]  # type: ignore[untyped-decorator]
def _dropped(handle: int) -> None:
    """The core wants no answer any more. Whoever frees a call may be in another thread, or come after the loop's end."""
    loop, task = _generated["_UNIFFI_FOREIGN_FUTURE_HANDLE_MAP"].remove(handle)
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(task.cancel)


def _no_copy(self: object, protocol: object) -> NoReturn:
    raise TypeError(f"{type(self).__name__} cannot be copied or pickled: it stands for an object of the library")


def mend() -> None:
    """Called once, before anything is. Another version of the generator that writes something else fails here."""
    calls = {"_uniffi_trait_interface_call_with_error": _call, "_uniffi_trait_interface_call_async_with_error": _call_async}
    objects = [kind for kind in _generated.values() if hasattr(kind, "_uniffi_make_instance")]
    if not calls.keys() <= _generated.keys() or DeviceCore not in objects:
        raise ImportError("the generated module was written by another version of UniFFI than it is mended for")
    _generated.update(calls)
    for kind in objects:
        kind.__reduce_ex__ = _no_copy
