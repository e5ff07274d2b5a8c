"""Losses along training: equal to transformers' own, summed right at any cut,
on text that was not trained on.
"""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from backend.core.companions.consolidation.loss import ALL, totals
from backend.core.companions.consolidation.store import ConsolidationStore
from precompute.consolidation import loss as loss_job
from precompute.consolidation.baselines import best_weight, count_bigrams
from precompute.consolidation.cells import (
    POSITION_EDGES,
    SPLITS,
    TRANSITIONS,
    make_vocabulary,
    split_values,
    transition_of,
)
from precompute.consolidation.forward import TokenLoss
from precompute.consolidation.kinds import CLOSED, DIGIT, OTHER, PUNCTUATION, kind_of
from precompute.consolidation.text import WINDOW, was_trained_on, window_hashes
from precompute.job import BadInput
from tests.consolidation_case import Case, held_out, make_case, make_work, publish_case


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return make_case(tmp_path_factory.mktemp("case"))


@pytest.fixture(scope="module")
def work(case: Case, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("work")
    make_work(case, folder)
    return folder


@pytest.fixture(scope="module")
def store(case: Case, work: Path) -> ConsolidationStore:
    return ConsolidationStore(publish_case(case, work, work / "tiny.consolidation.duckdb"))


def own_loss(case: Case, work: Path, step: int) -> tuple[float, int]:
    """(mean, targets) of the loss that transformers itself computes on the same rows."""
    model = AutoModelForCausalLM.from_pretrained(
        case.checkpoints / f"step_{step:06d}", attn_implementation="eager"
    )
    text = held_out(work)
    labels = np.full(text.rows.tokens.shape, -100)
    labels[:, 1:][text.scored()] = text.rows.tokens[:, 1:][text.scored()]
    with torch.no_grad():
        made = model(
            input_ids=torch.from_numpy(text.rows.tokens), labels=torch.from_numpy(labels)
        ).loss
    return float(made), int(text.scored().sum())


@pytest.mark.parametrize("cut", ["0.20", "0.40", "0.60", "top10", "punctuation", "closed"])
def test_transitions_weighted_by_counts_are_transformers_own_loss(
    case: Case, work: Path, store: ConsolidationStore, cut: str
) -> None:
    tables = store.loss_tables()
    for step in (0, 5, 20):
        expected, n_targets = own_loss(case, work, step)
        series = tables.series.index((0, None, step))
        four = [e for e in store.loss(cut) if e.series == series and e.transition != "all"]
        assert sum(e.n for e in four) == n_targets
        assert sum(e.n * e.loss for e in four) / n_targets == pytest.approx(expected, abs=1e-5)
        assert sum(e.share_of_loss for e in four) == pytest.approx(1.0)


@pytest.mark.parametrize("split", list(SPLITS))
@pytest.mark.parametrize("cut", ["0.30", "0.40", "top20", "closed"])
def test_cells_sum_to_what_the_tokens_say(
    case: Case, work: Path, store: ConsolidationStore, cut: str, split: str
) -> None:
    losses = np.load(work / "runs" / "tiny.0" / "loss" / "step_000000005.npz")["loss"].astype(
        np.float64
    )
    targets = held_out(work).targets()
    counts = np.bincount(np.load(case.rows).ravel(), minlength=len(case.tokenizer))
    texts = [case.tokenizer.decode([i]) for i in range(len(case.tokenizer))]
    vocabulary = make_vocabulary(counts, held_out(work).special, texts)
    kinds = [targets[name] for name in ("current", "target", "position")]
    place = transition_of(vocabulary, vocabulary.cut(cut), *kinds[:2])
    value = split_values(vocabulary, split, *kinds)
    found = {
        (e.transition, e.value): e
        for e in store.loss(cut, split)
        if store.loss_tables().series[e.series][2] == 5
    }
    for i, transition in enumerate(TRANSITIONS):
        for v in range(SPLITS[split]):
            mine = losses[(place == i) & (value == v)]
            if len(mine):
                rounding = 2**-11 if split == "position" else 1e-5
                assert found[transition, v].n == len(mine)
                assert found[transition, v].loss == pytest.approx(mine.mean(), abs=rounding)
            else:
                assert (transition, v) not in found


def test_intervals_hold_the_mean_and_excess_is_loss_minus_baseline(
    store: ConsolidationStore,
) -> None:
    tables = store.loss_tables()
    entries = store.loss("0.40", "none", "bigram")
    base = {e.transition: e.loss for e in entries if tables.series[e.series][1] == "bigram"}
    for entry in entries:
        assert entry.interval is not None
        assert entry.excess is not None
        assert entry.excess_interval is not None
        assert entry.interval[0] - 1e-3 <= entry.loss <= entry.interval[1] + 1e-3
        assert entry.excess == pytest.approx(entry.loss - base[entry.transition])
        assert entry.excess_interval[0] - 1e-3 <= entry.excess <= entry.excess_interval[1] + 1e-3
    assert any(e.interval is not None and e.interval[1] - e.interval[0] > 1e-3 for e in entries)


def test_a_split_without_sums_by_shard_has_no_interval(store: ConsolidationStore) -> None:
    assert all(e.interval is None for e in store.loss("0.35", "word"))
    assert all(e.interval is not None for e in store.loss("0.40", "word") if e.n > 200)


def test_two_seeds_of_the_same_weights_agree(store: ConsolidationStore) -> None:
    tables = store.loss_tables()
    whole = totals(tables, store.cut("0.40"), "none", 1)
    a, b = (tables.series.index((run, None, 5)) for run in (0, 1))
    assert whole.nats[a, ALL, 0] == whole.nats[b, ALL, 0]
    assert len({run.seed for run in store.runs()}) == 2


@pytest.mark.parametrize(
    ("cut", "split", "named"), [("0.33", "none", "0.40"), ("top7", "none", "top10")]
)
def test_unknown_cut_lists_the_cuts(
    store: ConsolidationStore, cut: str, split: str, named: str
) -> None:
    with pytest.raises(ValueError, match=named):
        store.loss(cut, split)
    with pytest.raises(ValueError, match="bigram"):
        store.loss("0.40", "none", "trigram")


def test_no_held_out_window_is_in_the_training_rows(case: Case, work: Path) -> None:
    rows, text = np.load(case.rows).astype(np.int64), held_out(work)
    trained = {tuple(row[i : i + WINDOW]) for row in rows for i in range(len(row) - WINDOW + 1)}
    kept = [row[1:n] for row, n in zip(text.rows.tokens, text.rows.lengths, strict=True)]
    windows = [tuple(row[i : i + WINDOW]) for row in kept for i in range(len(row) - WINDOW + 1)]
    assert len(windows) > 1000
    assert not trained.intersection(windows)


def test_a_document_with_one_trained_window_is_told(case: Case) -> None:
    rows = np.load(case.rows).astype(np.int64)
    trained = np.sort(window_hashes(rows).ravel())
    fresh = list(np.random.default_rng(9).integers(3, 300, 200))
    assert not was_trained_on(fresh, trained)
    assert was_trained_on([*fresh, *rows[3, 20 : 20 + WINDOW]], trained)
    assert not was_trained_on([*fresh, *rows[3, 20 : 20 + WINDOW - 1]], trained)
    assert was_trained_on(fresh[: WINDOW - 1], trained)  # too short to tell


def test_too_little_text_says_how_much_there_is(case: Case, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="not trained on; 1,020,000 are needed"):
        case.text(tmp_path, 1_000_000)


def test_another_text_in_the_same_folder_is_refused(case: Case, work: Path) -> None:
    with pytest.raises(BadInput, match="n_tokens"):
        case.text(work, 5000)


def test_bigram_by_hand() -> None:
    rows = np.array([[2, 3, 4, 3, 4, 5]])  # 2 is special: pairs 34 43 34 45
    bigrams = count_bigrams(rows, 6, [0, 1, 2])
    # targets 4, 3, 4, 5: counts 3: 1, 4: 2, 5: 1, each + 1, over 7
    np.testing.assert_allclose(bigrams.unigram, [0, 0, 0, 2 / 7, 3 / 7, 2 / 7])
    one = bigrams.bigram_loss(np.array([3, 3, 4]), np.array([4, 5, 5]), 7.0)
    np.testing.assert_allclose(
        one, -np.log([(2 + 3) / (2 + 7), (0 + 2) / (2 + 7), (1 + 2) / (2 + 7)])
    )
    assert bigrams.unigram_loss(np.array([4]))[0] == pytest.approx(math.log(7 / 3))


def test_the_smoothing_follows_the_text() -> None:
    rng = np.random.default_rng(1)
    # the next token says nothing: the more smoothing the better
    noise = rng.integers(3, 50, (40, 64))
    other = rng.integers(3, 50, 4000)
    assert best_weight(count_bigrams(noise, 50, [0, 1, 2]), other[:-1], other[1:]) >= 1000
    # the next token is certain: the less the better
    chain = (noise[:, :1] + np.arange(64)) % 47 + 3
    walk = np.arange(4000) % 47 + 3
    assert best_weight(count_bigrams(chain, 50, [0, 1, 2]), walk[:-1], walk[1:]) == 1.0


def test_taken_apart_or_not_the_losses_are_the_same(case: Case, work: Path) -> None:
    text, series = held_out(work), case.series()
    lm = series.load(series.checkpoints[1], torch.float32, "cpu")
    tokens, scored = torch.from_numpy(text.rows.tokens[-4:]), torch.from_numpy(text.scored()[-4:])
    fast = TokenLoss(lm, tokens[:1])
    assert fast.apart
    quick = fast(tokens, scored)
    fast.apart = False
    torch.testing.assert_close(quick, fast(tokens, scored), atol=2e-5, rtol=0)


def test_an_unembedding_that_does_more_is_not_taken_apart(case: Case, work: Path) -> None:
    series = case.series()
    lm = series.load(series.checkpoints[1], torch.float32, "cpu")
    lm.model.config.final_logit_softcapping = 3.0
    probe = torch.from_numpy(held_out(work).rows.tokens[-1:])
    fast = TokenLoss(lm, probe)
    fast.cap = None  # as if the cap were something that this code does not know of
    assert not fast._can_take_apart(probe)


def test_results_of_another_text_are_refused(case: Case, work: Path, tmp_path: Path) -> None:
    other = case.text(tmp_path, 5000)
    with pytest.raises(BadInput, match="another text"):
        loss_job.make_losses(
            case.series(),
            other,
            work,
            batch_rows=4,
            dtype="float32",
            products="float32",
            device="cpu",
        )


def test_kinds() -> None:
    assert [
        kind_of(text)
        for text in (" the", "the", "The", "的", ",", "\n", " (", "7", " 12", "cat", " x9", "")
    ] == [
        CLOSED,
        OTHER,
        CLOSED,
        CLOSED,
        PUNCTUATION,
        PUNCTUATION,
        PUNCTUATION,
        DIGIT,
        DIGIT,
        OTHER,
        OTHER,
        PUNCTUATION,
    ]


def test_position_buckets_are_named_by_their_ends(store: ConsolidationStore) -> None:
    assert store.splits("position") == ["1–7", "8–31", "32–63", "64–127", f"{POSITION_EDGES[-1]}+"]
