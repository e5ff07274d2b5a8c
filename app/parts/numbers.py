"""Rows for the tables, numbers for the sentences: pure functions of the wire's models."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.parts.token import visible
from backend.schemas import CoverageRow, Lift, TokenRow


@dataclass(frozen=True)
class LogFit:
    """Least squares on log10-log10:
    slope with its 95 % interval (normal errors), and the n behind it.
    """

    slope: float
    low: float
    high: float
    intercept: float
    n: int


def log_fit(xs: Sequence[float], ys: Sequence[float]) -> LogFit | None:
    """Fit over the pairs where both are positive;
    None when fewer than three, or when all x are equal.
    """
    points = [
        (math.log10(x), math.log10(y)) for x, y in zip(xs, ys, strict=True) if x > 0 and y > 0
    ]
    n = len(points)
    if n < 3:
        return None
    mean_x, mean_y = (math.fsum(values) / n for values in zip(*points, strict=True))
    spread = math.fsum((x - mean_x) ** 2 for x, _ in points)
    if spread == 0:
        return None
    slope = math.fsum((x - mean_x) * (y - mean_y) for x, y in points) / spread
    intercept = mean_y - slope * mean_x
    residual = math.fsum((y - intercept - slope * x) ** 2 for x, y in points)
    half = 1.96 * math.sqrt(residual / (n - 2) / spread)
    return LogFit(slope, slope - half, slope + half, intercept, n)


def function_ids(tokens: Sequence[TokenRow], cut: float) -> frozenset[int]:
    """Function tokens at a cut (share of occurrences, 0 to 1):
    by rank until their shares sum to it.

    `tokens` are the most frequent ones in order of rank. Raises ValueError when they sum to less
    than the cut, because then the list is too short to tell.
    """
    chosen: list[int] = []
    for token in tokens:
        if token.rank is None or token.cumulative is None:
            continue  # special tokens are never counted
        chosen.append(token.token_id)
        if token.cumulative >= cut:
            return frozenset(chosen)
    raise ValueError(
        f"cut {cut:.0%}: the {len(chosen)} most frequent tokens listed do not reach it"
    )


def rank_rows(
    rows: Sequence[CoverageRow], tokens: Mapping[int, TokenRow], function: frozenset[int]
) -> list[dict[str, Any]]:
    """Rows of the rank table; shares stay shares, the grid formats them.

    Unlisted document coverage is None.
    """
    return [
        {
            "id": str(row.token_id),
            "rank": row.rank,
            "token_id": row.token_id,
            "token": visible(row.text),
            "token_class": "function" if row.token_id in function else "content",
            "occurrences": row.occurrences,
            "document_coverage": tokens[row.token_id].document_coverage
            if row.token_id in tokens
            else None,
            "degree": row.degree,
            "new_features": row.new_features,
            "coverage": row.coverage,
            "interval": percent_interval(row.interval),
        }
        for row in rows
    ]


NARROW = "\u202f"  # a no-break space: a number and its sign stay on one line
MOST_DIGITS = 6  # places that an interval may take until its ends differ


def fixed(value: float, digits: int, *, sign: bool = False) -> str:
    """The value at that many places, thousands apart, with a true minus (`sign`: a plus as well);
    what rounds to nothing has no sign.
    """
    said = f"{value:{'+' if sign else ''},.{digits}f}"
    return said.replace("-", "−") if float(said.replace(",", "")) else said.lstrip("+-")


def interval(bounds: Sequence[float], digits: int, *, sign: bool = False, gap: str = ", ") -> str:
    """`[0.21, 0.29]`, with as many places as it takes for its ends to differ; ends that are the
    same number are written as one.
    """
    low, high = bounds
    if low == high:
        return f"[exactly {fixed(low, digits, sign=sign)}]"
    for places in range(digits, MOST_DIGITS + 1):
        ends = [fixed(end, places, sign=sign) for end in (low, high)]
        if ends[0] != ends[1]:
            break
    return f"[{ends[0]}{gap}{ends[1]}]"


def counted(n: int, noun: str) -> str:
    """`1 edge`, `2,345 edges`."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def percent(share: float, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f}{NARROW}%"


def percent_interval(bounds: Sequence[float] | None, digits: int = 1) -> str:
    """`[68.1, 70.4]%` without line breaks; empty where there is no interval."""
    if bounds is None:
        return ""
    return interval([100 * bound for bound in bounds], digits, gap=f",{NARROW}") + f"{NARROW}%"


def share(value: float) -> str:
    """A share in per cent, with as many digits as it takes to be more than nothing."""
    per_cent = 100 * value
    if per_cent == 0 or per_cent >= 10:
        return f"{per_cent:.0f}{NARROW}%"
    if per_cent >= 0.095:
        return f"{per_cent:.1f}{NARROW}%"
    return f"{per_cent:.2g}{NARROW}%" if per_cent >= 0.001 else f"<{NARROW}0.001{NARROW}%"


def one_in(density: float) -> str:
    """A density as `one position in 69`."""
    if density <= 0:
        return "no position of the corpus"
    return (
        "every position"
        if density >= 1
        else f"one position in {1 / density:,.3g}".replace("e+0", "e")
    )


def number(value: float, digits: int = 3) -> str:
    """Three digits, or more; thousands apart."""
    if value == 0:
        return "0"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.{digits}g}"


def times(value: float | None) -> str:
    """A ratio: `5.2×`, `∞` for null."""
    return "∞" if value is None else f"{number(value)}×"


def lift_words(lift: Lift) -> str:
    """The lift with its interval: `5.2× [4.8, 5.6]`."""
    if lift.high is None:
        return f"{times(lift.lift)} [{number(lift.low)},{NARROW}∞]"
    for digits in range(3, MOST_DIGITS + 1):
        low, high = number(lift.low, digits), number(lift.high, digits)
        if low != high:
            break
    ends = f"[{low},{NARROW}{high}]" if low != high else f"[about {low}]"
    return f"{times(lift.lift)} {ends}"


def side(lift: Lift) -> str:
    """ "function", "content" or "" by whether the whole interval lies on one side of 1."""
    if lift.low > 1:
        return "function"
    return "content" if lift.high is not None and lift.high < 1 else ""
