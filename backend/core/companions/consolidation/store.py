"""Results along training, as the companion file keeps them;
read once into memory, summed anew for each question.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from backend.core.companions.consolidation.codec import unpack
from backend.core.companions.consolidation.growth import GrowthTables, read_growth
from backend.core.companions.consolidation.loss import ALL, Entry, entries, groups, totals
from backend.core.companions.consolidation.rows import Cut, LossTables, Run, find_cut, read_loss
from backend.core.companions.consolidation.stages import (
    Limits,
    StageNumbers,
    read_stages,
    rule,
    stage_of,
)
from backend.core.companions.file import Companion

SCHEMA = Path(__file__).with_name("schema.sql")
SCHEMA_VERSION = 1
KIND = "consolidation"
TOP = 3  # predictions kept a position
KEPT = 32  # answers about loss
T = TypeVar("T")


@dataclass(frozen=True)
class Along:
    """Predictions of one checkpoint along one sentence."""

    run: int
    step: int
    sentence: int
    token_ids: list[list[int]]
    probabilities: list[list[float]]
    target: list[float]


@dataclass(frozen=True)
class Text:
    """A fixed sentence or prompt."""

    sentence: int
    is_prompt: bool
    text: str
    token_ids: list[int]


@dataclass(frozen=True)
class NamedToken:
    """A token of a text or prediction; rank None = special."""

    token_id: int
    text: str
    rank: int | None
    kind: int


class ConsolidationStore(Companion):
    """The results file, read-only."""

    version = SCHEMA_VERSION
    remedy = (
        "make it with `functionscope precompute consolidation` (text, loss, features, "
        "stages, publish)."
    )

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._kept: dict[Any, Any] = {}
        self._kept_of: tuple[int, int, int] | None = None

    # -- loss ------------------------------------------------------------------------------

    def loss_tables(self) -> LossTables:
        """Everything about loss as arrays."""
        return self._once("loss tables", lambda: read_loss(self.query))

    def runs(self) -> tuple[Run, ...]:
        """The runs, the deepest model first."""
        return self.loss_tables().runs

    def cut(self, name: str) -> Cut:
        """ValueError that lists the cuts."""
        return find_cut(self.loss_tables().cuts, name)

    def splits(self, split: str) -> list[str]:
        """Names of the values of a split."""
        return groups(split, tuple(self.provenance()["positions"]))

    def loss(self, cut: str, split: str = "none", baseline: str = "none") -> list[Entry]:
        """Every series, transition and value at one cut; ValueError names what is not held."""
        tables, chosen = self.loss_tables(), self.cut(cut)
        n_values = max(1, len(self.splits(split)))
        return self._once(
            ("loss", chosen.name, split, baseline),
            lambda: entries(tables, chosen, split, n_values, baseline),
        )

    def mean_loss(self) -> dict[tuple[int | None, str | None, int], float]:
        """(run, baseline, step) -> mean loss of all targets, nats."""
        tables = self.loss_tables()
        whole = totals(tables, tables.cuts[0], "none", 1)
        means = whole.nats[:, ALL, 0] / whole.n[ALL, 0]
        return {key: float(mean) for key, mean in zip(tables.series, means, strict=True)}

    # -- features --------------------------------------------------------------------------

    def growth(self) -> GrowthTables:
        """The SAEs of the checkpoints."""
        return self._once("growth", lambda: read_growth(self.query, self.provenance()))

    # -- predictions -----------------------------------------------------------------------

    def texts(self) -> list[Text]:
        """Sentences, then prompts."""
        found = self.query(
            "SELECT sentence, is_prompt, text, token_ids FROM sentence ORDER BY sentence"
        )
        return [Text(*row) for row in found]

    def along(self) -> list[Along]:
        """Every checkpoint along every sentence."""
        return self._once("along", self._read_along)

    def _read_along(self) -> list[Along]:
        found = self.query(
            "SELECT run, step, sentence, token_ids, probabilities, target FROM prediction ORDER "
            "BY sentence, run, step"
        )
        lengths = {text.sentence: len(text.token_ids) for text in self.texts()}
        made = []
        for run, step, sentence, ids, probabilities, target in found:
            n = lengths[sentence]
            made.append(
                Along(
                    run,
                    step,
                    sentence,
                    unpack(ids, "uint32", n, TOP).tolist(),
                    np.round(
                        unpack(probabilities, "float16", n, TOP).astype(np.float64), 4
                    ).tolist(),
                    np.round(unpack(target, "float16", n - 1).astype(np.float64), 5).tolist(),
                )
            )
        return made

    def continuations(self) -> list[tuple[int, int, int, list[int]]]:
        """(run, step, sentence, token_ids) of every greedy continuation."""
        found = self.query(
            "SELECT run, step, sentence, token_ids FROM continuation ORDER BY sentence, run, step"
        )
        return [(run, step, sentence, list(ids)) for run, step, sentence, ids in found]

    def named_tokens(self) -> list[NamedToken]:
        """Every token that texts, predictions and continuations name."""
        found = self.query("SELECT token_id, text, rank, kind FROM token ORDER BY token_id")
        return [NamedToken(*row) for row in found]

    def class_of(self, token: NamedToken, cut: Cut) -> str:
        """function, content or special at a cut."""
        if token.rank is None:
            return "special"
        is_function = (
            token.kind in cut.kinds if cut.last_band is None else token.rank <= cut.n_function
        )
        return "function" if is_function else "content"

    # -- stages ----------------------------------------------------------------------------

    def stages(self) -> tuple[StageNumbers, ...]:
        """The numbers behind the labels."""
        n_kinds, n_bands = len(self.provenance()["kinds"]), len(self.loss_tables().decile)
        return self._once("stages", lambda: read_stages(self.query, n_bands, n_kinds))

    def limits(self) -> Limits:
        """Losses that need no model; without a baseline the unigram loss is that
        of the uniform one.
        """
        uniform = math.log(self.provenance()["vocabulary"])
        return Limits(uniform, self.mean_loss().get((None, "unigram", 0), uniform))

    def stage_of(self, numbers: StageNumbers, cut: Cut) -> str:
        """The label of a checkpoint; ValueError where its loss was not measured."""
        loss = self.mean_loss().get((numbers.run, None, numbers.step))
        if loss is None:
            raise ValueError(
                f"step {numbers.step} of run {numbers.run} has predictions and no loss: "
                f"{self.remedy}"
            )
        return stage_of(numbers, cut, loss, self.limits())

    def stage_rule(self) -> str:
        """In words."""
        return rule(self.limits(), self.provenance())

    def _once(self, key: Any, make: Callable[[], T]) -> T:
        """What `make` gives, kept until the file is replaced.

        Two threads may both make it; both are right.
        """
        self.provenance()
        if self._kept_of != self._signature or len(self._kept) > KEPT:
            self._kept, self._kept_of = {}, self._signature
        kept = self._kept
        if key not in kept:
            kept[key] = make()
        found: T = kept[key]
        return found
