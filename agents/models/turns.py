"""Turns in the forms that chat templates take: some refuse a system turn, or two turns of one role."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

Turn = dict[str, Any]

OPENING = "Please begin."
"""What the user says before a conversation that its assistant begins, where a template wants a user first."""

_PLAIN = {"role", "content"}
# What servers and templates say of a turn that they refuse.
_NO_SYSTEM = re.compile(
    r"system (?:role|message|prompt|turn)s?\b.{0,40}\b(?:not |un)(?:supported|allowed|accepted|permitted)"
    r"|(?:not |un)(?:support|allow|accept)\w*\b.{0,40}\bsystem (?:role|message|prompt)"
    r"|only (?:the )?['\"`]?user['\"`]?,? (?:and|or) ['\"`]?(?:assistant|model)['\"`]?"
    r"|(?:input should be|must be|expected|one of)[^a-z]{0,4}user['\"`]?(?:,| or| and)"
    r"[^a-z]{0,3}(?:assistant|model)"
    r"|(?:unexpected|unknown|invalid|unsupported)(?: message)? roles?\b.{0,20}\bsystem",
    re.IGNORECASE | re.DOTALL,
)
_SYSTEM_FIRST = re.compile(
    r"system (?:role|message|prompt|turn)s?\b.{0,40}\b(?:beginning|first|start)|only one system",
    re.IGNORECASE,
)
_ALTERNATE = re.compile(
    r"\balternat|same role in a row|consecutive (?:user|assistant|messages|roles)", re.IGNORECASE
)
_OPTIONAL_SYSTEM = re.compile(r"optional system", re.IGNORECASE)
_USER_FIRST = re.compile(
    r"(?:first|start|begin)\w*\b.{0,40}\b['\"`]?user\b|first (?:message|turn|role).{0,40}assistant",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class TurnRules:
    """What a chat template takes beside turns of a user and an assistant that alternate.

    Args:
        system: a system turn at the beginning.
        later_system: a system turn elsewhere, or a second one.
        assistant_first: a conversation that the assistant begins.
        repeats: two turns of one role, one after the other.
    """

    system: bool = True
    later_system: bool = True
    assistant_first: bool = True
    repeats: bool = True

    def said(self) -> str:
        """Return how turns are changed for the template, for a message."""
        parts = []
        if not self.system:
            parts.append("a system turn's text goes before the user's")
        elif not self.later_system:
            parts.append("the text of a later system turn goes before the user's")
        if not self.assistant_first:
            parts.append(f"before an assistant that begins, the user says '{OPENING}'")
        if not self.repeats:
            parts.append("turns of one role in a row are joined")
        return "; ".join(parts)


def adapt(turns: Sequence[Turn], rules: TurnRules) -> list[Turn]:
    """Return turns in the form that a template takes; no text is lost.

    A system turn that is refused goes before the next user turn, with a blank line between, as the makers of
    Gemma and Mistral do in their own templates. Where no user turn follows it, it becomes one.

    Args:
        turns: roles and contents; a turn with a tool's call or result is never joined.
        rules: what the template takes.
    """
    result: list[Turn] = []
    carried: list[str] = []
    for turn in turns:
        if turn["role"] == "system" and not _takes_system(rules, result, carried):
            carried.append(turn["content"])
            continue
        if carried and turn["role"] == "user":
            turn = {**turn, "content": "\n\n".join([*carried, turn["content"]])}
            carried = []
        elif carried:
            result.append({"role": "user", "content": "\n\n".join(carried)})
            carried = []
        result.append(turn)
    if carried:
        result.append({"role": "user", "content": "\n\n".join(carried)})
    if not rules.assistant_first:
        at = sum(1 for _ in _leading_systems(result))
        if at < len(result) and result[at]["role"] == "assistant":
            result.insert(at, {"role": "user", "content": OPENING})
    return result if rules.repeats else _joined(result)


def _takes_system(rules: TurnRules, before: Sequence[Turn], carried: Sequence[str]) -> bool:
    first = not before and not carried
    return rules.system if first else rules.later_system


def _leading_systems(turns: Sequence[Turn]) -> list[Turn]:
    at = next((at for at, turn in enumerate(turns) if turn["role"] != "system"), len(turns))
    return list(turns[:at])


def _joined(turns: Sequence[Turn]) -> list[Turn]:
    result: list[Turn] = []
    for turn in turns:
        last = result[-1] if result else None
        plain = last is not None and {*last, *turn} <= _PLAIN and turn["role"] in ("user", "assistant")
        if last is not None and plain and last["role"] == turn["role"]:
            result[-1] = {**last, "content": f"{last['content']}\n\n{turn['content']}"}
        else:
            result.append(turn)
    return result


def learn(rules: TurnRules, refusal: str, turns: Sequence[Turn]) -> TurnRules | None:
    """Return what a server's refusal tells of its chat template; None where it is about something else.

    Args:
        rules: what was known of it.
        refusal: the server's message.
        turns: those that it refused.

    Example:
        `learn(TurnRules(), "System role not supported", turns).system` is False.
    """
    has_system = any(turn["role"] == "system" for turn in turns)
    found = rules
    if has_system and _NO_SYSTEM.search(refusal):
        found = replace(found, system=False, later_system=False)
    elif has_system and _SYSTEM_FIRST.search(refusal):
        found = replace(found, later_system=False)
    if _ALTERNATE.search(refusal):
        found = replace(found, repeats=False, assistant_first=False, later_system=False)
        if not _OPTIONAL_SYSTEM.search(refusal) and has_system:
            found = replace(found, system=False)
    elif _USER_FIRST.search(refusal) and not _SYSTEM_FIRST.search(refusal):
        found = replace(found, assistant_first=False)
    # Sending the same again would be refused again.
    return found if adapt(turns, found) != list(turns) else None
