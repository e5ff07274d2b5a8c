"""One task after the other, in this process."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from backend.core.lm import LanguageModel
from backend.core.sae import Sae
from precompute.engines import R, Report, T, Work


@dataclass(frozen=True)
class LocalEngine:
    """Runs on the model and SAEs that it is given."""

    lm: LanguageModel
    saes: Sequence[Sae]

    def run(self, work: Work[T, R], tasks: Iterable[T], report: Report) -> Iterator[tuple[T, R]]:
        """In the order of the tasks; `report` is told of every batch."""
        for task in tasks:
            yield task, work(self.lm, self.saes, task, report)
