"""How much of the model's loss an SAE's reconstruction keeps."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import torch
from torch import Tensor

from backend.core.fit.readings import Readings, is_giant
from backend.core.lm import LanguageModel, hook
from backend.core.lm.unembedding import is_plain, losses_of
from backend.core.sae import Sae

CPU_LOGITS = 1 << 21  # of one text: 8 positions of a vocabulary of 262,144


@dataclass(frozen=True)
class _Run:
    """A row as the model reads it: resid_post [1, pos, d_model], what each layer was called with,
    and the nats of its targets together.
    """

    row: list[int]
    resid: dict[int, Tensor]
    calls: dict[int, hook.Call]
    nats: float


class Recovered:
    """(H0 - H*) / (H0 - H), nats per token: 1 is perfect, 0 is the layer set to zero.

    H* replaces resid_post by the reconstruction and H0 by zero, at every position that is neither
    special nor giant. On a CPU a large vocabulary is scored on the beginning of the text.
    """

    @torch.inference_mode()
    def __init__(self, lm: LanguageModel, readings: Readings, layers: Collection[int]) -> None:
        """`layers`: those that the SAEs read."""
        self._lm, self._special = lm, readings.special
        self._runs: list[_Run] = []
        rows, most = readings.rows(), CPU_LOGITS // lm.vocab_size
        if lm.device.type == "cpu" and sum(map(len, rows)) > most:
            rows = [rows[0][: most + 1]]
        for row in rows if is_plain(lm.model) else ():
            with hook.capturing(frozenset(layers), stop=False) as kept, hook.recording() as calls:
                nats = float(lm.per_token_loss([row]).sum())
            self._runs.append(_Run(row, dict(kept), dict(calls), nats))

    @torch.inference_mode()
    def of(self, sae: Sae) -> float | None:
        """None where the SAE's input is normalised, or the family's head is not known."""
        if sae.normalize_activations != "none" or not self._runs:
            return None
        replaced, zeroed = torch.stack([self._two(sae, run) for run in self._runs]).sum(0).tolist()
        whole = sum(run.nats for run in self._runs)
        return round((zeroed - replaced) / (zeroed - whole), 4) if zeroed != whole else None

    def _two(self, sae: Sae, run: _Run) -> Tensor:
        """[2] summed nats: reconstructed, zeroed; both rows of one batch, which a layer reads
        its weights for once.
        """
        lm, resid = self._lm, run.resid[sae.layer]
        flat = resid[0].float()
        made = sae.reconstruct(sae.encode(flat), len(flat)).to(resid.dtype)
        special = torch.tensor([one in self._special for one in run.row], device=resid.device)
        edited = (~special & ~is_giant(flat))[:, None]
        hidden = torch.where(edited, torch.stack([made, torch.zeros_like(made)]), resid)
        for index in range(sae.layer + 1, lm.n_layers):
            call = run.calls[index]
            output = lm.layers[index](hidden, *call.args, **call.kwargs)
            hidden = output[0] if isinstance(output, tuple) else output
        target = torch.tensor(run.row[1:] * 2, device=resid.device)
        states = lm.final_norm(hidden[:, :-1].flatten(0, 1))
        return losses_of(lm.model, states, target).view(2, -1).sum(1)
