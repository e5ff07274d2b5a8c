"""One intervention over a grid of strengths and positions.

What comes before a column's position is the same in all its cells, and grows from column to column:
it is run once, token by token through the grid, and its KV cache repeated over the column's
strengths. Then several columns are generated together, since every cell has the same prompt behind
it. With frozen attention the unedited prompt is one more row, the first, which all others attend
as, and which is then left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from threading import Event
from typing import Any

import torch
from torch import Tensor

from backend.core.lm import LanguageModel
from backend.core.lm.frozen_attention import frozen
from backend.core.lm.interventions import Intervention
from backend.core.lm.past import Past, begin, copied, held_of
from backend.core.steering.generate import generate_arms
from backend.core.steering.prefill import Prefill, check_after, prefill

ROWS = 64  # cells generated together

MakeEdit = Callable[[float, int], Intervention]


@dataclass(frozen=True)
class Grid:
    """`edit(strength, position)` makes a cell's intervention;
    `held` is applied in every cell too.
    """

    strengths: tuple[float, ...]
    positions: tuple[int, ...]  # ascending
    edit: MakeEdit
    held: tuple[Intervention, ...] = ()

    @property
    def n_cells(self) -> int:
        return len(self.strengths) * len(self.positions)

    def arm(self, row: int, column: int) -> tuple[Intervention, ...]:
        """Everything that acts in a cell."""
        return (*self.held, self.edit(self.strengths[row], self.positions[column]))


@dataclass(frozen=True)
class Cell:
    """A cell that was run. `log_probs`: float32 [vocab], nats, of the token after the prompt."""

    row: int
    column: int
    log_probs: Tensor
    token_ids: list[int]
    text: str


@dataclass(frozen=True)
class _Writing:
    """How a cell's continuation is written: greedily, at most so many tokens, ending before a
    string of `until`.
    """

    max_new_tokens: int
    until: Sequence[str]
    stop: Event


def baseline(
    lm: LanguageModel,
    prompt_ids: Sequence[int],
    max_new_tokens: int,
    *,
    until: Sequence[str] = (),
    past: Past | None = None,
) -> Cell:
    """The prompt without any intervention, as a cell (row and column -1)."""
    start = prefill(lm, prompt_ids, [[]], past=past)
    return _generated(lm, prompt_ids, start, [(-1, -1)], _Writing(max_new_tokens, until, Event()))[
        0
    ]


def sweep(
    lm: LanguageModel,
    prompt_ids: Sequence[int],
    grid: Grid,
    *,
    max_new_tokens: int,
    until: Sequence[str] = (),
    freeze_attention: bool = False,
    past: Past | None = None,
    stop: Event | None = None,
) -> Iterator[list[Cell]]:
    """Cells as they are finished, column by column; ends early when `stop` is set.

    `freeze_attention`: at the prompt's positions every cell attends as the unedited prompt
    (frozen_attention). A cell's text ends before the first of the strings `until`. `past` holds a
    prefix of the prompt that was run before. ValueError, before anything runs, for an impossible
    intervention, one in `past`, or positions not ascending.
    """
    length = len(prompt_ids)
    if list(grid.positions) != sorted(set(grid.positions)) or not grid.n_cells:
        raise ValueError(
            f"positions are {list(grid.positions)}; needed: one or more, ascending, with strengths."
        )
    for column in range(len(grid.positions)):
        with lm.intervening([grid.arm(0, column)], prompt_length=length):
            pass
    check_after(past, [grid.arm(0, column) for column in range(len(grid.positions))])
    writing = _Writing(max_new_tokens, until, stop or Event())
    return _sweep(
        _Stem(lm, prompt_ids, grid.held, freeze_attention, past), prompt_ids, grid, writing
    )


def _sweep(
    stem: _Stem, prompt_ids: Sequence[int], grid: Grid, writing: _Writing
) -> Iterator[list[Cell]]:
    lm, stop = stem.lm, writing.stop
    waiting: list[Prefill] = []
    cells: list[tuple[int, int]] = []
    for column, position in enumerate(grid.positions):
        for rows in _pieces(len(grid.strengths)):
            if stop.is_set():
                return
            waiting.append(stem.prefill(position, [grid.arm(row, column) for row in rows]))
            cells += [(row, column) for row in rows]
            if len(cells) >= ROWS:
                yield _generated(lm, prompt_ids, _joined(waiting), cells, writing)
                waiting, cells = [], []
    if cells and not stop.is_set():
        yield _generated(lm, prompt_ids, _joined(waiting), cells, writing)


def _pieces(n_rows: int) -> Iterator[range]:
    """Rows of a column, at most ROWS at a time."""
    for start in range(0, n_rows, ROWS):
        yield range(start, min(start + ROWS, n_rows))


class _Stem:
    """The prompt up to a position that only grows, run once, with what is held in every cell."""

    def __init__(
        self,
        lm: LanguageModel,
        prompt_ids: Sequence[int],
        held: tuple[Intervention, ...],
        freeze_attention: bool,
        past: Past | None,
    ) -> None:
        self.lm, self.held, self.frozen = lm, held, freeze_attention
        self.ids = torch.tensor([list(prompt_ids)], device=lm.device)
        self.cache = begin(lm.model, past, 2 if freeze_attention else 1)
        self.filled = held_of(past, prompt_ids)

    @torch.inference_mode()
    def prefill(self, position: int, arms: Sequence[tuple[Intervention, ...]]) -> Prefill:
        """The arms after the prompt; none of them edits anything before
        `position` but what is held.
        """
        # whose attention is everybody's
        first: list[tuple[Intervention, ...]] = [()] if self.frozen else []
        if position > self.filled:
            with self._running([*first, self.held]) as n_rows:
                self.lm.fill(self.ids[:, self.filled : position].expand(n_rows, -1), self.cache)
            self.filled = position
        cache = copied(self.cache)
        if position > 0:
            cache.batch_select_indices(
                self._places([*range(len(first)), *[len(first)] * len(arms)])
            )
        with self._running([*first, *arms]) as n_rows:
            rest = self.ids[:, position:].expand(n_rows, -1)
            logits = self.lm.forward(rest, logits_to_keep=1, past_key_values=cache).logits[:, -1]
        if first:
            logits = logits[1:]
            cache.batch_select_indices(self._places(range(1, n_rows)))
        return Prefill(logits.float().log_softmax(-1), tuple(arms), self.ids.shape[1], cache)

    @contextmanager
    def _running(self, rows: Sequence[tuple[Intervention, ...]]) -> Iterator[int]:
        """Forwards inside run with these rows' interventions; their number."""
        attention = frozen(self.lm.model) if self.frozen else nullcontext()
        with self.lm.intervening(rows, prompt_length=self.ids.shape[1]), attention:
            yield len(rows)

    def _places(self, rows: Sequence[int]) -> Tensor:
        return torch.tensor(list(rows), device=self.lm.device)


def _joined(parts: Sequence[Prefill]) -> Prefill:
    """Arms of several prefills of one prompt as one; the caches are used up."""
    if len(parts) == 1:
        return parts[0]
    cache: Any = parts[0].cache
    for index, layer in enumerate(cache.layers):
        others = [part.cache.layers[index] for part in parts]
        layer.keys = torch.cat([other.keys for other in others])
        layer.values = torch.cat([other.values for other in others])
    log_probs = torch.cat([part.log_probs for part in parts])
    return Prefill(
        log_probs, tuple(arm for part in parts for arm in part.arms), parts[0].prompt_length, cache
    )


def _generated(
    lm: LanguageModel,
    prompt_ids: Sequence[int],
    start: Prefill,
    cells: Sequence[tuple[int, int]],
    writing: _Writing,
) -> list[Cell]:
    texts, token_ids = [""] * len(cells), [list[int]() for _ in cells]
    if writing.max_new_tokens:
        for step in generate_arms(
            lm,
            prompt_ids,
            start.arms,
            max_new_tokens=writing.max_new_tokens,
            until=writing.until,
            stop=writing.stop,
            start=start,
        ):
            texts[step.arm] += step.text
            token_ids[step.arm].append(step.token_id)
        if writing.stop.is_set():  # half a text is no cell
            return []
    return [
        Cell(row, column, log_probs, ids, text)
        for (row, column), log_probs, ids, text in zip(
            cells, start.log_probs, token_ids, texts, strict=True
        )
    ]
