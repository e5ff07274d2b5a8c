"""A conversation on the live pages: its box, its turns in an address, its fields in a request."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from app.parts.components import LiveComponent
from backend.schemas.prompts import Turn

ROLES = {"s": "system", "u": "user", "a": "assistant"}
ALLOWED = 'is turns as in [["s","Be brief."],["u","Hi."],["a","Hello."]]: system, user, assistant'
_PAIRS = TypeAdapter(list[tuple[str, str]])


class ConversationBox(LiveComponent):
    """Whether a prompt is a user's turn of the chat template, and the turns before it.

    has_chat: the model has a template; asks: the switch is here. Written by the person: chat,
    turns [{role, content}].
    """

    _type = "ConversationBox"
    _props = ("has_chat", "asks", "chat", "turns")


def read_turns(text: str) -> list[dict[str, str]] | None:
    """Of an address; None for what is none."""
    try:
        pairs = _PAIRS.validate_json(text or "[]")
        turns = [Turn.model_validate({"role": ROLES[k], "content": said}) for k, said in pairs]
    except (ValidationError, KeyError):
        return None
    return [turn.model_dump() for turn in turns]


def written_turns(turns: Sequence[Mapping[str, str]]) -> str:
    """As an address has them; empty for none."""
    letters = {role: letter for letter, role in ROLES.items()}
    pairs = [[letters[turn["role"]], turn["content"]] for turn in turns]
    return json.dumps(pairs, ensure_ascii=False, separators=(",", ":")) if pairs else ""


def before(prefix: str | None, chat: bool | None, turns: Sequence[Any] | None) -> dict[str, Any]:
    """What stands before a prompt, as the fields of a request: a template takes no prefix, a plain
    text no turns.
    """
    if not chat:
        return {"prefix": prefix or ""}
    return {"chat": True, "turns": [dict(turn) for turn in turns or []]}


def in_address(asked: Mapping[str, Any]) -> dict[str, str]:
    """The conversation as Steering's address has it; nothing for a plain text."""
    if not asked.get("chat"):
        return {}
    turns = written_turns(asked.get("turns", []))
    return {"chat": "1"} | ({"turns": turns} if turns else {})
