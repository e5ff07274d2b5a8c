"""The SQL in the drawers, run on the shipped build: the API's own numbers."""

from pathlib import Path

import duckdb
import pytest

from app.pages.coverage.sql import coverage_sql, degrees_sql, tokens_sql
from backend.core.presets import load_preset
from backend.core.store import Store

BUILD = Path(load_preset("lab").build)


@pytest.mark.parametrize(
    ("order", "denominator", "theta", "least"),
    [
        ("frequency", "active", 0, 1),
        ("greedy", "dictionary", 1, 2),
        ("degree", "active", 2, 1),
    ],
)
def test_coverage_is_the_api_s(order: str, denominator: str, theta: int, least: int) -> None:
    store = Store.open(BUILD)
    sae = store.saes()[1]
    asked = {
        "theta": sae.theta_grid[theta],
        "min_count": least,
        "denominator": denominator,
        "order": order,
    }
    told = {row.rank: row.coverage for row in store.coverage(sae.sae_id, **asked).rows}
    with duckdb.connect(str(BUILD), read_only=True) as build:
        rows = build.execute(
            coverage_sql(sae.sae_id, theta, least, order, denominator, 10_000)
        ).fetchall()
    assert rows
    for rank, _, new, coverage in rows:
        assert new > 0
        assert coverage == pytest.approx(told[rank])
    assert rows[-1][3] == pytest.approx(max(told.values()))


def test_tokens_and_degrees_are_the_api_s() -> None:
    store = Store.open(BUILD)
    sae_id = store.saes()[0].sae_id
    told = store.coverage(sae_id, max_rank=20).rows
    with duckdb.connect(str(BUILD), read_only=True) as build:
        tokens = build.execute(tokens_sql(20)).fetchall()
        degrees = {
            row[0]: row[3] for row in build.execute(degrees_sql(sae_id, 0, 1, 20)).fetchall()
        }
    assert [(row[0], row[1], row[3]) for row in tokens] == [
        (one.rank, one.token_id, one.occurrences) for one in told
    ]
    assert {one.rank: one.degree for one in told if one.degree} == {
        r: d for r, d in degrees.items() if r <= 20
    }
