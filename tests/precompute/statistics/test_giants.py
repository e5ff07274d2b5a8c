"""Positions of giant norm: nothing fires there, and all else fires as it does."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from backend.core.lm import LanguageModel
from backend.core.sae import Sae
from precompute.building.corpus import Shard
from precompute.statistics.giants import WithoutGiants, without_giants
from precompute.training.activations import GIANT


def test_firings_at_giant_positions_are_left_out_and_no_others(saes: dict[str, Sae]) -> None:
    sae = next(iter(saes.values()))
    resid = torch.randn(40, sae.W_dec.shape[1], generator=torch.Generator().manual_seed(0))
    resid[[3, 17]] *= 50
    plain = sae.encode(resid)
    found = WithoutGiants(sae, 20.0).encode(resid)
    stays = ~torch.isin(plain.position, torch.tensor([3, 17]))
    assert (~stays).any()
    for name in ("position", "feature_index", "activation"):
        assert torch.equal(getattr(found, name), getattr(plain, name)[stays])
    assert WithoutGiants(sae, 20.0).d_sae == sae.d_sae


def test_the_limit_is_taken_from_the_layers_own_norms(lm: LanguageModel) -> None:
    """Of the longest rows; special tokens, and the padding behind a row, do not count."""
    special = min(lm.special_ids)
    tokens = np.array([[special, 5, 6, 7], [special, 8, 9, 0]])
    shard = Shard(tokens, np.array([4, 3]), np.array([0, 1]))
    sae: Any = SimpleNamespace(layer=1)
    (found,) = without_giants(lm, [sae], shard)
    norms = torch.cat(
        [
            lm.resid_post([ids], [1])[1][0, 1:].norm(dim=-1)
            for ids in ([special, 5, 6, 7], [special, 8, 9])
        ]
    )
    assert abs(found.limit - GIANT * float(norms.median())) < 1e-4
