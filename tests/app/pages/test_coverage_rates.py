"""Coverage where an edge is a rate: a row per rate and number of tokens."""

from typing import Any

from app.pages.coverage.page import TABLES, VIEW
from app.pages.coverage.rates import rate_note, rate_table
from backend.schemas.statistics import NullContrast, NullModel, RateContrast


def test_every_table_of_the_page_is_filled() -> None:
    filled = {name for name, what in VIEW if what == "children"}
    assert {f"coverage-{name}" for name, _, _ in TABLES} <= filled
    assert {f"coverage-{name}-panel-note" for name, _, _ in TABLES} <= filled


def contrast(rate: float, k: int, others: float | None) -> RateContrast:
    return RateContrast(
        min_rate=rate,
        k=k,
        coverage=0.0625,
        interval=[0.05, 0.07],
        others_coverage=others,
        others_interval=None if others is None else [others - 0.01, others + 0.01],
        n_others=412,
        n_draws=0 if others is None else 200,
    )


def cells(table: Any) -> list[list[Any]]:
    body = table.children.children[1].children
    return [[getattr(cell, "children", cell) for cell in row.children] for row in body]


def test_a_control_that_could_not_be_drawn_is_a_dash() -> None:
    table: Any = rate_table([contrast(0.05, 10, 0.08), contrast(0.5, 300, None)])
    first, second = cells(table)
    assert first[:2] == ["5\u202f%", "10"]
    assert first[2].children == "6.2\u202f%"
    assert "200 draws" in first[3].title
    assert second[0] == "50\u202f%"
    assert second[3] == "–"


def test_the_note_says_from_how_many_tokens_or_how_to_count_them() -> None:
    assert "of the 412 with 100 occurrences" in rate_note([contrast(0.05, 10, 0.08)], [])
    assert rate_table([]) is None
    assert "precompute statistics" in rate_note([], [])


def run_of(name: str, coverage: float, k: int = 10) -> NullModel:
    at_k = NullContrast.model_construct(k=k, coverage=coverage)
    return NullModel.model_construct(run=name, contrast=[at_k])


def test_the_note_says_what_positions_of_giant_norm_make_up_where_a_run_tells() -> None:
    rows = [contrast(0.05, 10, 0.08)]
    nulls = [run_of("real", 0.883), run_of("without_giants", 0.833)]
    assert "reach 83.3\u202f% instead of 88.3\u202f% at one firing" in rate_note(rows, nulls)
    for fewer in ([], nulls[:1], nulls[1:], [nulls[0], run_of("without_giants", 0.9, k=50)]):
        assert "giant" not in rate_note(rows, fewer)
