"""Whether a person approved exactly what is about to be done: one call, by the receipt alone."""

import threading
from dataclasses import dataclass
from typing import Any, Protocol

from .action import Action, BadAction, differences, is_label, parse
from .jws import Json
from .receipt import Proven, verify
from .refused import Refused, check
from .shapes import LEVELS, Level


LINGER = 3600
"""For so many seconds longer is remembered what was used, lest a clock that is set back, or a greater `max_age`, lets it be used again."""


@dataclass(frozen=True)
class Wanted:
    """What is about to be done, and what must have been approved for it."""

    action: Action
    """What is about to be done."""
    issuer: str
    """The provider."""
    client: str
    """The agent's `client_id`."""
    auth_req_id: str
    """The request that the agent made."""
    now: int
    """Seconds since 1970."""
    subject: str | None
    """Who alone may approve it, as the agent's client knows them; `None` for whomever the agent asked."""
    max_age: int
    """For how many seconds after the provider received it an approval counts."""
    user_verified: bool = True
    """Whether the phone must have verified the person: then only its `verified` key counts."""
    level: Level = "app"
    """How well that key must be proven at least. `app` is how well the provider wants it by default before it says that the person
    was verified; of a `claimed` key only the phone says where it is."""

    def __post_init__(self) -> None:
        """A call that forgot something must not pass for one that asks less."""
        texts = (self.issuer, self.client, self.auth_req_id)
        if not isinstance(self.action, Action) or not all(isinstance(text, str) for text in texts):
            raise TypeError("action is an Action; issuer, client and auth_req_id are texts")
        if self.subject is not None and not isinstance(self.subject, str):
            raise TypeError("subject is a text, or None for anybody")
        if type(self.now) is not int or type(self.max_age) is not int:
            raise TypeError("now and max_age are whole seconds")
        if type(self.user_verified) is not bool:
            raise TypeError("user_verified is True or False")
        if self.level not in LEVELS:
            raise TypeError(f"level is one of {', '.join(LEVELS)}")


@dataclass(frozen=True)
class Approved:
    """An approval of this action."""

    agent: str | None
    """What the agent called itself, if it did."""
    proven: Proven
    """All that the receipt proves."""
    request: str
    """The approval's name among used ones."""
    until: int
    """The last second at which it counts."""


class Used(Protocol):
    """Remembers what was used. A record that lasts, and is shared by all that act, is a table with a unique column: `take`
    inserts, and says whether that inserted a row; best of all in the transaction that acts."""

    def take(self, request: str, until: int, now: int) -> bool:
        """Whether the approval of this request was unused until now. Of all who ask at once, one is told so. An hour after
        `until` it may be forgotten: a clock may be set back, and `max_age` raised."""
        ...


class InMemory:
    """Remembers in memory, for one process. What was used before it started is unused to it."""

    def __init__(self) -> None:
        self._used: dict[str, int] = {}
        self._lock = threading.Lock()

    def take(self, request: str, until: int, now: int) -> bool:
        """As `Used` has it."""
        with self._lock:
            self._used = {old: end for old, end in self._used.items() if end + LINGER >= now}
            if request in self._used:
                return False
            self._used[request] = until
            return True


def redeem(approval: Any, wanted: Wanted, keys: Json, used: Used) -> Approved:
    """Whether this action was approved, and marks the approval as used: act if this returns, and once. `approval` is the
    `approval_receipt` that the agent got, `keys` the realm's `/receipt-keys`."""
    approved = judge(approval, wanted, keys)
    try:
        first = used.take(approved.request, approved.until, wanted.now)
    except Exception as error:  # whatever a record raises
        raise Refused("Unrecorded") from error
    check(first is True, "Used")
    return approved


def judge(approval: Any, wanted: Wanted, keys: Json) -> Approved:
    """The same, without looking at whether it was used: for who marks `request` as used by themselves before they act, such as
    in a transaction."""
    check(approval is not None, "Missing")
    known = (wanted.issuer, wanted.client, wanted.auth_req_id, wanted.now)
    proven = verify(approval, keys, *known)
    details = proven.prompt.get("authorization_details")
    check(isinstance(details, list) and len(details) == 1, "NoAction")
    try:
        asked = parse(proven.prompt["authorization_details"][0])
    except BadAction:
        raise Refused("NoAction") from None
    check(asked.action.tool == wanted.action.tool, "OtherTool")
    if names := differences(asked.action, wanted.action):
        raise Refused("OtherParameters", names)
    check(_is_shown(asked.lines(), proven.display), "NotShown")
    check(wanted.subject is None or wanted.subject == proven.subject, "OtherSubject")
    check(not wanted.user_verified or proven.role == "verified", "NotVerified")
    check(LEVELS.index(proven.level) >= LEVELS.index(wanted.level), "TooWeak")
    until = proven.received_at + wanted.max_age
    check(wanted.now <= until, "TooOld")
    return Approved(asked.agent, proven, proven.prompt["req"], until)


def _is_shown(lines: list[Json], display: list[Json]) -> bool:
    """Whether the lines stand there together and in order, and no other has a label of theirs."""
    shown = [{part: line[part] for part in ("label", "value")} for line in display]
    labelled = [at for at, line in enumerate(shown) if is_label(line["label"])]
    return bool(labelled) and shown[labelled[0] : labelled[-1] + 1] == lines
