"""Rows of the companion `statistics`, one type per table; `schema.sql` says what each column is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SpreadRow:
    token_id: int
    kind: str
    occurrences: int
    documents: int
    expected_documents: float
    evenness: float


@dataclass(frozen=True)
class GroupSpreadRow:
    token_group: str
    min_occurrences: int
    n_tokens: int
    mean_evenness: float
    low: float
    high: float
    median_evenness: float


@dataclass(frozen=True)
class RarefactionRow:
    token_id: int
    n: float  # a whole number
    expected: float
    se: float | None


@dataclass(frozen=True)
class RarefactionGroupRow:
    token_group: str
    n: int
    n_tokens: int
    mean: float
    low: float
    high: float
    token_low: float
    token_high: float


@dataclass(frozen=True)
class NullFitRow:
    a: float
    b: float
    c: float
    n_from: int
    n_to: int
    n_points: int


@dataclass(frozen=True)
class ExcessRow:
    token_id: int
    degree: int
    chao1: float
    expected: float
    low: float
    high: float
    extrapolated: bool
    excess: float
    matched_n: int
    matched: float
    matched_mean: float
    matched_low: float
    matched_high: float


@dataclass(frozen=True)
class EqualOccurrenceRow:
    k: int
    cut: int | None
    others: str
    occurrences: int
    coverage: float
    low: float
    high: float
    other_coverage: float | None
    other_low: float | None
    other_high: float | None
    difference_low: float | None
    difference_high: float | None


@dataclass(frozen=True)
class RateRankRow:
    rank: int
    token_id: int
    degree: int
    new_features: int


@dataclass(frozen=True)
class RateContrastRow:
    min_rate: float
    k: int
    coverage: float
    low: float
    high: float
    others_mean: float | None
    others_low: float | None
    others_high: float | None
    n_others: int
    n_draws: int


@dataclass(frozen=True)
class KindRow:
    token_group: str
    n_tokens: int
    occurrences: int
    coverage: float
    low: float
    high: float
    common_n: int
    at_common: float
    common_low: float
    common_high: float


@dataclass(frozen=True)
class Chao1Row:
    token_group: str
    observed: int
    once: int
    twice: int
    estimate: float
    low: float
    high: float


@dataclass(frozen=True)
class LabelRow:
    label: str
    n_labelled: int
    n_others: int
    n_strata: int
    observed: float
    null_low: float
    null_high: float
    p_value: float
    n_permutations: int


@dataclass(frozen=True)
class DegreeFitRow:
    side: str
    n: int
    x_min: int
    n_tail: int
    alpha: float
    low: float
    high: float
    ks: float


@dataclass(frozen=True)
class AlternativeRow:
    side: str
    alternative: str
    ratio: float
    p_value: float


@dataclass(frozen=True)
class SlopeRow:
    name: str
    from_rank: int
    to_rank: int
    n: int
    slope: float
    low: float
    high: float
    r2: float


@dataclass(frozen=True)
class NullRunRow:
    run: str
    description: str
    positions: int
    shards: list[int]
    n_function: int


@dataclass(frozen=True)
class NullCurveRow:
    run: str
    rank: int
    covered: int
    n_active: int
    d_sae: int


@dataclass(frozen=True)
class NullContrastRow:
    run: str
    k: int
    is_function_cut: bool
    occurrences: int
    coverage: float
    coverage_low: float
    coverage_high: float
    content_coverage: float | None
    content_low: float | None
    content_high: float | None
    degree_slope: float
    l0: float
