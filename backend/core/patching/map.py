"""Prompt A's states in prompt B's run: after every layer, at every position, what becomes of the
answer.

**Measure.** The log-odds of A's answer against B's: log p(a) - log p(b) of the token after the
prompt, in nats. Run plainly, A gives one end of the scale and B the other. Beside it the greedy
token, which tells whether the answer flips.

**Controls.** In every layer B's own states are put into B at all positions at once (sham), which
must change nothing: the largest change of any logit is told. The states of an unrelated prompt can
be put in instead of A's.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from threading import Event

import torch
from torch import Tensor

from backend.core.lm import LanguageModel
from backend.core.lm.cost import reading_bytes, resuming_bytes
from backend.core.lm.interventions import Intervention
from backend.core.patching.alignment import align, from_the_end
from backend.core.patching.resume import Trunk
from backend.core.patching.unembedding import unembed

AT_ONCE = 16  # positions of a layer in one batch: later positions need fewer tokens behind them

Pairs = Sequence[tuple[int, int]]  # (position in B, position in the source)


@dataclass(frozen=True)
class Answers:
    """The token that each prompt is answered with."""

    a: int
    b: int


@dataclass(frozen=True)
class Outcome:
    """What follows the prompt, [n] each: log-odds in nats (float32), the greedy token_id (int64),
    probabilities."""

    log_odds: Tensor
    token_ids: Tensor
    p_a: Tensor
    p_b: Tensor

    @classmethod
    def of(cls, logits: Tensor, answers: Answers) -> "Outcome":
        """From logits [n, vocab]."""
        a, b = logits[:, answers.a], logits[:, answers.b]
        total = logits.logsumexp(-1)
        return cls(a - b, logits.argmax(-1), (a - total).exp(), (b - total).exp())

    def rows(self, chosen: slice) -> "Outcome":
        return Outcome(
            self.log_odds[chosen], self.token_ids[chosen], self.p_a[chosen], self.p_b[chosen]
        )


@dataclass(frozen=True)
class LayerRow:
    """One layer. `cells`: by place in the map's positions; `sets`: by place in its sets.

    `sham`: the largest absolute change of any logit when B's own states are put into B.
    """

    layer: int
    cells: Outcome
    sets: Outcome
    sham: float


class PatchMap:
    """Two prompts, aligned, both run once; then rows of the map on demand."""

    def __init__(
        self,
        lm: LanguageModel,
        a: Sequence[int],
        b: Sequence[int],
        *,
        answer_a: int | None = None,
        answer_b: int | None = None,
        sets: Mapping[str, Sequence[int]] | None = None,
        unrelated: Sequence[int] | None = None,
    ) -> None:
        """`sets`: positions of B by name, ascending, patched together. An answer that is None is
        the greedy token.

        ValueError for prompts that cannot be aligned, for one answer to both, and for a set
        outside the positions.
        """
        self.alignment = align(a, b)
        self.positions = self.alignment.positions
        self.sets = {name: tuple(members) for name, members in (sets or {}).items()}
        self._check_sets()
        self._unrelated_ids = unrelated
        self._unrelated_pairs = (
            from_the_end(unrelated, b, self.positions) if unrelated is not None else ()
        )
        start = self.alignment.start
        self._trunk = Trunk(lm, b, start)
        # before the first difference both are the same
        self._source = Trunk(lm, a, start, before=self._trunk.cache)
        self._chunks = [self._trunk, *self._later_chunks()]
        ends = unembed(lm, torch.cat([self._source.last, self._trunk.last]))
        self.answers = _answers(lm, ends, answer_a, answer_b)
        self.ends = Outcome.of(ends, self.answers)

    def _check_sets(self) -> None:
        for name, members in self.sets.items():
            if not set(members) <= set(self.positions):
                raise ValueError(
                    f"Set {name!r} has {list(members)}; allowed: some of {list(self.positions)}."
                )

    @property
    def lm(self) -> LanguageModel:
        return self._trunk.lm

    def rows(self, stop: Event | None = None) -> Iterator[LayerRow]:
        """A's states, from the first layer to the last; ends early when `stop` is set."""
        return self._rows(self._source, self.alignment.pairs, stop or Event())

    def unrelated_rows(self, stop: Event | None = None) -> Iterator[LayerRow]:
        """The same with the unrelated prompt's states, each from as far before its end; nothing
        without one."""
        if self._unrelated_ids is None:
            return iter(())
        return self._rows(
            Trunk(self.lm, self._unrelated_ids), self._unrelated_pairs, stop or Event()
        )

    def _later_chunks(self) -> list[Trunk]:
        firsts = self.positions[AT_ONCE::AT_ONCE]
        return [
            Trunk(self.lm, self._trunk.ids, first, before=self._trunk.cache) for first in firsts
        ]

    def _rows(self, source: Trunk, pairs: Pairs, stop: Event) -> Iterator[LayerRow]:
        for layer in range(self.lm.n_layers):
            parts: list[Tensor] = []
            for place, trunk in enumerate(self._chunks):
                if stop.is_set():
                    return
                chosen = pairs[place * AT_ONCE : (place + 1) * AT_ONCE]
                rows = [[_put(layer, source, [pair])] for pair in chosen]
                if place == 0:
                    rows = [*self._together(layer, source, pairs), *rows]
                parts.append(unembed(self.lm, trunk.after(layer, rows)))
            yield self._layer_row(layer, torch.cat(parts))

    def _together(self, layer: int, source: Trunk, pairs: Pairs) -> list[list[Intervention]]:
        """No edit, the sham, and every set."""
        own = [(position, position) for position in self.positions]
        sets = [[pair for pair in pairs if pair[0] in members] for members in self.sets.values()]
        return [[], [_put(layer, self._trunk, own)], *([_put(layer, source, one)] for one in sets)]

    def _layer_row(self, layer: int, logits: Tensor) -> LayerRow:
        made, first = Outcome.of(logits, self.answers), 2 + len(self.sets)
        sham = float((logits[1] - logits[0]).abs().max())
        return LayerRow(layer, made.rows(slice(first, None)), made.rows(slice(2, first)), sham)


def map_bytes(lm: LanguageModel, length: int, n_positions: int, n_sets: int) -> int:
    """Bytes that a map takes beside the weights, at most: prompts of `length` tokens that differ
    in the last `n_positions`. Runs of A, of an unrelated prompt, and of B from every part's first
    position on are kept."""
    rows = min(AT_ONCE, n_positions) + n_sets + 2
    kept = 2 + (n_positions - 1) // AT_ONCE
    return resuming_bytes(lm, rows, length, n_positions) + kept * reading_bytes(
        lm, 1, length, lm.n_layers, 1
    )


def _answers(
    lm: LanguageModel, ends: Tensor, answer_a: int | None, answer_b: int | None
) -> Answers:
    """Those given, or the greedy tokens of A's and B's logits [2, vocab]."""
    greedy_a, greedy_b = ends.argmax(-1).tolist()
    a, b = greedy_a if answer_a is None else answer_a, greedy_b if answer_b is None else answer_b
    if a == b:
        raise ValueError(
            f"Both prompts are answered with token {a}, {lm.token_text(a)!r}: name two answers "
            "that differ."
        )
    return Answers(a, b)


def _put(layer: int, source: Trunk, pairs: Pairs) -> Intervention:
    """The source's states after a layer in the place of B's."""
    rows = torch.tensor([position - source.start for _, position in pairs], dtype=torch.long)
    states = source.resid[layer][rows.to(source.lm.device)]
    return Intervention.replacing(layer, [position for position, _ in pairs], states)
