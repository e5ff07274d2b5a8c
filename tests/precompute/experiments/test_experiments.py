"""The experiments: what they draw and measure, worked by hand or by another route,
and the file that they write.
"""

from pathlib import Path

import numpy as np
import pytest
import torch

from backend.core.companions.experiments.store import ExperimentsStore
from backend.core.intervals import wilson
from backend.core.lm import LanguageModel
from backend.core.lm.interventions import Intervention
from backend.core.sae import Sae
from backend.core.store import StoreMissing
from backend.core.token_classes import CONTENT, FUNCTION
from precompute.experiments import distance as experiments_distance
from precompute.experiments import necessity
from precompute.experiments.grid_prompts import KINDS, Cell, prompts
from precompute.experiments.publish import publish, stated
from precompute.experiments.result import Result, mean_interval
from precompute.experiments.subject import (
    Asked,
    Subject,
    kl_rows,
    measure,
)
from precompute.lab.questions import Question


def question(prompt: str, answer: str = "Moscow.") -> Question:
    return Question("capital", prompt, answer, "en", "en")


def by_hand(classes: str) -> Asked:
    """A letter a position: special, function, content."""
    names = {"s": "special", "f": "function", "c": "content"}
    return Asked(
        list(range(len(classes))), [*classes], [names[one] for one in classes], question("x"), [1]
    )


@pytest.fixture(scope="module")
def subject(lm: LanguageModel, saes: dict[str, Sae]) -> Subject:
    """Line breaks and single letters are function tokens."""
    short = [len(lm.token_text(i)) == 1 for i in range(lm.vocab_size)]
    classes = np.where(short, FUNCTION, CONTENT).astype(np.int8)
    classes[list(lm.special_ids)] = 2
    return Subject(lm, [saes["layer_0"], saes["layer_2"]], classes, seed=3)


@pytest.fixture(scope="module")
def asked(subject: Subject) -> list[Asked]:
    texts = (
        "What is the capital of Russia?\n",
        "The cat sat on the mat, and the dog sat.\n",
        "What is the UK?\n",
    )
    return [subject.read(question(text)) for text in texts]


def test_a_question_is_read_with_its_classes(subject: Subject, asked: list[Asked]) -> None:
    for one in asked:
        seen = one.of_class("function") + one.of_class("content")
        assert sorted(seen) == list(range(1, len(one.token_ids)))  # position 0 is BOS
        assert one.last_function == len(one.token_ids) - 1
        assert subject.lm.decode(one.answer_ids) == "Moscow."


def test_losses_in_one_batch_are_those_of_each_text(
    subject: Subject, asked: list[Asked], saes: dict[str, Sae]
) -> None:
    """Against per_token_loss, alone and with an edit;
    the next-token distribution is the one after the prompt.
    """
    edits = [
        [Intervention.on_feature(saes["layer_2"], 3, "add", 9.0, positions=(2,))] for _ in asked
    ]
    for plans in (None, edits):
        losses, following = measure(subject.lm, asked, plans)
        for place, one in enumerate(asked):
            with subject.lm.intervening(
                [plans[place] if plans else []], prompt_length=len(one.token_ids)
            ):
                whole = subject.lm.per_token_loss([one.token_ids + one.answer_ids])[0]
                after = subject.lm.forward([one.token_ids]).logits[0, -1].log_softmax(-1)
            assert losses[place] == pytest.approx(
                float(whole[len(one.token_ids) - 1 :].sum()), rel=1e-4
            )
            assert torch.allclose(following[place], after, atol=1e-4)


def test_kl_rows_by_hand() -> None:
    p, q = torch.tensor([[0.75, 0.25]]).log(), torch.tensor([[0.5, 0.5]]).log()
    assert kl_rows(p, q)[0] == pytest.approx(0.75 * np.log(1.5) + 0.25 * np.log(0.5))
    assert kl_rows(p, p)[0] == 0.0


def test_what_is_cut_is_what_was_reactivated(subject: Subject, asked: list[Asked]) -> None:
    """Against sets made position by position; the controls take as many, from where they say."""
    for sae in subject.saes:
        for one in asked:
            resid = subject.resid(one.token_ids)[sae.layer]
            dense = sae.encode_dense(resid) > 0
            last = one.of_class("function")[-1]
            before = dense[1:last].any(0)  # position 0 is BOS
            old = set((dense[last] & before).nonzero()[:, 0].tolist())
            new = set((dense[last] & ~before).nonzero()[:, 0].tolist())
            cuts = {
                arm: set(cut.features.tolist())
                for arm, cut in necessity.draw(sae, one, resid, 5).items()
            }
            assert cuts["reactivated"] == old
            assert cuts["reactivated_matched"] <= old
            assert cuts["new_matched"] <= new
            assert (
                len(cuts["reactivated_matched"])
                == len(cuts["new_matched"])
                == min(len(old), len(new))
            )
            content = set(dense[one.of_class("content")[-1]].nonzero()[:, 0].tolist())
            assert cuts["content_last"] <= content
            assert len(cuts["content_last"]) == min(len(old), len(content))


def test_taking_away_one_vector_is_ablating_every_feature(
    subject: Subject, asked: list[Asked]
) -> None:
    sae, one = subject.saes[1], asked[0]
    resid = subject.resid(one.token_ids)[sae.layer]
    firings = sae.encode(resid)
    busiest = int(firings.position.bincount().argmax())
    cut = necessity._cut(sae, firings, busiest)
    assert len(cut.features) > 1
    together, apart = (necessity._edits(cut, together=flag) for flag in (False, True))
    assert (len(together), len(apart)) == (1, len(cut.features))
    results = [measure(subject.lm, [one], [edits])[0][0] for edits in (together, apart)]
    assert results[0] == pytest.approx(results[1], rel=1e-5)
    assert results[0] != pytest.approx(measure(subject.lm, [one])[0][0], rel=1e-4)


def test_necessity_runs_and_is_the_same_again(subject: Subject, asked: list[Asked]) -> None:
    result = necessity.run(subject, asked)
    assert necessity.run(subject, asked) == result
    base = measure(subject.lm, asked)[0]
    assert result.value("none", "loss")["value"] == pytest.approx(base.mean())
    kept = next(
        v for v in result.prompt_value if (v["sae_id"], v["arm"]) == ("layer_2", "reactivated")
    )
    assert result.value("reactivated", "loss_change", "layer_2")["value"] == pytest.approx(
        np.mean(kept["vals"])
    )
    assert len(result.finding) == 4


def test_places_by_hand() -> None:
    one = by_hand("sfcffcccf")
    assert experiments_distance.usable(one)
    found = experiments_distance.places(one)
    assert found == {
        "distant_function": 1,
        "near_function": 4,
        "distant_content": 2,
        "near_content": 7,
        "last_function": 8,
    }
    assert not experiments_distance.usable(by_hand("scf"))


def test_intervals() -> None:
    low, high = wilson(8, 10)
    assert (low, high) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert wilson(0, 0) == (0.0, 1.0)
    values = np.random.default_rng(0).normal(2.0, 1.0, 400)
    low, high = mean_interval(values, 0)
    assert low < values.mean() < high
    assert high - low == pytest.approx(2 * 1.96 / 20, rel=0.15)
    assert mean_interval(np.ones(5), 0) == (1.0, 1.0)


@pytest.mark.parametrize("kind", KINDS)
def test_grid_prompts_have_an_answer_in_every_cell(kind: str) -> None:
    trained, held_out = prompts(kind, "train", 0), prompts(kind, "held_out", 0)
    assert len(held_out) == 48
    assert not {one.text for one in trained} & {one.text for one in held_out}
    plain, both = Cell("none", False, None), Cell("Chinese+UK", True, "UK")
    for one in held_out:
        assert one.shows(plain, one.expected(plain))
        assert one.shows(both, one.expected(both))
        assert not one.shows(both, one.expected(plain))
        assert not one.shows(plain, one.expected(both))
        assert one.asking(both).startswith("Speak Chinese. ")


def test_the_file_gives_back_what_was_found(tmp_path: Path) -> None:
    result = Result(
        "necessity",
        0,
        arm={"a": "An arm.", "none": "Nothing."},
        outcome={"loss": ("nats", "the loss")},
    )
    result.mean("a", "loss", [1.0, 2.0, 6.0], sae_id="layer_1", layer=1, keep=True)
    result.share("none", "loss", 1, 4, sae_id=None, layer=None, subject="place")
    result.answer = [{"arm": "a", "subject": "place", "prompt": "p", "text": "t", "success": True}]
    result.prompt = [{"place": 0, "prompt": "p", "answer": "x"}]
    result.finding = ["It holds."]
    result.save(tmp_path / "one.json")
    again = Result.read(tmp_path / "one.json")
    assert again == result
    path = tmp_path / "b.experiments.duckdb"
    publish(path, [again], "abc", stated("necessity", "three questions", {}))
    store = ExperimentsStore(path)
    store.require("abc")
    first, second = store.estimates("necessity")
    assert (first.arm, first.value, first.n, first.sae_id, first.layer) == (
        "a",
        3.0,
        3,
        "layer_1",
        1,
    )
    assert first.low is not None
    assert first.low < 3.0
    assert (second.low, second.high) == pytest.approx(wilson(1, 4))
    assert store.estimates("necessity", arm="none", outcome="loss") == [second]
    assert store.per_prompt("necessity", "a", "loss", "layer_1") == [1.0, 2.0, 6.0]
    assert store.arms("necessity") == result.arm
    assert store.outcomes("necessity") == {"loss": "the loss [nats]"}
    assert store.answers("necessity")[0].success is True
    assert store.findings("necessity") == ["It holds."]
    assert store.estimates("grid") == []
    with pytest.raises(StoreMissing, match="precompute experiments"):
        ExperimentsStore(tmp_path / "nothing.duckdb").findings("grid")


def test_figures_without_a_definition_are_refused() -> None:
    with pytest.raises(ValueError, match="no definition"):
        Result("necessity", 0).mean("a", "loss", [1.0], sae_id=None, layer=None)
