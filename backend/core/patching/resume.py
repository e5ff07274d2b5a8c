"""A prompt run once, and gone on with from after any layer, for many rows of edits at a time.

An edit after a layer changes nothing above or before it. So the layers up to it are not run again,
the positions before the first edit lie in a KV cache, and what remains is one batch: its rows
start from the prompt's own residual after that layer, each with its edits. The decoder layers are
called as the model called them.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import Cache, DynamicCache

from backend.core.lm import LanguageModel, hook
from backend.core.lm.interventions import Intervention, current_plan

Rows = Sequence[Sequence[Intervention]]


class Trunk:
    """One prompt from position `start` on, run once.

    `resid`: resid_post by layer, [pos, d_model], row i being position start + i. `cache` holds the
    keys and values of the whole prompt, also those that a sliding window has left behind.
    """

    @torch.inference_mode()
    def __init__(
        self, lm: LanguageModel, ids: Sequence[int], start: int = 0, before: Cache | None = None
    ) -> None:
        """`before`: a one-row cache that holds the first `start` positions at least, of the same
        tokens.

        ValueError for a start outside the prompt.
        """
        if not 0 <= start < len(ids):
            raise ValueError(
                f"start is {start}; allowed: 0 to {len(ids) - 1}, the prompt's positions."
            )
        self.lm, self.ids, self.start = lm, list(ids), start
        tokens = torch.tensor([self.ids], device=lm.device)
        if before is None:
            before = DynamicCache()
            if start:
                lm.fill(tokens[:, :start], before)
        self._before = before
        self.cache = self._copied(range(lm.n_layers), 1)
        whole = frozenset(range(lm.n_layers))
        with hook.capturing(whole, stop=False) as resid, hook.recording() as self._calls:
            lm.fill(tokens[:, start:], self.cache)
        self.resid = {layer: rows[0] for layer, rows in resid.items()}

    @property
    def last(self) -> Tensor:
        """[1, d_model]: after the last layer, at the last position."""
        return self.resid[self.lm.n_layers - 1][-1:]

    @torch.inference_mode()
    def after(self, layer: int, rows: Rows) -> Tensor:
        """[row, d_model]: resid_post of the last layer at the last position, with each row's
        interventions.

        ValueError for an intervention before `layer` or `start`, and for what
        `LanguageModel.intervening` refuses.
        """
        for one in (one for row in rows for one in row):
            first = one.first_position(len(self.ids))
            if one.layer < layer or first < self.start:
                raise ValueError(
                    f"An intervention is after layer {one.layer} from position {first} on; "
                    f"this run can be edited after layer {layer} and deeper, from position "
                    f"{self.start} on."
                )
        hidden = self.resid[layer].expand(len(rows), -1, -1)
        deeper = range(layer + 1, self.lm.n_layers)
        cache = self._copied(deeper, len(rows))
        with self.lm.intervening(rows, prompt_length=len(self.ids)):
            plan = current_plan()
            if plan is not None and plan.touches(layer):
                hidden = plan.apply(layer, hidden, self._calls[layer].kwargs.get("position_ids"))
            for index in deeper:
                hidden = self._called(index, hidden, cache)
        return hidden[:, -1]

    def _called(self, index: int, hidden: Tensor, cache: Cache) -> Tensor:
        """One decoder layer, as the model called it, on other rows and with their cache."""
        call = self._calls[index]
        args = [cache if isinstance(one, Cache) else one for one in call.args]
        kwargs: dict[str, Any] = {
            name: cache if isinstance(one, Cache) else one for name, one in call.kwargs.items()
        }
        output = self.lm.layers[index](hidden, *args, **kwargs)
        made: Tensor = output[0] if isinstance(output, tuple) else output
        return made

    def _copied(self, layers: Sequence[int], n_rows: int) -> DynamicCache:
        """What stands before `start`, for the layers, `n_rows` times; nothing is copied until a
        layer adds to it."""
        cache = DynamicCache()
        if self.start:
            for index in layers:
                kept = self._before.layers[index]
                keys, values = kept.keys[:, :, : self.start], kept.values[:, :, : self.start]
                cache.update(
                    keys.expand(n_rows, -1, -1, -1), values.expand(n_rows, -1, -1, -1), index
                )
        return cache
