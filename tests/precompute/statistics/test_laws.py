"""Lines on logarithms, power laws, the null over frequency, and kinds of tokens."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import zeta

from backend.core.token_kinds import KINDS, kind_of
from precompute.statistics.excess import fit_null
from precompute.statistics.fits import fit_power_law, log_slope
from precompute.statistics.rarefaction import GroupRow
from precompute.statistics.resample import draws
from precompute.statistics.spread import _ranked, zipf_rows

CASES = settings(max_examples=200, deadline=None)


@CASES
@given(
    st.floats(-2, 2),
    st.floats(-3, 3),
    st.lists(st.integers(1, 10**6), min_size=2, max_size=9, unique=True),
)
def test_a_line_is_found_again(slope: float, intercept: float, xs: list[int]) -> None:
    x = np.array(xs, dtype=np.float64)
    fit = log_slope(x, 10**intercept * x**slope)
    assert (fit.slope, fit.intercept, fit.n) == pytest.approx((slope, intercept, len(xs)), abs=1e-6)
    assert log_slope(np.append(x, [0, 5]), np.append(10**intercept * x**slope, [3, 0])) == fit


def test_a_line_needs_two_points() -> None:
    with pytest.raises(ValueError, match="two different x; 1 pairs"):
        log_slope(np.array([3, 4]), np.array([1, 0]))


@CASES
@given(st.lists(st.lists(st.integers(0, 40), min_size=6, max_size=6), min_size=3, max_size=3))
def test_zipf_is_the_slope_of_sorted_counts(by_shard: list[list[int]]) -> None:
    counts = sorted(map(sum, zip(*by_shard, strict=True)), reverse=True)
    pairs = [(log(rank), log(n)) for rank, n in enumerate(counts, start=1) if n > 0]
    if len(pairs) < 6 or any(sum(row) == 0 for row in by_shard):
        return
    weights = np.array([[1, 1, 1], [2, 1, 0], [0, 1, 2]])
    drawn = weights @ np.array(by_shard)
    if ((drawn > 0).sum(axis=1) < 2).any():
        return
    slope = np.polyfit(*np.array(pairs).T, 1)[0]
    assert log_slope(*_ranked(np.array(counts), 1, None)).slope == pytest.approx(slope, abs=1e-9)


def test_zipf_rows_of_a_corpus_that_obeys_it() -> None:
    counts = np.round(1e6 / np.arange(1, 3001)).astype(np.int64)
    rows = zipf_rows(np.stack([counts, counts]), draws(2, 5, 0))
    assert [(row["from_rank"], row["to_rank"]) for row in rows] == [(1, 3000), (10, 1000)]
    for row in rows:
        assert row["slope"] == pytest.approx(-1, abs=0.01)
        assert row["low"] == pytest.approx(row["high"], abs=1e-9)  # both shards are the same


@pytest.mark.parametrize("alpha", [1.7, 2.5, 4.0])
def test_the_exponent_is_the_one_of_greatest_likelihood(alpha: float) -> None:
    generator = np.random.default_rng(int(10 * alpha))
    degrees = np.floor(20 * (1 - generator.random(2500)) ** (-1 / (alpha - 1)) + 0.5).astype(
        np.int64
    )
    law = fit_power_law(degrees)
    assert law is not None
    tail = degrees[degrees >= law.x_min]
    assert law.n_tail == len(tail)
    grid = np.linspace(1.2, 6, 2401)
    likelihood = -len(tail) * np.log(zeta(grid, law.x_min)) - grid * np.log(tail).sum()
    assert law.alpha == pytest.approx(grid[likelihood.argmax()], abs=0.02)
    assert law.alpha == pytest.approx(alpha, abs=4 * law.sigma)


def test_a_power_law_and_what_is_none_are_told_apart() -> None:
    generator = np.random.default_rng(0)
    pareto = np.floor(3 * (1 - generator.random(4000)) ** (-1 / 1.5)).astype(np.int64)
    law = fit_power_law(pareto)
    assert law is not None
    assert law.alpha == pytest.approx(2.5, abs=4 * law.sigma + 0.1)
    assert law.alternatives["exponential"][0] > 0
    bell = np.round(generator.normal(500, 30, 2000)).astype(np.int64)
    other = fit_power_law(bell)
    assert other is not None
    assert other.alternatives["lognormal"][0] < 0
    assert fit_power_law(np.full(500, 7)) is None
    assert fit_power_law(np.arange(20)) is None


@CASES
@given(st.floats(0, 3), st.floats(0.1, 1.2), st.floats(-0.05, 0.0))
def test_the_null_is_found_again(a: float, b: float, c: float) -> None:
    def row(n: int) -> GroupRow:
        mean = float(np.exp(a + b * log(n) + c * log(n) ** 2))
        return GroupRow("content", n, 30, mean, mean, mean, mean, mean)

    fit = fit_null([row(n) for n in (1, 2, 5, 10, 20, 50)])
    assert fit is not None
    assert (fit.a, fit.b, fit.c) == pytest.approx((a, b, c), abs=1e-6)
    assert fit.at(np.array([50])) == pytest.approx([row(50).mean])
    assert fit_null([row(1), row(2), row(5)]) is None


# -- kinds -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (".", "punctuation"),
        ("\n", "punctuation"),
        (" ", "punctuation"),
        ("，", "punctuation"),
        (' ("', "punctuation"),
        (" the", "closed_class"),
        ("The", "closed_class"),
        (" Of", "closed_class"),
        ("the", "word_piece"),
        (" time", "other_word"),
        ("Answer", "other_word"),
        ("ing", "word_piece"),
        (" naïve", "other_word"),
        ("7", "digits"),
        (" 201", "digits"),
        ("3.", "digits"),
        ("的", "han"),
        ("你好", "han"),
        ("。你", "han"),
        ("x1", "other"),
        ("\ufffd", "other"),
        ("", "other"),
        ("你a", "other"),
    ],
)
def test_kinds_by_spelling(text: str, kind: str) -> None:
    assert kind_of(text) == kind


@CASES
@given(st.text(max_size=6))
def test_every_text_has_a_kind(text: str) -> None:
    assert kind_of(text) in KINDS
