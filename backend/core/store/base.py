"""What every family of queries stands on; DuckDB itself is known to `store` alone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from backend.core.store.rows import SaeRow


@dataclass(frozen=True)
class Generation:
    """One version of the file as attached, with what every query needs."""

    signature: tuple[int, int, int]  # inode, mtime in ns, size
    alias: str
    provenance: dict[str, Any]
    saes: dict[str, tuple[int, float, SaeRow]]  # sae_id -> sae_ordinal, act_scale, row
    # what is read once and asked for often
    kept: dict[Any, Any] = field(default_factory=dict, compare=False)

    @property
    def n_positions(self) -> int:
        """Non-special positions of the corpus: what shares and densities are divided by."""
        return int(self.provenance["counts"]["positions"])

    @property
    def n_documents(self) -> int:
        return int(self.provenance["counts"]["documents"])


class Queries(ABC):
    """A way to ask the newest generation of a build."""

    @abstractmethod
    def _current(self) -> Generation:
        """The newest generation; raises StoreMissing or StoreInvalid."""

    @abstractmethod
    def _query(
        self, generation: Generation, statement: str, parameters: Sequence[Any] = ()
    ) -> list[tuple[Any, ...]]:
        """All rows of a statement, on a cursor of its own."""

    @abstractmethod
    def _columns(
        self, generation: Generation, statement: str, parameters: Sequence[Any] = ()
    ) -> dict[str, Any]:
        """The same as NumPy arrays by column; StoreInvalid where a column holds NULLs."""

    @staticmethod
    def _sae(generation: Generation, sae_id: str) -> tuple[int, float, SaeRow]:
        if sae_id not in generation.saes:
            raise ValueError(
                f"sae_id {sae_id!r} is not in this build: use one of {sorted(generation.saes)}"
            )
        return generation.saes[sae_id]
