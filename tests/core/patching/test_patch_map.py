"""The map against a plain hook, cell by cell, and what must hold of it by construction."""

from threading import Event

import pytest
import torch

from backend.core.lm import LanguageModel
from backend.core.patching import PatchMap, align
from tests.core.patching.plain import Plain
from tests.tiny import N_LAYERS

A, B = 61, 262  # the answers
ANSWERS = {"answer_a": A, "answer_b": B}


def odds(logits: torch.Tensor) -> float:
    return float(logits[A] - logits[B])


@pytest.mark.parametrize("target", ["b", "longer"])
def test_every_cell_is_what_a_plain_hook_gives(
    lm: LanguageModel, plain: Plain, a: list[int], target: str, request: pytest.FixtureRequest
) -> None:
    b: list[int] = request.getfixturevalue(target)
    made = PatchMap(lm, a, b, **ANSWERS)
    assert made.positions == tuple(
        range(len(b) - 3, len(b))
    )  # the subject's last token, ? and the line's end
    _, states = plain.run(a)
    base, _ = plain.run(b)
    assert float(made.ends.log_odds[0]) == pytest.approx(odds(plain.run(a)[0]), abs=1e-3)
    assert float(made.ends.log_odds[1]) == pytest.approx(odds(base), abs=1e-3)
    rows = list(made.rows())
    assert [row.layer for row in rows] == list(range(N_LAYERS))
    for row in rows:
        for place, (position, theirs) in enumerate(made.alignment.pairs):
            expected, _ = plain.run(b, {row.layer: {position: states[row.layer][theirs]}})
            assert float(row.cells.log_odds[place]) == pytest.approx(odds(expected), abs=2e-3)
            assert int(row.cells.token_ids[place]) == int(expected.argmax())
            log_probs = expected.log_softmax(-1)
            assert float(row.cells.p_a[place].log()) == pytest.approx(float(log_probs[A]), abs=2e-3)
            assert float(row.cells.p_b[place].log()) == pytest.approx(float(log_probs[B]), abs=2e-3)
    effects = torch.stack([row.cells.log_odds for row in rows]) - odds(base)
    assert effects.abs().max() > 0.05


def test_putting_everything_in_gives_the_other_prompts_answer_and_the_sham_nothing(
    lm: LanguageModel, a: list[int], b: list[int]
) -> None:
    other = [*a[:-1], 300]  # another ending, so that the tiny model's greedy answers differ
    everything = align(other, b).positions
    made = PatchMap(lm, other, b, sets={"all": everything, "none": ()})
    assert (made.answers.a, made.answers.b) == tuple(made.ends.token_ids.tolist())
    for row in made.rows():
        assert row.sham == 0.0
        torch.testing.assert_close(
            row.sets.log_odds[0], made.ends.log_odds[0], atol=1e-4, rtol=1e-4
        )
        assert int(row.sets.token_ids[0]) == made.answers.a
        torch.testing.assert_close(
            row.sets.log_odds[1], made.ends.log_odds[1], atol=1e-4, rtol=1e-4
        )


def test_a_set_is_patched_together(
    lm: LanguageModel, plain: Plain, a: list[int], b: list[int]
) -> None:
    last = len(b) - 1
    made = PatchMap(lm, a, b, **ANSWERS, sets={"ends": (last - 1, last)})
    _, states = plain.run(a)
    for row in made.rows():
        edits = {p: states[row.layer][p] for p in (last - 1, last)}
        expected, _ = plain.run(b, {row.layer: edits})
        assert float(row.sets.log_odds[0]) == pytest.approx(odds(expected), abs=2e-3)


def test_after_the_last_layer_only_the_last_position_speaks(
    lm: LanguageModel, a: list[int], b: list[int]
) -> None:
    *_, last = PatchMap(lm, a, b, **ANSWERS).rows()
    made = PatchMap(lm, a, b, **ANSWERS)
    expected = made.ends.log_odds[[1, 1, 0]]
    torch.testing.assert_close(last.cells.log_odds, expected, atol=1e-4, rtol=1e-4)


def test_an_unrelated_prompts_states_come_from_as_far_before_its_end(
    lm: LanguageModel, plain: Plain, a: list[int], b: list[int]
) -> None:
    other = lm.tokenize("The dog sat by the door, and the cat.\n")
    made = PatchMap(lm, a, b, **ANSWERS, unrelated=other)
    _, states = plain.run(other)
    for row in made.unrelated_rows():
        for place, position in enumerate(made.positions):
            state = states[row.layer][position - len(b) + len(other)]
            expected, _ = plain.run(b, {row.layer: {position: state}})
            assert float(row.cells.log_odds[place]) == pytest.approx(odds(expected), abs=2e-3)
    assert list(PatchMap(lm, a, b, **ANSWERS).unrelated_rows()) == []


def test_many_positions_in_parts_are_the_same_as_in_one(
    lm: LanguageModel, plain: Plain, a: list[int], b: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    early = [*a[:2], 300, *a[3:]]  # differs from b from position 2 on
    whole = [row.cells.log_odds for row in PatchMap(lm, early, b, **ANSWERS).rows()]
    monkeypatch.setattr("backend.core.patching.map.AT_ONCE", 4)
    parts = PatchMap(lm, early, b, **ANSWERS)
    assert len(parts.positions) == len(b) - 2
    found = [row.cells.log_odds for row in parts.rows()]
    torch.testing.assert_close(torch.stack(found), torch.stack(whole), atol=1e-3, rtol=1e-3)


def test_it_stops_between_layers(lm: LanguageModel, a: list[int], b: list[int]) -> None:
    stop = Event()
    rows = PatchMap(lm, a, b, **ANSWERS).rows(stop)
    next(rows)
    stop.set()
    assert list(rows) == []


def test_what_shows_nothing_is_refused(lm: LanguageModel, a: list[int], b: list[int]) -> None:
    with pytest.raises(ValueError, match="name two answers that differ"):
        PatchMap(lm, a, b, answer_a=61, answer_b=61)
    with pytest.raises(ValueError, match="Set 'early' has"):
        PatchMap(lm, a, b, **ANSWERS, sets={"early": (2,)})
    with pytest.raises(ValueError, match="nothing differs"):
        PatchMap(lm, b, b)
