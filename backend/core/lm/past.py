"""Keys and values of tokens that were run once, and caches that go on from them.

What is kept never changes: a run takes records of the layers of its own that share the kept
tensors, and transformers' layers grow by making new ones. Nothing is ever cropped, which past a
sliding window cannot be done.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from transformers import DynamicCache, PreTrainedModel
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

# whose keys and values grow by concatenation; others (recurrent states) are written to in place
SHAREABLE = (DynamicLayer, DynamicSlidingWindowLayer)


@dataclass(frozen=True, eq=False)
class Past:
    """What a model keeps of its first tokens, which were run without any intervention. Threads may
    share it.
    """

    token_ids: tuple[int, ...]
    cache: Any  # one row; read by `begin` alone

    @classmethod
    def of(cls, token_ids: tuple[int, ...], cache: Any) -> Past:
        """Of the one-row cache that the tokens were run into, which nobody may use any more.

        A sliding layer keeps a view of all that it was given: it is copied once, so that the rest
        is given back.
        """
        for layer in cache.layers:
            layer.keys, layer.values = layer.keys.clone(), layer.values.clone()
        return cls(token_ids, cache)

    def __len__(self) -> int:
        return len(self.token_ids)

    @property
    def n_bytes(self) -> int:
        """Of keys and values."""
        return sum(layer.keys.nbytes + layer.values.nbytes for layer in self.cache.layers)

    def begin(self, rows: int = 1) -> Any:
        """A cache of that many rows that the tokens after these can be run into."""
        begun = copied(self.cache)
        if rows > 1:
            begun.batch_repeat_interleave(rows)
        return begun


def copied(cache: Any) -> Any:
    """A cache that grows apart from this one and shares what both hold so far."""
    made = copy.copy(cache)
    made.layers = [copy.copy(layer) for layer in cache.layers]
    return made


def begin(model: PreTrainedModel, past: Past | None, rows: int = 1) -> Any:
    """A cache to run tokens into: after `past`, or empty (then of any number of rows)."""
    return past.begin(rows) if past is not None else DynamicCache(config=model.config)


def held_of(past: Past | None, token_ids: Sequence[int]) -> int:
    """Positions of the prompt that `past` holds, 0 for None; ValueError where it is the past of
    another prompt.
    """
    if past is None:
        return 0
    if tuple(token_ids[: len(past)]) != past.token_ids or len(token_ids) <= len(past):
        raise ValueError(
            f"The prompt does not go on from the {len(past)} tokens that were run: run it whole."
        )
    return len(past)


def can_be_shared(model: PreTrainedModel) -> bool:
    """Whether every layer keeps its past in a way that several runs may go on from."""
    return all(type(layer) in SHAREABLE for layer in DynamicCache(config=model.config).layers)
