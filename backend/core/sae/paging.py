"""SAEs that do not all fit on the device:
an encoder moves in when it is used, the one unused for longest moves out.

What is paged is W_enc, nearly all of an SAE. Biases and thresholds stay on the device, decoder rows
are read from the file as they are asked for. The host's copy is the mapped file, so the host needs
no memory of its own for it.
"""

import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

from backend.core.memory import DoesNotFit, in_words
from backend.core.sae.file import opened, read_array
from backend.core.sae.firings import Firings
from backend.core.sae.sae import Sae


class Pager:
    """Device memory that paged SAEs share: `budget` bytes, reserved before an encoder moves in.

    Threads may share it: one that needs room waits until encoders that others use are let go. A
    thread uses one SAE at a time.
    """

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.moves = 0  # encoders moved in so far
        self._inside: OrderedDict[PagedSae, None] = OrderedDict()  # least recently used first
        self._users: Counter[PagedSae] = Counter()
        self._changed = threading.Condition()

    @property
    def held(self) -> int:
        """Bytes of the budget that are in use now."""
        return sum(sae.encoder_bytes for sae in list(self._inside))

    @contextmanager
    def holding(self, sae: "PagedSae") -> Iterator[None]:
        """Inside the block the encoder is on the device and stays there."""
        with self._changed:
            self._reserve(sae)
            self._users[sae] += 1
        try:
            yield
        finally:
            with self._changed:
                self._users[sae] -= 1
                self._changed.notify_all()

    def _reserve(self, sae: "PagedSae") -> None:
        while sae not in self._inside and self.held + sae.encoder_bytes > self.budget:
            idle = next((one for one in self._inside if not self._users[one]), None)
            if idle is None:
                self._changed.wait()
            else:
                del self._inside[idle]
                idle.move_out()
        if sae not in self._inside:
            sae.move_in()
            self._inside[sae] = None
            self.moves += 1
        self._inside.move_to_end(sae)


class PagedSae(Sae):
    """An SAE whose encoder is on the device only while it is used, within its pager's budget."""

    pager: Pager
    encoder_bytes: int

    @classmethod
    def paged(
        cls, folder: Path, pager: Pager, *, device: str, dtype: torch.dtype, sae_id: str
    ) -> "PagedSae":
        """Reads all but the encoder.

        DoesNotFit, with both numbers, for an encoder larger than the whole budget.
        """
        config = cls.check(folder)
        size = config.d_model * config.d_sae * dtype.itemsize
        if size > pager.budget:
            raise DoesNotFit(
                f"SAE {sae_id} needs {in_words(size)} on {device}, where "
                f"{in_words(pager.budget)} are there for SAEs: use a narrower SAE, bfloat16, a "
                "larger device, or a larger FUNCTIONSCOPE_SAE_BUDGET."
            )
        weights = cls._read(folder, config, device, dtype, unread=("W_enc", "W_dec"))
        weights["W_enc"] = torch.empty(config.d_model, 0, device=device, dtype=dtype)
        made = cls(folder, config, weights, sae_id)
        made.pager, made.encoder_bytes = pager, size
        return made

    def move_in(self) -> None:
        """For the pager: read the encoder from the file to the device."""
        with opened(self.folder) as file:
            self.W_enc = self._folded(
                read_array(self.folder, file, "W_enc", str(self.W_enc.device), self.W_enc.dtype)
            )

    def move_out(self) -> None:
        """For the pager: let the device's copy go."""
        self.W_enc = self.W_enc.new_empty(self.d_model, 0)

    def encode(self, resid: Tensor, *, theta: float = 0.0, block: int | None = None) -> Firings:
        with self.pager.holding(self):
            return super().encode(resid, theta=theta, block=block)

    def encode_dense(self, resid: Tensor) -> Tensor:
        with self.pager.holding(self):
            return super().encode_dense(resid)

    def feature_activation(self, resid: Tensor, feature_index: int) -> Tensor:
        with self.pager.holding(self):
            return super().feature_activation(resid, feature_index)

    def reader(self, feature_index: int) -> Callable[[Tensor], Tensor]:
        """With a copy of the one encoder column:
        steering with several SAEs would move them at every token.
        """
        if self.config.k is not None:
            return super().reader(feature_index)
        self.check_feature(feature_index)
        with self.pager.holding(self):
            column = self.W_enc[:, feature_index : feature_index + 1].clone()
        bias, threshold = self.b_enc[feature_index], self.threshold[feature_index]

        def read(resid: Tensor) -> Tensor:
            pre = torch.addmm(bias[None], self._input(resid), column).float()[:, 0]
            return torch.where(pre > threshold, pre, 0.0)

        return read

    def decoder_rows(self, feature_indices: Sequence[int]) -> Tensor:
        for feature_index in feature_indices:
            self.check_feature(feature_index)
        rows = [self._read_decoder(slice(f, f + 1)) for f in feature_indices]
        return torch.cat(rows) if rows else self.W_enc.new_empty(0, self.d_model)

    def _folded(self, W_enc: Tensor) -> Tensor:
        return super()._folded(W_enc) if W_enc.shape[1] else W_enc
