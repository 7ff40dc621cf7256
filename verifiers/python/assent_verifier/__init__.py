"""What a relying party does with a receipt, and whoever acts for a software agent with an approval (docs/agents.md). Nothing is
fetched, and no clock is read: keys and time are arguments.

    approved = redeem(approval, Wanted(action, issuer, client, auth_req_id, now, subject, max_age), keys, used)

Whatever is not proven raises `Refused`, whose `reason` is one word.
"""

from .action import Action, AgentAction, BadAction, Parameter, canonical, detail, digest, parse
from .approved import Approved, InMemory, Used, Wanted, judge, redeem
from .receipt import Proven, verify
from .refused import Refused
from .shapes import Level

__all__ = [
    "Action",
    "AgentAction",
    "Approved",
    "BadAction",
    "InMemory",
    "Level",
    "Parameter",
    "Proven",
    "Refused",
    "Used",
    "Wanted",
    "canonical",
    "detail",
    "digest",
    "judge",
    "parse",
    "redeem",
    "verify",
]
