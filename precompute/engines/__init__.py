"""Who runs a function over shards: this process (`local`), or workers on many machines (`ray`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol, TypeVar

from backend.core.lm import LanguageModel
from backend.core.sae import Sae

T = TypeVar("T")
R = TypeVar("R")
Report = Callable[[int], object]  # told how many more positions are done
Work = Callable[[LanguageModel, Sequence[Sae], T, Report], R]


class Engine(Protocol):
    """Holds model and SAEs, once or many times."""

    def run(self, work: Work[T, R], tasks: Iterable[T], report: Report) -> Iterator[tuple[T, R]]:
        """(task, result) of each task, in any order.

        What `work` raises ends the run, and is raised here.

        `work` must depend on nothing but its arguments, and leave the same behind when it runs
        twice.
        """
        ...
