"""On the real model: patching everything behind the difference gives A's answer, B into B changes
nothing, a cell is what plain transformers with a hook give; averaging nothing out and keeping all
leave the model as it is.
"""

from pathlib import Path

import pytest
import torch

from backend.core.lm import LanguageModel
from backend.core.patching import Marked, Means, PatchMap, Trunk, align
from backend.core.presets import load_preset
from backend.core.weights import model_source
from tests.core.patching.plain import Plain

PRESET = "gemma-3-270m"
A, B = "What is the capital of Japan? Answer:", "What is the capital of Italy? Answer:"
LAYERS = (0, 11, 12, 17)  # after which single cells are compared: local and global attention


def test_a_map_of_gemma_is_what_plain_hooks_give(gemma: LanguageModel) -> None:
    a, b = gemma.tokenize(A), gemma.tokenize(B)
    made = PatchMap(gemma, a, b, sets={"all": align(a, b).positions})
    plain = Plain(Path(model_source(load_preset(PRESET), report=print)))
    logits, states = plain.run(a)
    assert int(logits.argmax()) == made.answers.a
    for row in made.rows():
        assert row.sham == 0.0
        assert int(row.sets.token_ids[0]) == made.answers.a
        torch.testing.assert_close(
            row.sets.log_odds[0], made.ends.log_odds[0], atol=2e-3, rtol=1e-3
        )
        if row.layer not in LAYERS:
            continue
        for place, (position, theirs) in enumerate(made.alignment.pairs):
            expected, _ = plain.run(b, {row.layer: {position: states[row.layer][theirs]}})
            odds = float(expected[made.answers.a] - expected[made.answers.b])
            assert float(row.cells.log_odds[place]) == pytest.approx(odds, abs=1e-2)


def test_ablating_nothing_and_keeping_all_leave_gemma_as_it_is(gemma: LanguageModel) -> None:
    prompts = []
    for text in (A, B):
        ids = gemma.tokenize(text)
        prompts.append(Marked(tuple(ids), tuple(f"{p - len(ids)}" for p in range(len(ids)))))
    means, trunk = Means.over(gemma, prompts), Trunk(gemma, prompts[0].ids, 3)
    everything = range(3, len(prompts[0].ids))
    for layer in LAYERS:
        nothing = means.ablating(prompts[0], layer, ())
        all_kept = means.keeping_only(prompts[0], layer, everything, everything)
        found = trunk.after(
            layer, [[], nothing, all_kept, means.ablating(prompts[0], layer, everything)]
        )
        assert torch.equal(found[1], found[0])
        assert torch.equal(found[2], found[0])
        assert (found[3] - found[0]).abs().max() > 1e-3
