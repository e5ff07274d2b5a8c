"""Greedy answers to many prompts under many edits: what all prompts begin with is run once, rows
of one length run together whatever their edit, and what was answered is kept by content.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from tqdm import tqdm

from backend.core.lm import LanguageModel
from backend.core.lm.interventions import Intervention
from backend.core.lm.past import Past
from backend.core.lm.prefixes import Prefixes, common_length
from backend.core.steering.answers import Answer, all_answers
from precompute.experiments.demonstrating.fluency import log_probabilities
from precompute.experiments.kept import Kept

PART = 256  # rows that are kept together: what a killed job does again
PREFIX_BYTES = 256 << 20
Push = Callable[[int], list[Intervention]]  # a position -> what is done there


@dataclass(frozen=True)
class Row:
    """One prompt with its edits."""

    ids: list[int]
    edits: tuple[Intervention, ...] = ()

    @property
    def held(self) -> int:
        """Positions from the first on that its edits leave alone; never the whole prompt."""
        first = min(
            (one.first_position(len(self.ids)) for one in self.edits), default=len(self.ids)
        )
        return min(first, len(self.ids) - 1)

    def content(self) -> str:
        """A digest of what determines its answer."""
        digest = hashlib.sha256(json.dumps(self.ids).encode())
        for one in self.edits:
            said = [one.layer, one.mode, one.value, one.positions]
            digest.update(json.dumps(said).encode())
            digest.update(one.direction.float().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()


class Answering:
    """Asks one model. `until`: an answer ends before any of these."""

    def __init__(
        self,
        lm: LanguageModel,
        kept: Kept,
        *,
        new_tokens: int,
        until: Sequence[str],
        bar: tqdm[Any],
    ) -> None:
        self.lm, self.kept, self.new_tokens, self.until = lm, kept, new_tokens, tuple(until)
        self.bar = bar
        self._prefixes = Prefixes(lm, PREFIX_BYTES)

    def expect(self, n: int) -> None:
        """So many more answers may be asked for; fewer with `spare`: what the progress is of."""
        self.bar.total = (self.bar.total or 0) + n
        self.bar.refresh()

    def spare(self, n: int) -> None:
        """So many of the answers that were expected are not needed."""
        self.expect(-n)

    def answers(self, rows: Sequence[Row]) -> list[Answer]:
        """In the order of the rows."""
        made: dict[int, Answer] = {}
        for members in parts(rows):
            part = [rows[i] for i in members]
            name = "/".join(["answers", *(row.content() for row in part)])
            found = self.kept.part(name, partial(self._run, part))
            made |= {i: Answer(ids, text) for i, (ids, text) in zip(members, found, strict=True)}
            self.bar.update(len(part))
        return [made[i] for i in range(len(rows))]

    def _run(self, part: Sequence[Row]) -> list[tuple[list[int], str]]:
        made = all_answers(
            self.lm,
            [row.ids for row in part],
            [row.edits for row in part],
            max_new_tokens=self.new_tokens,
            until=self.until,
            past=self.past(part),
        )
        return [(one.token_ids, one.text.strip()) for one in made]

    def log_probabilities(
        self, prompts: Sequence[list[int]], answers: Sequence[Answer]
    ) -> list[float | None]:
        """Mean nats a token of each answer, its stop included, after the prompt and without edits;
        None for one without tokens.
        """
        after = [answer.token_ids for answer in answers]
        past = self.past([Row(ids) for ids in prompts])
        return self.kept.part(
            f"log probabilities/{json.dumps([prompts, after])}",
            lambda: log_probabilities(self.lm, prompts, after, past),
        )

    def past(self, rows: Sequence[Row]) -> Past | None:
        """What all of them begin with and none of them edits, run once; None where that is too
        short.
        """
        first = rows[0].ids
        shared = min(min(common_length(first, row.ids), row.held) for row in rows)
        return self._prefixes.of(first[:shared])


def parts(rows: Sequence[Row]) -> Iterator[list[int]]:
    """Places of the rows that run and are kept together, of like lengths."""
    order = sorted(range(len(rows)), key=lambda i: len(rows[i].ids))
    for start in range(0, len(order), PART):
        yield order[start : start + PART]


def shared_edits(make: Callable[[int], Intervention]) -> Push:
    """The same object for the same position, so that rows of a batch share its computation."""
    made: dict[int, Intervention] = {}

    def at(position: int) -> list[Intervention]:
        if position not in made:
            made[position] = make(position)
        return [made[position]]

    return at


def both(*pushes: Push) -> Push:
    """All of them at one position."""
    return lambda position: [one for push in pushes for one in push(position)]
