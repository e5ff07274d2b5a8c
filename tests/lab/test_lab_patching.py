"""What must hold of patching by construction, on the lab model, against plain transformers with a
hook."""

from pathlib import Path

import pytest
import torch

from backend.core.lm import LanguageModel
from backend.core.patching import Marked, Means, PatchMap, Trunk, align
from tests.core.patching.plain import Plain

MODEL = Path(__file__).parents[2] / "precompute" / "lab" / "model"
A, B = "What is the capital of Japan?\n", "What is the capital of Italy?\n"


@pytest.fixture(scope="module")
def lab() -> LanguageModel:
    return LanguageModel.load(MODEL)


def test_a_map_of_the_lab_model_is_what_plain_hooks_give(lab: LanguageModel) -> None:
    a, b = lab.tokenize(A), lab.tokenize(B)
    made = PatchMap(lab, a, b, sets={"all": align(a, b).positions})
    assert lab.token_text(made.answers.a) != lab.token_text(made.answers.b)
    plain = Plain(MODEL)
    _, states = plain.run(a)
    for row in made.rows():
        assert row.sham == 0.0
        torch.testing.assert_close(
            row.sets.log_odds[0], made.ends.log_odds[0], atol=1e-3, rtol=1e-3
        )
        assert int(row.sets.token_ids[0]) == made.answers.a
        for place, (position, theirs) in enumerate(made.alignment.pairs):
            expected, _ = plain.run(b, {row.layer: {position: states[row.layer][theirs]}})
            odds = float(expected[made.answers.a] - expected[made.answers.b])
            assert float(row.cells.log_odds[place]) == pytest.approx(odds, abs=5e-3)


def test_ablating_nothing_and_keeping_all_leave_the_lab_model_as_it_is(lab: LanguageModel) -> None:
    prompts = []
    for text in (A, B):
        ids = lab.tokenize(text)
        prompts.append(Marked(tuple(ids), tuple(f"{p - len(ids)}" for p in range(len(ids)))))
    means, trunk = Means.over(lab, prompts), Trunk(lab, prompts[0].ids, 3)
    everything = range(3, len(prompts[0].ids))
    for layer in range(lab.n_layers):
        nothing = means.ablating(prompts[0], layer, ())
        all_kept = means.keeping_only(prompts[0], layer, everything, everything)
        found = trunk.after(
            layer, [[], nothing, all_kept, means.ablating(prompts[0], layer, everything)]
        )
        assert torch.equal(found[1], found[0])
        assert torch.equal(found[2], found[0])
        assert (found[3] - found[0]).abs().max() > 1e-3
