"""Both arms, token by token: the cache against full recomputation, and the baseline bit for bit."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest
import torch

from backend.core.lm import LanguageModel
from backend.core.lm.interventions import Intervention
from backend.core.sae import Sae
from backend.core.steering import prefill as prefilling
from backend.core.steering.generate import Step, first_greedy_step, generate_arms, kl
from backend.core.steering.prefill import Prefilling, next_token, prefill
from backend.core.steering.text import Text
from tests.tiny import EOS, SLIDING_WINDOW

TEXT = "The cat sat on the mat.\nWhat is the capital of the UK?\n"


@pytest.fixture(scope="module")
def ids(lm: LanguageModel) -> list[int]:
    ids = lm.tokenize(TEXT)
    assert len(ids) > 2 * SLIDING_WINDOW
    return ids


def tokens(steps: Sequence[Step], arm: int, sample: int = 0) -> list[tuple[int, float]]:
    return [(s.token_id, s.probability) for s in steps if (s.arm, s.sample) == (arm, sample)]


def plans(saes: dict[str, Sae], length: int) -> dict[str, list[Intervention]]:
    shallow, deep = saes["layer_0"], saes["layer_2"]
    return {
        "nothing": [],
        "at the last": [Intervention.on_feature(deep, 7, "add", 9.0, positions=(length - 1,))],
        "early": [Intervention.on_feature(deep, 5, "clamp", 12.0, positions=(2, 4))],
        "everywhere": [
            Intervention.on_feature(
                shallow, 3, "clamp", 8.0, positions="all", include_generated=True
            )
        ],
        "generated only": [
            Intervention.on_feature(deep, 9, "add", 15.0, positions=(), include_generated=True)
        ],
        "two layers": [
            Intervention.on_feature(shallow, 1, "add", 6.0, positions=(length - 2,)),
            Intervention.on_feature(
                deep, 2, "scale", 3.0, positions=(length - 2, length - 1), include_generated=True
            ),
        ],
    }


@pytest.mark.parametrize("saved_tokens", [0, 10**9], ids=["prefix run once", "prefix in every arm"])
def test_cached_steering_equals_full_recomputation(
    lm, saes, ids, monkeypatch, saved_tokens
) -> None:
    """Past the sliding window in the prompt and again in the text."""
    monkeypatch.setattr(prefilling, "CPU_SAVED_TOKENS", saved_tokens)
    for name, plan in plans(saes, len(ids)).items():
        steps = list(generate_arms(lm, ids, [[], plan], max_new_tokens=2 * SLIDING_WINDOW))
        for arm, edits in ((0, []), (1, plan)):
            current = list(ids)
            for token_id, probability in tokens(steps, arm):
                with lm.intervening([edits], prompt_length=len(ids)):
                    expected = lm.forward([current], logits_to_keep=1).logits[0, -1].softmax(-1)
                assert int(expected.argmax()) == token_id, name
                assert probability == pytest.approx(expected[token_id].item(), abs=1e-5), name
                current.append(token_id)
        assert (tokens(steps, 0) == tokens(steps, 1)) == (name == "nothing")


@pytest.mark.parametrize("length", [1, 2, 3, 7, 8, 9, 17])
@pytest.mark.parametrize("saved_tokens", [0, 10**9])
def test_an_empty_arm_is_the_baseline_bit_for_bit(
    lm, saes, ids, monkeypatch, length, saved_tokens
) -> None:
    monkeypatch.setattr(prefilling, "CPU_SAVED_TOKENS", saved_tokens)
    edit = [Intervention.on_feature(saes["layer_2"], 7, "add", 9.0, positions=(length // 2,))]
    prompt = ids[:length]
    distributions = next_token(lm, prompt, [[], edit, [], edit])
    assert torch.equal(distributions[0], distributions[2])
    assert torch.equal(distributions[1], distributions[3])
    assert kl(distributions[2], distributions[0]) == 0.0
    for temperature, samples in ((0.0, 1), (1.0, 2)):
        steps = list(
            generate_arms(
                lm,
                prompt,
                [[], edit, []],
                max_new_tokens=6,
                temperature=temperature,
                samples=samples,
                seed=3,
            )
        )
        for sample in range(samples):
            assert tokens(steps, 0, sample) == tokens(steps, 2, sample)


def test_sampling_is_seeded_and_samples_differ(lm, ids) -> None:
    def run(seed: int, samples: int = 4) -> list[list[tuple[int, float]]]:
        options = {"max_new_tokens": 8, "temperature": 1.5, "samples": samples, "seed": seed}
        steps = list(generate_arms(lm, ids, [[]], **options))
        return [tokens(steps, 0, sample) for sample in range(samples)]

    first = run(1)
    assert first == run(1)
    assert first != run(2)
    assert len({tuple(t for t, _ in text) for text in first}) == 4


def test_sampled_frequencies_are_the_distribution_at_that_temperature(lm, ids) -> None:
    """Total variation of 400 first tokens is what chance allows,
    and is not at another temperature.
    """
    log_probs = next_token(lm, ids, [[]])[0]
    steps = generate_arms(lm, ids, [[]], max_new_tokens=1, temperature=0.4, samples=400, seed=0)
    seen = (
        torch.bincount(torch.tensor([step.token_id for step in steps]), minlength=lm.vocab_size)
        / 400
    )
    right, wrong = (log_probs / 0.4).softmax(-1), log_probs.exp()
    # mean of |normal| is 0.8 sd; half of it
    chance = 0.4 * (right * (1 - right) / 400).sqrt().sum()
    assert 0.5 * (seen - right).abs().sum() < 1.25 * chance
    assert 0.5 * (seen - wrong).abs().sum() > 2.0 * chance


def test_a_text_ends_at_eos_while_the_others_go_on(lm, ids, monkeypatch) -> None:
    greedy = [t for t, _ in tokens(list(generate_arms(lm, ids, [[]], max_new_tokens=5)), 0)]
    other = [t for t in range(3, lm.vocab_size) if t not in greedy][0]
    edit = [
        Intervention.on_direction(3, lm.model.lm_head.weight[other], 1e4, positions=(len(ids) - 1,))
    ]
    monkeypatch.setattr(lm, "eos_ids", frozenset({EOS, other}))
    steps = list(generate_arms(lm, ids, [[], edit], max_new_tokens=5))
    assert [t for t, _ in tokens(steps, 1)] == [other]
    ended = [s for s in steps if s.arm == 1][0]
    assert (ended.finished, ended.text) == (True, "")
    baseline = [s for s in steps if s.arm == 0]
    assert [s.token_id for s in baseline] == greedy
    assert [s.finished for s in baseline] == [False] * 4 + [True]
    assert [s.index for s in baseline] == list(range(5))


def test_pieces_of_text_add_up_to_the_text(lm, ids) -> None:
    steps = list(
        generate_arms(lm, ids, [[]], max_new_tokens=30, temperature=2.0, samples=5, seed=1)
    )
    for sample in range(5):
        mine = [s for s in steps if s.sample == sample]
        whole = lm.decode([s.token_id for s in mine if s.token_id != EOS])
        assert "".join(s.text for s in mine) == whole


def test_characters_of_several_tokens_come_whole(lm) -> None:
    text = Text(lm)
    ids = lm.tokenize("é!")[1:]
    assert len(ids) == 3
    assert [text.push(i, last=False) for i in ids] == ["", "é", "!"]


def test_stop_ends_it_after_the_current_step(lm, ids) -> None:
    stop = Event()
    seen = []
    for step in generate_arms(lm, ids, [[], []], max_new_tokens=50, stop=stop):
        seen.append(step)
        if step.index == 2:
            stop.set()
    assert [(s.index, s.arm) for s in seen] == [(i, a) for i in range(3) for a in range(2)]
    assert list(generate_arms(lm, ids, [[]], max_new_tokens=5, stop=stop)) == []


def test_a_prefill_is_taken_over(lm, saes, ids) -> None:
    arms = [[], plans(saes, len(ids))["at the last"]]
    start = prefill(lm, ids, arms)
    again = list(generate_arms(lm, ids, arms, max_new_tokens=5, start=start))
    assert again == list(generate_arms(lm, ids, arms, max_new_tokens=5))
    with pytest.raises(ValueError, match="another prompt or other arms"):
        generate_arms(lm, ids[:-1], arms, max_new_tokens=5, start=start)


def test_kl_by_hand() -> None:
    p, q = torch.tensor([0.75, 0.25]), torch.tensor([0.5, 0.5])
    assert kl(p.log(), q.log()) == pytest.approx(
        0.75 * torch.tensor(1.5).log() + 0.25 * torch.tensor(0.5).log()
    )
    assert kl(torch.tensor([1.0, 0.0]).log(), q.log()) == pytest.approx(torch.tensor(2.0).log())
    assert kl(q.log(), q.log()) == 0.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_new_tokens": 0}, "max_new_tokens is 0"),
        ({"temperature": -1.0}, "temperature is -1.0"),
        ({"temperature": float("nan")}, "temperature is nan"),
        ({"samples": 0}, "samples is 0"),
        ({"samples": 2}, "samples is 2; allowed: 1 at temperature 0"),
        ({"max_new_tokens": 500}, "512 positions"),
    ],
)
def test_settings_out_of_range_are_refused_at_once(lm, ids, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        generate_arms(lm, ids, [[]], **({"max_new_tokens": 4} | options))
    with pytest.raises(ValueError, match="at least one arm"):
        next_token(lm, ids, [])


def test_eight_threads_steering_at_once_get_their_own_answers(lm, saes, ids) -> None:
    chosen = list(plans(saes, len(ids)).values())
    chosen += [
        [Intervention.on_feature(saes["layer_2"], f, "add", 9.0, positions=(3,))] for f in (20, 21)
    ]
    assert len(chosen) == 8
    alone = [list(generate_arms(lm, ids, [[], plan], max_new_tokens=6)) for plan in chosen]
    start = Barrier(8)

    def steer(plan: list[Intervention]) -> list[Step]:
        start.wait()
        return list(generate_arms(lm, ids, [[], plan], max_new_tokens=6))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(steer, chosen)) == alone


@pytest.mark.parametrize("length", [3, SLIDING_WINDOW, SLIDING_WINDOW + 1, 3 * SLIDING_WINDOW])
def test_the_baseline_can_be_had_before_the_other_arms(lm, saes, ids, monkeypatch, length) -> None:
    """Run by itself it is what the whole prefill says, and the edited arms are as if all had been
    run in full.
    """
    monkeypatch.setattr(prefilling, "CPU_SAVED_TOKENS", 0)
    prompt = (ids * 2)[:length]
    edit = [Intervention.on_feature(saes["layer_2"], 7, "add", 9.0, positions=(length - 1,))]
    arms = [
        [],
        edit,
        [],
        [*edit, Intervention.on_feature(saes["layer_0"], 3, "add", 5.0, positions=(length - 2,))],
    ]
    run = Prefilling(lm, prompt, arms)
    early = run.baseline()
    whole = run.finish()
    assert early is not None
    assert torch.equal(whole.log_probs[0], early)
    assert torch.equal(whole.log_probs[2], early)
    for row, arm in zip(whole.log_probs, arms, strict=True):
        with lm.intervening([arm], prompt_length=length):
            expected = lm.forward([prompt], logits_to_keep=1).logits[0, -1].log_softmax(-1)
        assert torch.allclose(row, expected, atol=1e-5)
    first = first_greedy_step(lm, early, 5)
    steps = list(generate_arms(lm, prompt, arms, max_new_tokens=5, start=whole))
    assert steps[0] == first
    assert tokens(steps, 0) == tokens(steps, 2)


def test_the_baseline_is_not_run_alone_where_that_does_not_pay(lm, saes, ids) -> None:
    edit = [Intervention.on_feature(saes["layer_2"], 7, "add", 9.0, positions=(2,))]
    assert Prefilling(lm, ids, [[], edit]).baseline() is None
    late = [Intervention.on_feature(saes["layer_2"], 7, "add", 9.0, positions=(len(ids) * 3 - 1,))]
    assert Prefilling(lm, ids * 3, [[], late]).baseline() is not None
    assert Prefilling(lm, ids * 3, [[], late], freeze_attention=True).baseline() is None
    assert Prefilling(lm, ids * 3, [late, late]).baseline() is None
