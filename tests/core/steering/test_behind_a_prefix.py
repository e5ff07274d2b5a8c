"""Steering behind a prefix that was run once is steering on the whole prompt: one arm or five, past
the window too.
"""

import pytest
import torch

from backend.core.lm import LanguageModel
from backend.core.lm.interventions import Intervention
from backend.core.lm.past import Past
from backend.core.lm.prefixes import Prefixes
from backend.core.reactivation.baseline import arrangements, shuffled_splits
from backend.core.sae import Sae
from backend.core.steering import prefill as prefilling
from backend.core.steering.answers import all_answers, batches
from backend.core.steering.generate import generate_arms
from backend.core.steering.prefill import Prefilling, next_token, prefill
from backend.core.steering.sweep import Grid, baseline, sweep
from backend.core.steering.targets import TokenTarget
from backend.core.steering.trait_rows import Finding, Spot, Trait
from backend.core.steering.traits import TraitSearch
from tests.tiny import SLIDING_WINDOW

TEXT = (
    "What is the capital of Russia?\nMoscow.\n\nThe cat sat on the mat.\n\n"
    "What is the capital of the UK?\n"
)
LENGTHS = (3, SLIDING_WINDOW, 2 * SLIDING_WINDOW + 1)


@pytest.fixture(scope="module")
def ids(lm: LanguageModel) -> list[int]:
    return lm.tokenize(TEXT)


def past_of(lm: LanguageModel, ids: list[int]) -> Past:
    found = Prefixes(lm, 0).of(ids)
    assert found is not None
    return found


def five_arms(saes: dict[str, Sae], length: int) -> list[list[Intervention]]:
    shallow, deep = saes["layer_0"], saes["layer_2"]
    last = Intervention.on_feature(deep, 7, "add", 9.0, positions=(length - 1,))
    return [
        [],
        [last],
        [Intervention.on_feature(shallow, 3, "clamp", 8.0, positions=(length - 4, length - 2))],
        [
            last,
            Intervention.on_feature(
                shallow, 1, "scale", 3.0, positions=(length - 3,), include_generated=True
            ),
        ],
        [],
    ]


@pytest.mark.parametrize("saved_tokens", [0, 10**9], ids=["common part run once", "in every arm"])
@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("n_arms", [1, 5])
@pytest.mark.parametrize("freeze", [False, True])
def test_arms_are_those_of_the_whole_prompt(
    lm, saes, ids, monkeypatch, saved_tokens, n, n_arms, freeze
) -> None:
    monkeypatch.setattr(prefilling, "CPU_SAVED_TOKENS", saved_tokens)
    arms = five_arms(saes, len(ids))[:n_arms]
    whole = prefill(lm, ids, arms, freeze_attention=freeze)
    start = prefill(lm, ids, arms, freeze_attention=freeze, past=past_of(lm, ids[:n]))
    assert torch.allclose(start.log_probs, whole.log_probs, atol=5e-5)
    expected = list(generate_arms(lm, ids, arms, max_new_tokens=2 * SLIDING_WINDOW, start=whole))
    found = list(generate_arms(lm, ids, arms, max_new_tokens=2 * SLIDING_WINDOW, start=start))
    assert [(s.arm, s.token_id, s.text) for s in found] == [
        (s.arm, s.token_id, s.text) for s in expected
    ]
    for one, other in zip(found, expected, strict=True):
        assert one.probability == pytest.approx(other.probability, abs=5e-5)
    if n_arms == 5:
        assert torch.equal(start.log_probs[0], start.log_probs[4])
        assert not torch.equal(start.log_probs[0], start.log_probs[1])


@pytest.mark.parametrize("n", LENGTHS)
def test_samples_and_the_early_baseline_too(lm, saes, ids, monkeypatch, n) -> None:
    monkeypatch.setattr(prefilling, "CPU_SAVED_TOKENS", 0)
    arms, past = five_arms(saes, len(ids)), past_of(lm, ids[:n])
    run = Prefilling(lm, ids, arms, past=past)
    early = run.baseline()
    assert early is not None
    assert torch.equal(run.finish().log_probs[0], early)
    options = {"max_new_tokens": 6, "temperature": 1.0, "samples": 2, "seed": 3}
    found, expected = (
        list(generate_arms(lm, ids, arms, **options, past=one)) for one in (past, None)
    )
    assert [(s.arm, s.sample, s.token_id) for s in found] == [
        (s.arm, s.sample, s.token_id) for s in expected
    ]


def test_an_edit_within_the_prefix_is_refused(lm, saes, ids) -> None:
    past = past_of(lm, ids[:6])
    at = [
        Intervention.on_feature(saes["layer_2"], 7, "add", 9.0, positions=p)
        for p in ((5, len(ids) - 1), "all")
    ]
    for edit in at:
        with pytest.raises(ValueError, match="the first 6 positions are a prefix"):
            next_token(lm, ids, [[], [edit]], past=past)
        with pytest.raises(ValueError, match="the first 6 positions are a prefix"):
            generate_arms(lm, ids, [[edit]], max_new_tokens=1, past=past)
    with pytest.raises(ValueError, match="the first 6 positions are a prefix"):
        all_answers(lm, [ids], [[at[0]]], max_new_tokens=1, past=past)
    with pytest.raises(ValueError, match="the first 6 positions are a prefix"):
        sweep(lm, ids, Grid((1.0,), (2, 9), lambda *_: at[0]), max_new_tokens=0, past=past)
    free = Intervention.on_feature(
        saes["layer_2"], 7, "add", 9.0, positions=(), include_generated=True
    )
    next_token(lm, ids, [[free]], past=past)


@pytest.mark.parametrize("freeze", [False, True])
@pytest.mark.parametrize("n", LENGTHS)
def test_cells_of_a_sweep(lm, saes, ids, n, freeze) -> None:
    def edit(strength: float, position: int) -> Intervention:
        return Intervention.on_feature(saes["layer_2"], 7, "add", strength, positions=(position,))

    held = (Intervention.on_feature(saes["layer_0"], 3, "clamp", 6.0, positions=(n,)),)
    grid = Grid((-6.0, 12.0), (n, n + 2, len(ids) - 1), edit, held)
    cells = {}
    for past in (None, past_of(lm, ids[:n])):
        batches = sweep(lm, ids, grid, max_new_tokens=5, freeze_attention=freeze, past=past)
        cells[past is None] = [cell for batch in batches for cell in batch]
    assert len(cells[True]) == grid.n_cells
    for one, other in zip(cells[False], cells[True], strict=True):
        assert (one.row, one.column, one.token_ids) == (other.row, other.column, other.token_ids)
        assert torch.allclose(one.log_probs, other.log_probs, atol=5e-5)
    alone = baseline(lm, ids, 4, past=past_of(lm, ids[:n]))
    assert alone.token_ids == baseline(lm, ids, 4).token_ids


@pytest.mark.parametrize("n", LENGTHS)
def test_answers_of_other_lengths(lm, saes, ids, n) -> None:
    """Padding would push the prefix out of a sliding window: prompts of one length run together."""
    tails = ("a", "The cat", "What is the capital?\n", "The mat.\n", "b", "c")
    prompts = [[*ids[:n], *lm.tokenize(tail)[1:]] for tail in tails]
    edits = [
        [Intervention.on_feature(saes["layer_2"], 7, "add", 15.0, positions=(len(p) - 1,))]
        if i % 2
        else []
        for i, p in enumerate(prompts)
    ]
    past = past_of(lm, ids[:n])
    found = all_answers(lm, prompts, edits, max_new_tokens=2 * SLIDING_WINDOW, past=past)
    assert found == all_answers(lm, prompts, edits, max_new_tokens=2 * SLIDING_WINDOW)
    together = [{len(prompts[i]) for i in members} for members in batches(prompts, past)]
    assert all(len(lengths) == 1 for lengths in together)
    assert len(together) == len({len(prompt) for prompt in prompts})


def test_a_trait_search(lm, saes, ids) -> None:
    n = SLIDING_WINDOW + 2
    prompts = [
        [*ids[:n], *lm.tokenize(tail)[1:]] for tail in ("What is it?\n", "Who?\n", "The cat?\n")
    ]
    spots = [Spot(prompt, len(prompt) - 1) for prompt in prompts]
    wanted = int(next_token(lm, prompts[0], [[]])[0].argmax())
    found: dict[bool, Finding] = {}
    for past in (past_of(lm, ids[:n]), None):
        trait = Trait(
            spots[0],
            spots[1:],
            spots,
            TokenTarget(wanted),
            asking_contrast=spots[:2],
            max_new_tokens=3,
        )
        run = TraitSearch(lm, list(saes.values()), trait, past=lambda past=past: past)
        steps = list(run.steps())
        assert steps[-1].done <= steps[-1].most
        found[past is None] = run.finding
    assert found[False].layers == found[True].layers
    assert found[False].trials == found[True].trials
    assert found[False].arms == found[True].arms
    assert found[True].arms[0].success.successes > 0  # or the comparison would say nothing


@pytest.mark.parametrize("n", LENGTHS)
def test_shuffles_of_what_follows(lm, saes, ids, n) -> None:
    """Counted as whole prompts are whose prefix counts as not seen, as a special token does."""
    classes = ["special", *(["function", "content"] * len(ids))[: len(ids) - 1]]
    order = arrangements(classes, [*range(n), len(ids) - 1], 5, seed=1)
    all_saes = list(saes.values())
    whole = shuffled_splits(lm, all_saes, ids, order, range(n))
    found = shuffled_splits(lm, all_saes, ids, order, [0], past=past_of(lm, ids[:n]))
    for sae in all_saes:
        assert not found[sae.sae_id][:, :n].any()
        assert torch.equal(found[sae.sae_id][:, n:], whole[sae.sae_id][:, n:])
    moved = order.clone()
    moved[0, [1, n]] = moved[0, [n, 1]]
    with pytest.raises(ValueError, match=f"one of the first {n} tokens"):
        shuffled_splits(lm, all_saes, ids, moved, [0], past=past_of(lm, ids[:n]))
