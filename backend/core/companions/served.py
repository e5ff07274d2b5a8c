"""The build being served and the result files beside it, each opened when it is first asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from backend.core.companions.consolidation.store import KIND as CONSOLIDATION
from backend.core.companions.consolidation.store import ConsolidationStore
from backend.core.companions.experiments.store import KIND as EXPERIMENTS
from backend.core.companions.experiments.store import ExperimentsStore
from backend.core.companions.features.store import KIND as FEATURES
from backend.core.companions.features.store import FeatureDetailStore
from backend.core.companions.file import Companion, build_identity, companion_path
from backend.core.companions.statistics.store import StatisticsStore
from backend.core.store import Store, StoreError, StoreMissing

STATISTICS = "statistics"
KINDS = (STATISTICS, FEATURES, CONSOLIDATION, EXPERIMENTS)
# of blocks of the build; the operating system keeps more of it, outside the process
READING = "256MB"
CompanionT = TypeVar("CompanionT", bound=Companion)


class Build:
    """The build being served. One that appears after the start is opened when it
    is first asked for.
    """

    def __init__(
        self, store: Store | None, path: Path | None, training: Path | None = None
    ) -> None:
        """`training`: results along training of another model, where none lie beside the build."""
        self._store = store
        self._path = path
        self._training = training
        self._lock = threading.Lock()
        self._companions: dict[str, Companion] = {}
        self._identified: tuple[dict[str, Any], str] | None = None

    def require(self) -> Store:
        """The store; StoreMissing or StoreInvalid, with the remedy, when there is none."""
        with self._lock:
            if self._store is None:
                if self._path is None:
                    raise StoreMissing(
                        "This preset has no build: make one with `functionscope precompute all`."
                    )
                self._store = Store.open(self._path, memory_limit=READING)
            return self._store

    def get(self) -> Store | None:
        """The store, or None where `require` would raise."""
        try:
            store = self.require()
            store.saes()
        except StoreError:
            return None
        return store

    def companions(self) -> dict[str, Callable[[], Any]]:
        """The build's own result files by kind; each opens, or raises StoreMissing or
        StoreInvalid. Another model's training is not among them.
        """
        return {
            STATISTICS: self.statistics,
            FEATURES: self.feature_details,
            CONSOLIDATION: self._own_consolidation,
            EXPERIMENTS: self.experiments,
        }

    def statistics(self) -> StatisticsStore:
        """Statistics beside the build; StoreMissing or StoreInvalid, with the remedy,
        where there are none.
        """
        return self._companion(STATISTICS, StatisticsStore)

    def feature_details(self) -> FeatureDetailStore:
        """Details of features beside the build; raises as `statistics` does."""
        return self._companion(FEATURES, FeatureDetailStore)

    def consolidation(self) -> ConsolidationStore:
        """Results along training beside the build; raises as `statistics` does."""
        return self._companion(CONSOLIDATION, ConsolidationStore)

    def _own_consolidation(self) -> ConsolidationStore:
        own = companion_path(self.require().path, CONSOLIDATION)
        if self._training is not None and not own.exists():
            raise StoreMissing(
                "no training run of this model is here: Consolidation shows another model's."
            )
        return self.consolidation()

    def experiments(self) -> ExperimentsStore:
        """Experiments on prompts beside the build; raises as `statistics` does."""
        return self._companion(EXPERIMENTS, ExperimentsStore)

    def _companion(self, kind: str, store: type[CompanionT]) -> CompanionT:
        """The result file of a kind, kept open; it follows the build when that moves."""
        path = companion_path(self.require().path, kind)
        if kind == CONSOLIDATION and self._training is not None and not path.exists():
            path = self._training
        held = self._companions.get(kind)
        if not isinstance(held, store) or held.path != path:
            held = self._companions[kind] = store(path)
        held.require(self.identity())
        return held

    def identity(self) -> str | None:
        """Hash of the build's provenance: two builds with one identity hold the same numbers."""
        try:
            provenance = self.require().provenance()
        except StoreError:
            return None
        known = self._identified
        if known is None or known[0] is not provenance:
            self._identified = known = provenance, build_identity(provenance)
        return known[1]
