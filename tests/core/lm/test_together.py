"""Prompts read together give what each gives alone:
other lengths, layers, θ, and past the sliding window.
"""

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from backend.core.lm import LanguageModel, unembedding
from backend.core.lm.next_tokens import Wanted, read, read_together
from backend.core.sae import Firings, Sae
from backend.core.sae.together import encode_together
from tests.tiny import SLIDING_WINDOW, tiny_sae_dir

TEXTS = (
    "What is the capital of Russia?\n",
    "The",
    "The cat sat on the mat, and the dog sat by the door.\n" * 2,
)


def wanted(lm: LanguageModel) -> list[Wanted]:
    layers: Sequence[Sequence[int]] = ([0, 2], [3], [2])
    return [
        Wanted(lm.tokenize(t), of, k) for t, of, k in zip(TEXTS, layers, (5, 0, 9), strict=True)
    ]


@pytest.mark.parametrize("known", [True, False], ids=["in place", "the family's own forward"])
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_reading_together_is_reading_alone(
    lm: LanguageModel, monkeypatch: pytest.MonkeyPatch, known: bool, order: tuple[int, ...]
) -> None:
    if not known:
        monkeypatch.setattr(unembedding, "PLAIN", frozenset())
    asked = [wanted(lm)[place] for place in order]
    assert (
        max(len(one.token_ids) for one in asked)
        > 2 * SLIDING_WINDOW
        > 2 * min(len(one.token_ids) for one in asked)
    )
    for one, found in zip(asked, read_together(lm, asked), strict=True):
        alone = read(lm, one.token_ids, one.layers, one.k)
        assert list(found.resid) == list(alone.resid) == list(one.layers)
        for layer in one.layers:
            assert torch.allclose(found.resid[layer], alone.resid[layer], rtol=1e-4, atol=1e-4)
        assert torch.equal(found.token_ids, alone.token_ids)
        assert torch.allclose(found.probabilities, alone.probabilities, rtol=1e-3, atol=1e-6)


def test_without_next_tokens_no_layer_runs_beyond_the_deepest(lm: LanguageModel) -> None:
    deepest = lm.layers[-1]
    ran: list[int] = []
    hook = deepest.register_forward_hook(lambda *_: ran.append(1))
    try:
        read_together(lm, [Wanted(lm.tokenize(text), [1], 0) for text in TEXTS])
        assert not ran
        read_together(
            lm,
            [Wanted(lm.tokenize(text), [1], k) for text, k in zip(TEXTS, (0, 1, 0), strict=True)],
        )
        assert ran
    finally:
        hook.remove()


@pytest.mark.parametrize("architecture", ["jumprelu", "topk"])
def test_encoding_together_is_encoding_alone(
    lm: LanguageModel, tmp_path: Path, architecture: str
) -> None:
    sae = Sae.load(tiny_sae_dir(tmp_path, 2, architecture=architecture))
    resids = [lm.resid_post([lm.tokenize(text)], [2])[2][0] for text in TEXTS]
    thetas = (6.0, 0.0, 5.0)
    together = encode_together(sae, list(zip(resids, thetas, strict=True)))
    for resid, theta, found in zip(resids, thetas, together, strict=True):
        alone = sae.encode(resid, theta=theta)
        assert len(alone) > 0
        assert pairs(found) == pairs(alone)
        assert torch.allclose(found.activation, alone.activation, rtol=1e-5)


def test_a_prompt_where_nothing_fires_has_no_firings(saes: dict[str, Sae]) -> None:
    sae = saes["layer_2"]
    quiet, loud = sae.b_dec.repeat(3, 1), sae.b_dec + 20.0 * sae.W_dec[:4]
    found = encode_together(sae, [(quiet, 0.0), (loud, 0.0), (quiet, 0.0)])
    assert [len(one) for one in found] == [0, len(sae.encode(loud)), 0]
    assert pairs(found[1]) == pairs(sae.encode(loud))


def pairs(firings: Firings) -> list[tuple[int, int]]:
    return list(zip(firings.position.tolist(), firings.feature_index.tolist(), strict=True))
