"""Why nothing is proven."""

from collections.abc import Sequence


class Refused(Exception):
    """`reason` is one word; `names` are the parameters that differ, where that is the reason."""

    def __init__(self, reason: str, names: Sequence[str] = ()) -> None:
        super().__init__(f"{reason}: {', '.join(names)}" if names else reason)
        self.reason = reason
        self.names = list(names)


def check(holds: bool, reason: str) -> None:
    """Refuses for this reason, unless the condition holds."""
    if not holds:
        raise Refused(reason)
