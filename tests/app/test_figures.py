"""Tables and figures from answers small enough to work out by hand."""

import importlib.util
import subprocess
import sys

import pytest

from app.figures.coverage import PAPER_TABLE_1, LayerCurve, coverage_figure, is_papers_model
from app.figures.distributions import degree_figure, document_figure, zipf_figure
from app.figures.template import log_spaced, spread
from app.pages.claims.card import quantity
from app.parts.numbers import (
    counted,
    fixed,
    function_ids,
    interval,
    lift_words,
    log_fit,
    percent,
    percent_interval,
    rank_rows,
)
from app.theme import PALETTES, layer_colours, palette
from backend.schemas import Build, CoverageResponse, CoverageRow, Lift, TokenRow


def row(rank: int, coverage: float) -> CoverageRow:
    return CoverageRow(
        rank=rank,
        token_id=10 + rank,
        text=" a",
        token_class="function",
        occurrences=100 // rank,
        degree=5,
        new_features=1,
        covered=rank,
        coverage=coverage,
        interval=[coverage - 0.1, coverage + 0.1],
    )


def token(rank: int, share: float, cumulative: float) -> TokenRow:
    return TokenRow(
        token_id=10 + rank,
        text="x",
        token_class="content",
        occurrences=1,
        documents=1,
        document_coverage=0.5,
        rank=rank,
        share=share,
        cumulative=cumulative,
    )


def curve(layer: int = 20) -> LayerCurve:
    rows = [row(rank, rank / 20) for rank in range(1, 13)]
    return LayerCurve(
        "s", layer, CoverageResponse(rows=rows, n_active=20, d_sae=32, effective={}), True
    )


def test_a_power_law_is_found_exactly_and_its_interval_is_a_point() -> None:
    fit = log_fit([1, 10, 100, 1000], [5 * x**0.5 for x in (1, 10, 100, 1000)])
    assert fit is not None
    assert (fit.slope, fit.low, fit.high, fit.n) == pytest.approx((0.5, 0.5, 0.5, 4))


def test_a_fit_needs_three_positive_pairs_and_a_spread() -> None:
    assert log_fit([1, 10, 0, 5], [1, 2, 3, 0]) is None
    assert log_fit([7, 7, 7], [1, 2, 3]) is None


def test_function_tokens_are_taken_until_the_cut_is_reached() -> None:
    tokens = [token(1, 0.25, 0.25), token(2, 0.15, 0.40), token(3, 0.10, 0.50)]
    assert function_ids(tokens, 0.40) == {11, 12}
    assert function_ids(tokens, 0.41) == {11, 12, 13}
    with pytest.raises(ValueError, match="the 3 most frequent tokens listed do not reach it"):
        function_ids(tokens, 0.60)


def test_a_table_row_takes_its_class_from_the_cut_and_admits_what_it_does_not_know() -> None:
    made = rank_rows([row(1, 0.5), row(2, 0.6)], {11: token(1, 0.2, 0.2)}, frozenset({11}))
    assert [line["token_class"] for line in made] == ["function", "content"]
    assert [line["document_coverage"] for line in made] == [0.5, None]
    assert made[0]["token"] == "·a"


def test_numbers_do_not_break_across_lines() -> None:
    assert percent(0.12345) == "12.3\u202f%"
    assert percent_interval([0.1, 0.25]) == "[10.0,\u202f25.0]\u202f%"
    assert percent_interval(None) == ""


@pytest.mark.parametrize(
    ("low", "high", "digits", "told"),
    [
        (0.251, 0.254, 2, "[0.251, 0.254]"),
        (0.2, 0.25, 2, "[0.20, 0.25]"),
        (0.25, 0.25, 2, "[exactly 0.25]"),
        (-0.0004, 0.0002, 2, "[−0.0004, 0.0002]"),
        (-0.04, 1234.0, 1, "[0.0, 1,234.0]"),
    ],
)
def test_an_interval_has_two_ends(low: float, high: float, digits: int, told: str) -> None:
    assert interval((low, high), digits) == told


def test_what_rounds_to_nothing_has_no_sign() -> None:
    assert [fixed(x, 1, sign=True) for x in (-0.04, 0.04, 0.0, -0.06)] == [
        "0.0",
        "0.0",
        "0.0",
        "−0.1",
    ]
    assert quantity(-0.0004, "points") == "0.0 points"
    assert quantity(-0.004, "nats") == "0.00 nats"
    assert percent_interval([-0.0001, 0.25]) == "[0.0,\u202f25.0]\u202f%"


def test_a_lift_that_is_known_well_keeps_its_interval() -> None:
    lift = Lift(lift=0.25, low=0.2501, high=0.2504)
    assert lift_words(lift) == "0.25× [0.2501,\u202f0.2504]"


def test_counted_things_agree_with_their_number() -> None:
    assert [counted(n, "edge") for n in (0, 1, 2345)] == ["0 edges", "1 edge", "2,345 edges"]


@pytest.mark.parametrize("last", [1, 7, 40, 41, 5000])
def test_drawn_ranks_rise_begin_at_one_and_end_at_the_last(last: int) -> None:
    ranks = log_spaced(last)
    assert ranks[0] == 1
    assert ranks[-1] == last
    assert ranks == sorted(set(ranks))
    assert len(ranks) < 200


def test_the_papers_table_lies_over_the_papers_model_only() -> None:
    def build(name: str) -> Build:
        return Build(name="b", provenance={"model": {"name": name}}, saes=[])

    assert is_papers_model(build("google/gemma-2-9b"))
    assert not is_papers_model(build("google/gemma-2-9b-it"))
    assert not is_papers_model(build("model"))
    assert not is_papers_model(None)
    over = [
        trace
        for trace in coverage_figure([curve()], "light", paper=True).data
        if trace.name == "paper, layer 20"
    ]
    assert list(over[0].y) == pytest.approx([share / 100 for share in PAPER_TABLE_1[20]])
    names = [trace.name for trace in coverage_figure([curve()], "light").data]
    assert "paper, layer 20" not in names


def test_the_line_holds_the_rows() -> None:
    line = next(
        trace for trace in coverage_figure([curve()], "dark").data if trace.name == "layer 20"
    )
    assert list(line.x) == list(range(1, 13))
    assert list(line.y) == [rank / 20 for rank in range(1, 13)]


def test_layers_are_told_apart_and_schemes_are_refused() -> None:
    assert len(set(layer_colours("light", 5))) == 5
    assert layer_colours("dark", 1) == ["#2dd4bf"]
    assert palette(None) is PALETTES["light"]
    with pytest.raises(ValueError, match="scheme: got 'sepia', allowed are light, dark"):
        palette("sepia")


@pytest.mark.parametrize(
    ("values", "placed"),
    [
        ([5.0, 1.0], [5.0, 1.0]),  # far enough apart: where they are
        ([2.44, 2.45, 6.0], [2.195, 2.695, 6.0]),  # both give way by half
        ([1.0, 1.0, 1.0], [0.5, 1.0, 1.5]),
        ([], []),
    ],
)
def test_names_at_the_ends_of_lines_give_way_to_each_other(
    values: list[float], placed: list[float]
) -> None:
    assert spread(values, 0.5) == pytest.approx(placed)


def test_no_figure_is_made_while_pandas_is_half_loaded() -> None:
    """Another thread may load it at the first request; plotly would use what is there of it."""
    code = "import sys, app.figures; print(hasattr(sys.modules.get('pandas'), 'Series'))"
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()
    assert said == str(importlib.util.find_spec("pandas") is not None)


def test_layers_are_told_apart_without_their_colours() -> None:
    figure = coverage_figure([curve(layer) for layer in (5, 9, 12, 15)], "light")
    lines = [trace for trace in figure.data if trace.mode == "lines" and trace.name]
    dots = [trace for trace in figure.data if trace.mode == "markers"]
    assert len({trace.line.dash for trace in lines}) == 4
    assert len({trace.marker.symbol for trace in dots}) == 4
    names = [note.text for note in figure.layout.annotations if "layer" in (note.text or "")]
    assert len({name.split("</span>")[0][-1] for name in names}) == 4


def test_pictures_name_the_axis_that_has_no_room_for_it() -> None:
    assert coverage_figure([curve()], None).layout.meta == {"y": "share of features reached"}


def test_what_is_drawn_at_some_of_its_points_says_of_how_many() -> None:
    rows = [row(rank, rank / 3000) for rank in range(1, 3001)]
    answer = CoverageResponse(rows=rows, n_active=20, d_sae=32, effective={})
    drawn = coverage_figure([LayerCurve("s", 20, answer, True)], None).data
    line = next(trace for trace in drawn if trace.name == "layer 20")
    band = next(trace for trace in drawn if trace.fill == "toself")
    assert len(line.x) < 200
    assert (line.meta, band.meta) == ({"of": 3000}, {"of": 6000})
    counts = zipf_figure([r.occurrences for r in rows], None, None).data[0]
    assert len(counts.x) < counts.meta["of"] == 3000
    function = frozenset({11, 12})
    dots = {trace.name: trace for trace in degree_figure(rows, function, None, None).data}
    assert len(dots["content"].x) < dots["content"].meta["of"] == 2998
    assert len(dots["function"].x) == dots["function"].meta["of"] == 2
    whole = coverage_figure([curve()], None).data
    assert next(t for t in whole if t.name == "layer 20").meta == {"of": 12}


def test_dots_are_few_enough_to_be_redrawn_at_every_choice_and_say_of_how_many_they_are() -> None:
    place = next(rank for rank in range(2000, 3000) if rank not in log_spaced(3000))
    function = frozenset({10 + place})
    rows = [row(rank, rank / 3000) for rank in range(1, 3001)]
    tokens = [token(rank, 1 / 3000, rank / 3000) for rank in range(1, 3001)]
    degrees = {trace.name: trace for trace in degree_figure(rows, function, None, None).data}
    (documents,) = document_figure(tokens, function, None, None).data
    assert max(len(degrees["content"].x), len(documents.x)) < 250
    assert documents.meta == {"of": 3000}
    assert place in documents.x  # every function token is drawn
    assert len(degrees["function"].x) == 1
