"""The setting that coverage opens on, worked by hand."""

import pyarrow as pa

from backend.core.store import ORDERS
from precompute.building.opening import opening_setting

FREQUENCY, GREEDY = ORDERS.index("frequency"), ORDERS.index("greedy")


def table(rows: list[tuple[int, int, int, int, int, int]]) -> pa.Table:
    names = ("sae_ordinal", "theta_ordinal", "min_count", "token_order", "rank", "new_features")
    return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows])


def curve(sae: int, theta: int, least: int, at_ten: int, beyond: int) -> list[tuple[int, ...]]:
    """Reached by rank 10 in two steps, and more after it; greedy reaches all with one token."""
    key = (sae, theta, least)
    first = at_ten // 2
    steps = ((1, first), (10, at_ten - first), (11, beyond))
    return [(*key, FREQUENCY, rank, n) for rank, n in steps] + [(*key, GREEDY, 1, 100)]


def test_the_loosest_setting_that_no_sae_saturates_is_taken() -> None:
    at_ten = {  # (theta, min_count) -> features of 100 by the tenth token, under two SAEs
        (0, 1): (99, 100),
        (0, 2): (91, 80),
        (0, 5): (85, 91),
        (0, 10): (80, 90),  # 90 % is not more than 90 %
        (1, 1): (10, 10),
    }
    rows = [
        row
        for (theta, least), both in at_ten.items()
        for sae, n in enumerate(both)
        for row in curve(sae, theta, least, n, 100 - n)
    ]
    found = opening_setting(table(rows), [100, 100], 2)
    assert (found["theta_ordinal"], found["min_count"]) == (0, 10)
    assert (found["least_share"], found["greatest_share"]) == (0.8, 0.9)


def test_where_every_setting_is_saturated_the_strictest_is_taken() -> None:
    rows = [
        row for theta in (0, 1) for least in (1, 2, 5, 10) for row in curve(0, theta, least, 95, 5)
    ]
    found = opening_setting(table(rows), [100], 2)
    assert (found["theta_ordinal"], found["min_count"], found["least_share"]) == (1, 10, 0.95)
