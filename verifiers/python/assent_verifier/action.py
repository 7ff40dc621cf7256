"""One call of one tool, as a detail of the type `agent_action` (docs/agents.md): its form, its digest, its lines. How texts may
look is the provider's to judge; what it refused has no receipt."""

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .encoding import decode, sha256
from .jws import Json
from .refused import Refused

TYPE = "agent_action"
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}", re.ASCII)
MOST_PARAMETERS, MOST_ITEMS, GREATEST = 16, 8, 2**53 - 1

Parameter = str | int | bool | Sequence[str]


class BadAction(Refused):
    """Why something is no action: `Form`, `Name`, `Bounds` or `Digest`."""


def _check(holds: bool, reason: str) -> None:
    if not holds:
        raise BadAction(reason)


@dataclass(frozen=True)
class Action:
    """What is done: a tool, and its parameters by name."""

    tool: str
    parameters: Mapping[str, Parameter]

    def __post_init__(self) -> None:
        _check(_is_text(self.tool) and isinstance(self.parameters, Mapping), "Form")
        names, values = list(self.parameters), list(self.parameters.values())
        _check(all(map(_is_value, values)), "Form")
        _check(len(names) <= MOST_PARAMETERS, "Bounds")
        _check(all(isinstance(name, str) and NAME.fullmatch(name) for name in names), "Name")
        _check(all(map(_is_bounded, values)), "Bounds")


@dataclass(frozen=True)
class AgentAction:
    """An action, and the agent's name for itself, if it says one. Nobody vouches for that."""

    agent: str | None
    action: Action

    def lines(self) -> list[Json]:
        """What is shown of it on the phone."""
        named = [("Agent", self.agent)] if self.agent is not None else []
        shown = [("What", "Action by a software agent"), *named, ("Tool", self.action.tool)]
        for name, value in sorted(self.action.parameters.items()):
            if isinstance(value, (list, tuple)):
                shown += [(f"Parameter {name} ({at} of {len(value)})", item) for at, item in enumerate(value, 1)]
            else:
                shown.append((f"Parameter {name}", str(value).lower() if isinstance(value, bool) else str(value)))
        return [{"label": label, "value": value} for label, value in shown]


def canonical(action: Action) -> str:
    """The text that the digest is over: JSON as RFC 8785 writes it."""
    whole = {"parameters": dict(action.parameters), "tool": action.tool}
    return json.dumps(whole, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def digest(action: Action) -> str:
    """SHA-256 of it, in base64url."""
    return sha256(canonical(action))


def detail(action: Action, agent: str | None = None) -> Json:
    """The detail by which an agent asks for an action; `agent` is its name, if it wants to say one."""
    named = {} if agent is None else {"agent": agent}
    return {"type": TYPE, **named, "tool": action.tool, "parameters": dict(action.parameters), "digest": digest(action)}


def parse(asked: Any) -> AgentAction:
    """Judges a detail."""
    _check(isinstance(asked, dict) and asked.get("type") == TYPE, "Form")
    _check(set(asked) <= {"type", "agent", "tool", "parameters", "digest"}, "Form")
    _check("agent" not in asked or _is_text(asked["agent"]), "Form")
    try:
        decode(asked.get("digest"), 32)
    except ValueError:
        raise BadAction("Form") from None
    action = Action(asked.get("tool"), asked.get("parameters"))
    _check(digest(action) == asked["digest"], "Digest")
    return AgentAction(asked.get("agent"), action)


def is_label(label: str) -> bool:
    """Whether a line of an action could have this label."""
    return label in ("What", "Agent", "Tool") or label.startswith("Parameter ")


def differences(one: Action, other: Action) -> list[str]:
    """The names of all parameters that are not the same in both."""

    def written(action: Action, name: str) -> str | None:
        value = action.parameters.get(name)
        return None if value is None else json.dumps(value)

    names = set(one.parameters) | set(other.parameters)
    return sorted(name for name in names if written(one, name) != written(other, name))


def _is_text(value: object) -> bool:
    return isinstance(value, str) and not any(unicodedata.category(found) in ("Cc", "Cs") for found in value)


def _is_value(value: object) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_is_text, value))
    return isinstance(value, int) or _is_text(value)  # a boolean is an int here


def _is_bounded(value: object) -> bool:
    if isinstance(value, (list, tuple)):
        return 1 <= len(value) <= MOST_ITEMS
    return not isinstance(value, int) or -GREATEST <= value <= GREATEST
