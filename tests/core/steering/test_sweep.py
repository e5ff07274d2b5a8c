"""Cells of a sweep against the same setting steered alone,
and answers against prompts run one by one.
"""

from threading import Event

import pytest
import torch

from backend.core.lm import LanguageModel
from backend.core.lm.interventions import Intervention
from backend.core.sae import Sae
from backend.core.steering.answers import all_answers, answers
from backend.core.steering.generate import generate_arms
from backend.core.steering.prefill import prefill
from backend.core.steering.sweep import Grid, baseline, sweep
from backend.core.steering.targets import LanguageTarget, RegexTarget, TokenTarget
from tests.tiny import SLIDING_WINDOW

TEXT = "The cat sat on the mat.\nWhat is the capital of the UK?\n"


@pytest.fixture(scope="module")
def ids(lm: LanguageModel) -> list[int]:
    ids = lm.tokenize(TEXT)
    assert len(ids) > 2 * SLIDING_WINDOW
    return ids


def grid(saes: dict[str, Sae], positions: tuple[int, ...], *, held: bool = False) -> Grid:
    def edit(strength: float, position: int) -> Intervention:
        return Intervention.on_feature(saes["layer_2"], 7, "add", strength, positions=(position,))

    kept = (
        (Intervention.on_feature(saes["layer_0"], 3, "clamp", 6.0, positions=(2, 11)),)
        if held
        else ()
    )
    return Grid((-6.0, 3.0, 12.0), positions, edit, kept)


@pytest.mark.parametrize("freeze", [False, True])
@pytest.mark.parametrize("held", [False, True])
def test_a_cell_is_the_answer_of_its_setting(
    lm: LanguageModel,
    saes: dict[str, Sae],
    ids: list[int],
    held: bool,
    freeze: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Past the sliding window, first and last position included,
    several columns generated together.
    """
    monkeypatch.setattr("backend.core.steering.sweep.ROWS", 7)
    whole = grid(saes, (0, 1, 5, 12, len(ids) - 1), held=held)
    batches = sweep(lm, ids, whole, max_new_tokens=6, freeze_attention=freeze)
    cells = [cell for batch in batches for cell in batch]
    assert [(c.row, c.column) for c in cells] == [(r, c) for c in range(5) for r in range(3)]
    for cell in cells:
        arm = whole.arm(cell.row, cell.column)
        start = prefill(lm, ids, [[], arm], freeze_attention=freeze)
        assert torch.allclose(cell.log_probs, start.log_probs[1], atol=1e-5)
        steps = [
            s
            for s in generate_arms(lm, ids, [[], arm], max_new_tokens=6, start=start)
            if s.arm == 1
        ]
        assert cell.token_ids == [s.token_id for s in steps]
        assert cell.text == "".join(s.text for s in steps)
    assert len({tuple(c.token_ids) for c in cells}) > 1  # or the grid would say nothing
    assert len({round(float(c.log_probs.max()), 6) for c in cells}) == 15


def test_freezing_attention_changes_cells_that_later_positions_look_at(
    lm: LanguageModel, saes: dict[str, Sae], ids: list[int]
) -> None:
    whole = grid(saes, (5, len(ids) - 2))
    free, still = (
        [
            cell
            for batch in sweep(lm, ids, whole, max_new_tokens=0, freeze_attention=on)
            for cell in batch
        ]
        for on in (False, True)
    )
    assert all(
        not torch.allclose(a.log_probs, b.log_probs, atol=1e-3)
        for a, b in zip(free, still, strict=True)
    )


def test_the_baseline_is_the_prompt_alone(lm: LanguageModel, ids: list[int]) -> None:
    found = baseline(lm, ids, 4)
    steps = list(generate_arms(lm, ids, [[]], max_new_tokens=4))
    assert (found.token_ids, found.text) == (
        [s.token_id for s in steps],
        "".join(s.text for s in steps),
    )
    assert baseline(lm, ids, 0).text == ""


def test_a_sweep_stops_between_batches(
    lm: LanguageModel, saes: dict[str, Sae], ids: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.core.steering.sweep.ROWS", 3)
    stop = Event()
    found = []
    for batch in sweep(lm, ids, grid(saes, (1, 2, 3, 4)), max_new_tokens=2, stop=stop):
        found += batch
        stop.set()
    assert len(found) == 3


def test_impossible_grids_are_refused_before_anything_runs(
    lm: LanguageModel, saes: dict[str, Sae], ids: list[int]
) -> None:
    for positions in ((3, 1), (1, 1), ()):
        with pytest.raises(ValueError, match="positions are"):
            sweep(lm, ids, grid(saes, positions), max_new_tokens=1)
    with pytest.raises(ValueError, match="this prompt has positions 0 to"):
        sweep(lm, ids, grid(saes, (len(ids),)), max_new_tokens=1)


def test_answers_in_one_padded_batch_are_those_of_each_prompt_alone(
    lm: LanguageModel, saes: dict[str, Sae]
) -> None:
    """Lengths from 2 to past the sliding window;
    every other prompt is steered at its own position.
    """
    prompts = [
        lm.tokenize(text) for text in ("a", "The cat", "What is the capital?\n", TEXT, "the mat.\n")
    ]
    edits = [
        [Intervention.on_feature(saes["layer_2"], 7, "add", 15.0, positions=(len(p) - 1,))]
        if i % 2
        else []
        for i, p in enumerate(prompts)
    ]
    found = all_answers(lm, prompts, edits, max_new_tokens=2 * SLIDING_WINDOW)
    for prompt, plan, answer in zip(prompts, edits, found, strict=True):
        steps = list(generate_arms(lm, prompt, [plan], max_new_tokens=2 * SLIDING_WINDOW))
        assert answer.token_ids == [s.token_id for s in steps if s.token_id not in lm.eos_ids]
        assert answer.text == "".join(s.text for s in steps)


def test_answers_stop_and_refuse(lm: LanguageModel, saes: dict[str, Sae]) -> None:
    stop = Event()
    stop.set()
    assert list(answers(lm, [[2, 5]], [[]], max_new_tokens=3, stop=stop)) == []
    for options in (
        {"positions": "all"},
        {"positions": (1,), "include_generated": True},
        {"positions": (2,)},
    ):
        edit = Intervention.on_feature(saes["layer_2"], 7, "add", 1.0, **options)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="positions are"):
            all_answers(lm, [[2, 5]], [[edit]], max_new_tokens=1)
    with pytest.raises(ValueError, match="one list of interventions each"):
        all_answers(lm, [[2, 5]], [], max_new_tokens=1)


def test_targets_by_hand() -> None:
    log_probs = torch.tensor([0.25, 0.75]).log()
    assert TokenTarget(1).value(log_probs, "") == pytest.approx(0.75)
    assert TokenTarget(1).shown([1, 0], "")
    assert not TokenTarget(1).shown([0, 1], "")
    assert not TokenTarget(1).shown([], "")
    assert RegexTarget("Mos.ow").value(log_probs, "in Moscow") == 1.0
    assert RegexTarget("^Moscow").value(log_probs, "in Moscow") == 0.0
    chinese, english = LanguageTarget("zh"), LanguageTarget("en")
    assert [
        chinese.shown([], text) for text in ("莫斯科", "莫斯科 Moscow", "Moscow", "1812", "")
    ] == [1, 0, 0, 0, 0]
    assert [
        english.shown([], text) for text in ("莫斯科", "莫斯科 Moscow", "Málaga", "1812", "")
    ] == [0, 0, 1, 0, 0]


def test_patterns_that_are_none_or_never_end_are_refused() -> None:
    with pytest.raises(ValueError, match="no regular expression"):
        _ = RegexTarget("(").compiled
    with pytest.raises(ValueError, match="use a simpler one"):
        RegexTarget("(a|aa|a?)+$").shown([], "a" * 60 + "!")
