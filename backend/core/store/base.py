"""What every family of queries stands on; DuckDB itself is known to `store` alone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backend.core.duckdb_errors import StrayLog, holder


class StoreError(Exception):
    """A build cannot be served; the message names the file and the remedy."""


class StoreMissing(StoreError):
    """There is no build at the path."""


class StoreInvalid(StoreError):
    """The file is not a build, is damaged, or has another schema version."""


class StoreHeld(StoreInvalid):
    """A program that may write to the file holds it open: it may be whole, and cannot be looked at
    now.
    """


def unreadable(path: Path, what: str, error: Exception, remedy: str) -> StoreInvalid:
    """Why DuckDB cannot read `path`, in one sentence: a file that somebody may be writing to need
    not be made again.
    """
    held_by = holder(error)
    if held_by is not None:
        return StoreHeld(
            f"{path} is held open by a program that may write to it ({held_by}): end it, or let "
            "it close the file, then ask again."
        )
    if isinstance(error, StrayLog):
        return StoreHeld(str(error))
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return StoreInvalid(f"{path} is not a whole {what} ({reason}): {remedy}")


@dataclass(frozen=True)
class SaeRow:
    sae_id: str
    layer: int
    d_sae: int
    l0: float  # firings per non-special corpus position
    n_active: int  # features with any firing at theta = 0
    hook_name: str
    d_model: int
    architecture: str
    n_edges: int  # listed: those of Generation.edges_from firings or more
    n_firings: int
    theta_grid: tuple[float, ...]  # thresholds that coverage can be asked for
    theta_quantiles: tuple[float, ...]  # the activation quantile each was taken from


PROVENANCE = "SELECT key, value FROM provenance"
SAES = """
SELECT sae_ordinal, act_scale, sae_id, layer, d_sae, l0, n_active, hook_name, d_model, architecture,
       n_edges, n_firings, theta_grid, theta_quantiles
FROM sae ORDER BY layer, sae_ordinal
"""


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
    def edges_from(self) -> int:
        """Firings from which an edge is listed; curves, degrees and features count all edges."""
        return int(self.provenance["counts"].get("edges_from", 1))

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
