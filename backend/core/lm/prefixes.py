"""Prefixes that were run once: examples before the prompt, a chat's earlier turns.

Kept by their token ids, least recently used forgotten first. A prefix is run without interventions
and none may lie in it, so what is kept depends on nothing but the tokens.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

from backend.core.lm.interventions import current_plan
from backend.core.lm.model import LanguageModel
from backend.core.lm.past import Past, begin, can_be_shared

SHORTEST = 2  # tokens: BOS alone is not worth its keeping


class Prefixes:
    """The pasts of one model. Threads may share it: at worst one prefix is run twice."""

    def __init__(self, lm: LanguageModel, room: int) -> None:
        """room: bytes of keys and values that may be kept, all prefixes together."""
        self._lm, self._room = lm, room
        self._shared = can_be_shared(lm.model)
        self._kept: OrderedDict[tuple[int, ...], Past] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def n_bytes(self) -> int:
        """Kept now."""
        with self._lock:
            return sum(past.n_bytes for past in self._kept.values())

    def holds(self, token_ids: Sequence[int]) -> bool:
        """Whether these tokens need not be run."""
        with self._lock:
            return tuple(token_ids) in self._kept

    def length(self, token_ids: Sequence[int]) -> int:
        """How many of these tokens a run leaves out: all of them, or none where that cannot be or
        is not worth it.
        """
        return len(token_ids) if len(token_ids) >= SHORTEST and self._shared else 0

    def of(self, token_ids: Sequence[int]) -> Past | None:
        """The past of these tokens, run now where it is not kept; None where `length` is 0: run the
        prompt whole.

        One that is larger than the room is run and not kept. ValueError inside `lm.intervening`.
        """
        wanted = tuple(token_ids)
        if not self.length(wanted):
            return None
        if current_plan() is not None:
            raise ValueError(
                "A prefix is run without interventions: ask for it before they are planned."
            )
        with self._lock:
            found = self._kept.get(wanted)
            if found is not None:
                self._kept.move_to_end(wanted)
        return found if found is not None else self._run(wanted)

    def _run(self, token_ids: tuple[int, ...]) -> Past:
        cache = begin(self._lm.model, None)
        self._lm.fill([token_ids], cache)
        made = Past.of(token_ids, cache)
        with self._lock:
            self._kept[token_ids] = made
            held = sum(past.n_bytes for past in self._kept.values())
            while held > self._room:
                held -= self._kept.popitem(last=False)[1].n_bytes
        return made


def common_length(prefix_ids: Sequence[int], token_ids: Sequence[int]) -> int:
    """How many tokens of a prompt are those of its prefix alone.

    Fewer than the prefix has where a token spans the boundary of the texts: that one is the
    prompt's. What is run once is always tokens of the whole text.
    """
    pairs = enumerate(zip(prefix_ids, token_ids, strict=False))
    shorter = min(len(prefix_ids), len(token_ids))
    return next((place for place, (own, other) in pairs if own != other), shorter)
