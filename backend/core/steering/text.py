"""A generated text as it grows: piece by piece, and no further than a string that ends it."""

from __future__ import annotations

from collections.abc import Sequence

from backend.core.lm import LanguageModel


class Text:
    """Turns tokens into text, holding back an unfinished UTF-8 character and what may be the
    beginning of a stop.

    `until`: the text ends before the first of these strings, which is never shown, not in part
    either.
    """

    def __init__(self, lm: LanguageModel, until: Sequence[str] = ()) -> None:
        self.lm, self.until = lm, tuple(until)
        self.token_ids: list[int] = []
        self.shown = ""
        self.finished = False

    def push(self, token_id: int, *, last: bool) -> str:
        """The text that this token completes; on the last token whatever is held back, unless a
        stop ends it.
        """
        self.finished = last or token_id in self.lm.eos_ids
        if token_id not in self.lm.eos_ids:
            self.token_ids.append(token_id)
        whole = self.lm.decode(self.token_ids)
        end = first_stop(whole, self.until)
        if end is not None:
            self.finished, whole = True, whole[:end]
        elif not self.finished:
            if whole.endswith("\ufffd") or token_id in self.lm.byte_ids:
                return ""
            whole = whole[: len(whole) - begun(whole, self.until)]
        piece, self.shown = whole[len(self.shown) :], whole
        return piece


def first_stop(text: str, until: Sequence[str]) -> int | None:
    """Where the first of the strings begins in the text; None where there is none."""
    found = [at for at in (text.find(one) for one in until) if at >= 0]
    return min(found, default=None)


def begun(text: str, until: Sequence[str]) -> int:
    """Characters at the end of the text that one of the strings begins with, at most all but its
    last.
    """
    return max(
        (n for one in until for n in range(1, len(one)) if text.endswith(one[:n])), default=0
    )
