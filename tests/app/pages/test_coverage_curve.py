"""The names of the lines of Coverage's curve, from answers small enough to see through."""

from app.figures.coverage import LayerCurve, coverage_figure
from backend.schemas import CoverageResponse, CoverageRow


def curve_of(layer: int, each: int) -> LayerCurve:
    """Twelve tokens that reach `each` new features, of 40."""
    rows = [
        CoverageRow(
            rank=rank,
            token_id=rank,
            text="a",
            token_class="function",
            occurrences=9,
            degree=1,
            new_features=each,
            covered=rank * each,
            coverage=rank * each / 40,
        )
        for rank in range(1, 13)
    ]
    answer = CoverageResponse(rows=rows, n_active=40, d_sae=40, effective={})
    return LayerCurve(str(layer), layer, answer, layer == 1)


def test_names_of_lines_stand_in_the_order_of_the_layers() -> None:
    curves = [curve_of(0, 1), curve_of(1, 3), curve_of(2, 2)]
    notes = coverage_figure(curves, "light").layout.annotations
    names = [n.text.partition("layer ")[2][:1] for n in notes if n.xref == "paper"]
    assert [name for name in reversed(names) if name] == ["0", "1", "2"]


def test_names_of_lines_lie_in_the_corner_without_a_ground_of_their_own() -> None:
    curves = [curve_of(layer, 1) for layer in (0, 1)]
    notes = [
        note for note in coverage_figure(curves, "light").layout.annotations if note.xref == "paper"
    ]
    assert [note.text.rpartition("  ")[0].rpartition(">")[2].strip() for note in notes[:2]] == [
        "layer 1",
        "layer 0",
    ]
    assert all(note.bgcolor is None and note.x == 1 for note in notes)
    assert len({note.y for note in notes}) == len(notes) == 3  # two layers and what the shares are


def test_the_curve_says_in_which_order_its_first_tokens_are() -> None:
    for order, heading, axis in (
        (None, "first 10 tokens reach", "first k tokens"),
        ("random", "first 10 in this order reach", "first k tokens, random"),
    ):
        layout = coverage_figure([curve_of(1, 1)], "light", order=order).layout
        assert any(heading in note.text for note in layout.annotations)
        assert layout.xaxis.title.text == axis
