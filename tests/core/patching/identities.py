"""What must hold of patching by construction on any model, against plain transformers with a hook;
for the lab model and for Gemma.
"""

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from backend.core.lm import LanguageModel
from backend.core.patching import Marked, Means, PatchMap, Trunk, align
from tests.core.patching.plain import Plain


def check_map(
    lm: LanguageModel, folder: Path, texts: tuple[str, str], layers: Sequence[int], within: float
) -> None:
    """B into B is 0 and everything of A gives A's answer, after each layer; after `layers` each
    cell's log-odds are plain transformers' `within` nats.
    """
    a, b = map(lm.tokenize, texts)
    made = PatchMap(lm, a, b, sets={"all": align(a, b).positions})
    assert lm.token_text(made.answers.a) != lm.token_text(made.answers.b)
    plain = Plain(folder)
    _, states = plain.run(a)
    for row in made.rows():
        assert row.sham == 0.0
        torch.testing.assert_close(
            row.sets.log_odds[0], made.ends.log_odds[0], atol=within, rtol=1e-3
        )
        assert int(row.sets.token_ids[0]) == made.answers.a
        if row.layer not in layers:
            continue
        for place, (position, theirs) in enumerate(made.alignment.pairs):
            expected, _ = plain.run(b, {row.layer: {position: states[row.layer][theirs]}})
            odds = float(expected[made.answers.a] - expected[made.answers.b])
            assert float(row.cells.log_odds[place]) == pytest.approx(odds, abs=5 * within)


def check_ablation(lm: LanguageModel, texts: tuple[str, str], layers: Sequence[int]) -> None:
    """Averaging nothing out and keeping all change nothing; averaging all out does."""
    prompts = []
    for text in texts:
        ids = lm.tokenize(text)
        prompts.append(Marked(tuple(ids), tuple(f"{p - len(ids)}" for p in range(len(ids)))))
    means, trunk = Means.over(lm, prompts), Trunk(lm, prompts[0].ids, 3)
    everything = range(3, len(prompts[0].ids))
    for layer in layers:
        nothing = means.ablating(prompts[0], layer, ())
        all_kept = means.keeping_only(prompts[0], layer, everything, everything)
        all_gone = means.ablating(prompts[0], layer, everything)
        found = trunk.after(layer, [[], nothing, all_kept, all_gone])
        assert torch.equal(found[1], found[0])
        assert torch.equal(found[2], found[0])
        assert (found[3] - found[0]).abs().max() > 1e-3
