"""A conversation through the model's chat template: its tokens, and which of them the template
wrote itself.

A template is a program of whoever made the model: what it does with a text is seen by rendering the
same turns with marks in the texts' places.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from transformers import PreTrainedTokenizerBase

from backend.core.lm.tokens import special_ids

Role = Literal["system", "user", "assistant"]


class NoChat(ValueError):
    """The prompt cannot be put as a turn of a conversation; the message says why."""


class NoSystem(NoChat):
    """The template takes no system turn, or leaves out what it says."""


@dataclass(frozen=True)
class Turn:
    role: Role
    content: str


@dataclass(frozen=True)
class Conversation:
    """`template`: of every token, whether it is the template's own and nobody's text."""

    token_ids: list[int]
    template: list[bool]


def conversation(tokenizer: PreTrainedTokenizerBase, turns: Sequence[Turn]) -> Conversation:
    """The turns and the opening of the model's own; NoChat, NoSystem."""
    if not tokenizer.chat_template:
        raise NoChat(
            "chat=true was asked for, but this model has no chat template: send chat=false."
        )
    rendered = _checked(tokenizer, turns)
    ids: list[int] = tokenizer.apply_chat_template(
        _wire(turns), add_generation_prompt=True, return_dict=False
    )
    return Conversation(ids, _written(tokenizer, ids, rendered, _spans(tokenizer, turns, rendered)))


def _checked(tokenizer: PreTrainedTokenizerBase, turns: Sequence[Turn]) -> str:
    """The text of the conversation; a system turn that is to blame is named."""
    try:
        rendered = _rendered(tokenizer, turns)
    except NoChat as error:
        rest = [turn for turn in turns if turn.role != "system"]
        if len(rest) == len(turns):
            raise
        _rendered(tokenizer, rest)  # where that fails too, it is not the system turn's doing
        raise NoSystem(
            f"this model's chat template takes no system turn ({error}): write it into the first "
            "user turn"
        ) from error
    for turn in turns:
        if turn.role == "system" and turn.content.strip() not in rendered:
            raise NoSystem(
                "this model's chat template leaves out what the system turn says: write it into "
                "the first user turn"
            )
    return rendered


def _rendered(tokenizer: PreTrainedTokenizerBase, turns: Sequence[Turn]) -> str:
    try:
        return str(
            tokenizer.apply_chat_template(_wire(turns), add_generation_prompt=True, tokenize=False)
        )
    except Exception as error:  # it raises what it likes
        said = " ".join(str(error).split()) or type(error).__name__
        raise NoChat(
            f"the model's chat template refuses this prompt ({said}): send chat=false."
        ) from error


def _wire(turns: Sequence[Turn]) -> list[dict[str, str]]:
    return [{"role": turn.role, "content": turn.content} for turn in turns]


def _spans(
    tokenizer: PreTrainedTokenizerBase, turns: Sequence[Turn], rendered: str
) -> list[tuple[int, int]] | None:
    """Where the texts of the turns stand in the conversation; None where that cannot be told."""
    marks = [f"\ue000{place}\ue001" for place in range(len(turns))]
    marked = [Turn(turn.role, mark) for turn, mark in zip(turns, marks, strict=True)]
    try:
        rest = _rendered(tokenizer, marked)
    except NoChat:
        return None
    spans, at = [], 0
    for turn, mark in zip(turns, marks, strict=True):
        before, found, rest = rest.partition(mark)
        own = next(
            (
                text
                for text in (turn.content, turn.content.strip())
                if rendered.startswith(before + text, at)
            ),
            None,
        )
        if not found or own is None:
            return None
        at += len(before) + len(own)
        spans.append((at - len(own), at))
    return spans if rendered[at:] == rest else None


def _written(
    tokenizer: PreTrainedTokenizerBase,
    ids: Sequence[int],
    rendered: str,
    spans: Sequence[tuple[int, int]] | None,
) -> list[bool]:
    """By the tokens' places in the text; where those are not known, the special ones alone."""
    if spans is not None and tokenizer.is_fast:
        read = tokenizer(rendered, add_special_tokens=False, return_offsets_mapping=True)
        if list(read["input_ids"]) == list(ids):
            return [
                not any(max(start, first) < min(end, last) for first, last in spans)
                for start, end in read["offset_mapping"]
            ]
    special = special_ids(tokenizer)
    return [token_id in special for token_id in ids]
