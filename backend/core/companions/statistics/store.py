"""The companion `statistics`: named queries, each beside the row type that it fills."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from backend.core.companions.file import Companion
from backend.core.companions.statistics.rows import (
    AlternativeRow,
    Chao1Row,
    DegreeFitRow,
    EqualOccurrenceRow,
    ExcessRow,
    GroupSpreadRow,
    KindRow,
    LabelRow,
    NullContrastRow,
    NullCurveRow,
    NullFitRow,
    NullRunRow,
    RarefactionGroupRow,
    RarefactionRow,
    RateContrastRow,
    RateRankRow,
    SlopeRow,
    SpreadRow,
)

SCHEMA = Path(__file__).with_name("schema.sql")
SINCE = {"rate_rank": 2, "rate_contrast": 2}  # table, or table.column -> version that brought it
RowT = TypeVar("RowT")


class StatisticsStore(Companion):
    """What chance explains of a build. An sae_id that it does not know has no rows."""

    version = 2
    older = (1,)
    since = SINCE
    remedy = "make it with `functionscope precompute statistics --build … --work …`"

    def _rows(
        self, row: type[RowT], table: str, where: str = "", parameters: Sequence[Any] = ()
    ) -> list[RowT]:
        """Rows of a table; `where` is SQL after the table's name, with the parameters bound.
        A column that the file is too old for is None, a table has no rows.
        """
        if not self.has(table):
            return []
        names = [field.name for field in fields(row)]  # type: ignore[arg-type]
        columns = self.selected(table, names)
        return [
            row(*values)
            for values in self.query(f"SELECT {columns} FROM {table} {where}", parameters)
        ]

    # -- tokens ----------------------------------------------------------------------------------

    def spread(self, limit: int = 1_000_000) -> list[SpreadRow]:
        """The most frequent tokens, most frequent first."""
        return self._rows(
            SpreadRow, "token_spread", "ORDER BY occurrences DESC, token_id LIMIT $1", [limit]
        )

    def group_spread(self) -> list[GroupSpreadRow]:
        return self._rows(GroupSpreadRow, "group_spread")

    def rarefaction(self, sae_id: str, token_ids: Sequence[int]) -> list[RarefactionRow]:
        """Points of these tokens by n; tokens of few occurrences have none."""
        where = "WHERE sae_id = $1 AND list_contains($2::UINTEGER[], token_id) ORDER BY token_id, n"
        return self._rows(RarefactionRow, "rarefaction", where, [sae_id, list(token_ids)])

    def rarefaction_groups(self, sae_id: str) -> list[RarefactionGroupRow]:
        return self._rows(
            RarefactionGroupRow,
            "rarefaction_group",
            "WHERE sae_id = $1 ORDER BY token_group, n",
            [sae_id],
        )

    def null_fit(self, sae_id: str) -> NullFitRow | None:
        """None where too few content tokens occur for a fit."""
        found = self._rows(NullFitRow, "null_fit", "WHERE sae_id = $1", [sae_id])
        return found[0] if found else None

    def excess(self, sae_id: str, limit: int = 1_000_000) -> list[ExcessRow]:
        """The most frequent tokens, as they were written: most frequent first."""
        where = "WHERE sae_id = $1 ORDER BY rowid LIMIT $2"
        return self._rows(ExcessRow, "excess", where, [sae_id, limit])

    def excess_of(self, sae_id: str, token_ids: Sequence[int]) -> list[ExcessRow]:
        where = "WHERE sae_id = $1 AND list_contains($2::UINTEGER[], token_id)"
        return self._rows(ExcessRow, "excess", where, [sae_id, list(token_ids)])

    # -- groups ----------------------------------------------------------------------------------

    def equal_occurrence(
        self, sae_id: str, theta_ordinal: int = 0, min_count: int = 1
    ) -> list[EqualOccurrenceRow]:
        """Comparisons at every k, then at every function cut."""
        where = (
            "WHERE sae_id = $1 AND theta_ordinal = $2 AND min_count = $3 ORDER BY cut NULLS "
            "FIRST, k"
        )
        return self._rows(
            EqualOccurrenceRow, "equal_occurrence", where, [sae_id, theta_ordinal, min_count]
        )

    def rates(self) -> list[float]:
        """Rates that edges were counted at, ascending; [] in a file made before they were."""
        if not self.has("rate_contrast"):
            return []
        found = self.query("SELECT DISTINCT min_rate FROM rate_contrast ORDER BY min_rate")
        return [float(rate) for (rate,) in found]

    def rate_ranks(self, sae_id: str, min_rate: float) -> list[RateRankRow]:
        """Tokens with 100 occurrences or more, most frequent first."""
        where = "WHERE sae_id = $1 AND min_rate = $2 ORDER BY rank"
        return self._rows(RateRankRow, "rate_rank", where, [sae_id, min_rate])

    def rate_contrasts(self, sae_id: str) -> list[RateContrastRow]:
        """By rate, then by k."""
        where = "WHERE sae_id = $1 ORDER BY min_rate, k"
        return self._rows(RateContrastRow, "rate_contrast", where, [sae_id])

    def kinds(self, sae_id: str) -> list[KindRow]:
        return self._rows(KindRow, "kind_summary", "WHERE sae_id = $1", [sae_id])

    def chao1(self, sae_id: str) -> list[Chao1Row]:
        return self._rows(Chao1Row, "chao1", "WHERE sae_id = $1", [sae_id])

    def labels(self, sae_id: str) -> list[LabelRow]:
        return self._rows(LabelRow, "label_permutation", "WHERE sae_id = $1", [sae_id])

    # -- laws ------------------------------------------------------------------------------------

    def degree_fits(self, sae_id: str) -> list[DegreeFitRow]:
        return self._rows(DegreeFitRow, "degree_fit", "WHERE sae_id = $1", [sae_id])

    def alternatives(self, sae_id: str) -> list[AlternativeRow]:
        return self._rows(AlternativeRow, "degree_alternative", "WHERE sae_id = $1", [sae_id])

    def slopes(self, sae_id: str) -> list[SlopeRow]:
        """Zipf's, which no SAE enters, and this SAE's degree against occurrences."""
        where = "WHERE sae_id IS NULL OR sae_id = $1 ORDER BY name DESC, from_rank"
        return self._rows(SlopeRow, "slope", where, [sae_id])

    # -- null models -----------------------------------------------------------------------------

    def null_runs(self) -> list[NullRunRow]:
        """The build itself on the same shards, and the null models; empty where none was made."""
        return self._rows(NullRunRow, "null_run")

    def null_curves(self, sae_id: str) -> list[NullCurveRow]:
        return self._rows(
            NullCurveRow, "null_curve", "WHERE sae_id = $1 ORDER BY run, rank", [sae_id]
        )

    def null_contrasts(self, sae_id: str) -> list[NullContrastRow]:
        return self._rows(
            NullContrastRow, "null_contrast", "WHERE sae_id = $1 ORDER BY run, k", [sae_id]
        )
