"""Sparse autoencoders: which features of a dictionary fire on a residual stream, and how strongly.

Read from a folder in SAELens's layout (`cfg.json` + `sae_weights.safetensors`) without
importing sae-lens. Encoding is sparse: a dense block [rows, columns] is made for only as many
features at a time as fit a budget, since at width 2^20 a dense row of 256 tokens is 1 GB.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from math import isfinite
from pathlib import Path

import torch
from torch import Tensor

from backend.core.memory import EAGER_DECODER, require_memory, sae_bytes
from backend.core.sae.config import SaeConfig, read_config
from backend.core.sae.file import (
    CONFIG_FILE,
    IN_FLOAT32,
    check_arrays,
    check_unread,
    opened,
    read_array,
    require_finite,
    shapes,
)
from backend.core.sae.firings import Firings, flat_nonzero, joined
from backend.core.sae.gated import ungated

# Elements of one dense block: on a CPU what stays in cache, on a GPU what keeps it busy.
CPU_BLOCK, GPU_BLOCK = 1 << 21, 1 << 26
MIN_ROWS = 256  # W_enc is read once per this many positions at least


class Sae:
    """One dictionary of features over the residual stream after one decoder layer.

    Weights are in `dtype`; thresholds and activations are float32. For topk SAEs trained on
    decoder-norm-scaled activations the norms are folded into both matrices when loading,
    which leaves activations and reconstruction the same.
    """

    def __init__(
        self, folder: Path, config: SaeConfig, weights: dict[str, Tensor], sae_id: str
    ) -> None:
        self.folder, self.config, self.sae_id = folder, config, sae_id
        self.layer, self.d_model, self.d_sae = config.layer, config.d_model, config.d_sae
        self.architecture, self.l0 = config.architecture, config.l0
        self.normalize_activations = config.normalize_activations
        if config.architecture == "gated":
            weights = ungated(weights)
        # what each column of W_enc is multiplied by, and each row of W_dec divided by
        self._encoder_scale = weights.get("scale")
        self._decoder_scale: Tensor | None = None
        self.W_enc = self._folded(weights["W_enc"])
        self.b_enc, self.b_dec = weights["b_enc"], weights["b_dec"]
        zero = torch.zeros(self.d_sae, device=self.W_enc.device)
        # what an activation must exceed: the jump's threshold, and 0 for the ReLU inside it
        self.threshold = weights.get("threshold", zero).float().clamp(min=0.0)
        if config.architecture == "topk" and config.rescale_acts_by_decoder_norm:
            self._fold_decoder_norm()

    @classmethod
    def load(
        cls,
        folder: str | Path,
        *,
        device: str = "cpu",
        dtype: torch.dtype = torch.float32,
        sae_id: str | None = None,
    ) -> "Sae":
        """The encoder; W_dec is read when it is asked for. `sae_id` defaults to the folder's name.

        ValueError for whatever is missing or not understood; DoesNotFit, with both numbers, before
        reading.
        """
        folder = Path(folder)
        config = cls.check(folder)
        needed = sae_bytes(config.d_model, config.d_sae, dtype.itemsize)
        require_memory(f"SAE {sae_id or folder.name}", needed, device)
        weights = cls._read(folder, config, device, dtype, unread=("W_dec",))
        return cls(folder, config, weights, sae_id or folder.name)

    @staticmethod
    def _read(
        folder: Path, config: SaeConfig, device: str, dtype: torch.dtype, *, unread: Sequence[str]
    ) -> dict[str, Tensor]:
        check_unread(folder, config, unread)
        with opened(folder) as file:
            return {
                name: read_array(
                    folder, file, name, device, torch.float32 if name in IN_FLOAT32 else dtype
                )
                for name in shapes(config)
                if name not in unread
            }

    @staticmethod
    def check(folder: Path) -> SaeConfig:
        """The folder's configuration, if its arrays are all there in the right shapes; else
        ValueError.
        """
        config = read_config(folder / CONFIG_FILE)
        check_arrays(folder, config)
        return config

    # -- encoding --------------------------------------------------------------------------

    @torch.inference_mode()
    def encode(self, resid: Tensor, *, theta: float = 0.0, block: int | None = None) -> Firings:
        """resid [n, d_model] -> the firings strictly above `theta` (≥ 0).

        `block`: most elements of a dense intermediate; the default suits the device. ValueError
        for another width, a negative theta, or a residual that is not finite.
        """
        if not (isfinite(theta) and theta >= 0.0):
            raise ValueError(f"theta is {theta}; allowed: finite, 0 or more.")
        if self.config.k is not None:
            return self._encode_topk(self._input(resid), theta, block)
        sae_in = self._input(resid)
        floor = self.threshold.clamp(min=theta) if theta > 0.0 else self.threshold
        found: list[Firings] = []
        for rows, columns in self._blocks(len(sae_in), block):
            pre = self._pre(sae_in[rows], columns)
            fires = flat_nonzero(pre > floor[columns])
            width = pre.shape[1]
            position = fires.div(width, rounding_mode="floor")
            found.append(
                Firings(
                    position + rows.start,
                    fires - position * width + columns.start,
                    pre.flatten()[fires],
                )
            )
        return joined(found, sae_in.device)

    @torch.inference_mode()
    def encode_dense(self, resid: Tensor) -> Tensor:
        """float32 [n, d_sae], zero where a feature does not fire:
        the plain reference, for small SAEs.
        """
        pre = self._pre(self._input(resid), slice(0, self.d_sae))
        active = pre > self.threshold
        if self.config.k is not None:
            kept = pre.topk(min(self.config.k, self.d_sae), dim=-1).indices
            active &= torch.zeros_like(active).scatter_(-1, kept, True)
        return torch.where(active, pre, 0.0)

    @torch.inference_mode()
    def feature_activation(self, resid: Tensor, feature_index: int) -> Tensor:
        """float32 [n]: one feature's activation, from one encoder column (topk: from them all)."""
        self.check_feature(feature_index)
        if self.config.k is not None:
            firings = self.encode(resid)
            mine = firings.feature_index == feature_index
            activation = torch.zeros(resid.shape[0], device=resid.device)
            activation[firings.position[mine]] = firings.activation[mine]
            return activation
        pre = self._pre(self._input(resid), slice(feature_index, feature_index + 1))[:, 0]
        return torch.where(pre > self.threshold[feature_index], pre, 0.0)

    def reader(self, feature_index: int) -> Callable[[Tensor], Tensor]:
        """`feature_activation` of one feature, as a function of the residuals alone."""
        self.check_feature(feature_index)
        return lambda resid: self.feature_activation(resid, feature_index)

    # -- decoder ---------------------------------------------------------------------------

    @cached_property
    def W_dec(self) -> Tensor:
        """[d_sae, d_model]. Read whole on first use: 7.5 GB for a 2^20-wide SAE of Gemma 2 9B."""
        return self._read_decoder(slice(0, self.d_sae))

    def decoder_rows(self, feature_indices: Sequence[int]) -> Tensor:
        """W_dec rows [n, d_model]; a large decoder is read from the file, these rows only."""
        for feature_index in feature_indices:
            self.check_feature(feature_index)
        if "W_dec" in self.__dict__ or self.d_sae * self.d_model <= EAGER_DECODER:
            wanted = torch.tensor(feature_indices, dtype=torch.long, device=self.W_enc.device)
            return self.W_dec[wanted]
        rows = [self._read_decoder(slice(f, f + 1)) for f in feature_indices]
        return torch.cat(rows) if rows else self.W_enc.new_empty(0, self.d_model)

    def decode(self, firings: Firings, n_positions: int) -> Tensor:
        """float32 [n_positions, d_model]: the SAE's reconstruction of what it encoded.

        ValueError for an SAE that normalises its input: the scale it would need is not kept.
        """
        if self.normalize_activations != "none":
            raise ValueError(
                f"{self.sae_id} normalises its input ({self.normalize_activations}): it cannot "
                "decode."
            )
        return self.reconstruct(firings, n_positions)

    def reconstruct(self, firings: Firings, n_positions: int) -> Tensor:
        """The same in the scale of `normalised`, for any SAE."""
        used, place = firings.feature_index.unique(return_inverse=True)
        at, shape = torch.stack([firings.position, place]), (n_positions, len(used))
        sparse = torch.sparse_coo_tensor(at, firings.activation, shape, check_invariants=False)
        made: Tensor = torch.sparse.mm(sparse, self.decoder_rows(used.tolist()).float())
        return made.add_(self.b_dec)

    def check_feature(self, feature_index: int) -> None:
        """ValueError for an index outside the dictionary."""
        if not 0 <= feature_index < self.d_sae:
            raise ValueError(
                f"feature_index is {feature_index}; {self.sae_id} has features 0 to "
                f"{self.d_sae - 1}."
            )

    # -- inside ----------------------------------------------------------------------------

    def _input(self, resid: Tensor) -> Tensor:
        """What the encoder multiplies, as sae-lens prepares it."""
        if resid.dim() != 2 or resid.shape[1] != self.d_model:
            raise ValueError(
                f"resid is {tuple(resid.shape)}; {self.sae_id} needs [n, {self.d_model}]."
            )
        if not torch.isfinite(resid.sum()):
            raise ValueError(
                "resid holds NaN or infinity: the model's forward went wrong before the SAE."
            )
        x = self.normalised(resid)
        return x - self.b_dec if self.config.apply_b_dec_to_input else x

    def normalised(self, resid: Tensor) -> Tensor:
        """[n, d_model] in the weights' dtype: the stream, or as it is normalised before the encoder
        sees it.
        """
        x = resid.to(self.W_enc.device, self.W_enc.dtype)
        if self.normalize_activations == "constant_norm_rescale":
            x = x * (self.d_model**0.5 / x.norm(dim=-1, keepdim=True))
        elif self.normalize_activations == "layer_norm":
            x = x - x.mean(dim=-1, keepdim=True)
            x = x / (x.std(dim=-1, keepdim=True) + 1e-5)
        return x

    def _pre(self, sae_in: Tensor, columns: slice) -> Tensor:
        """Pre-activations float32 [rows, columns], rounded as the weights' dtype rounds them."""
        return torch.addmm(self.b_enc[columns], sae_in, self.W_enc[:, columns]).float()

    def _blocks(self, n: int, block: int | None) -> Iterator[tuple[slice, slice]]:
        budget = block or (GPU_BLOCK if self.W_enc.is_cuda else CPU_BLOCK)
        rows = max(min(MIN_ROWS, budget), budget // self.d_sae)
        columns = min(self.d_sae, max(1, budget // min(rows, max(n, 1))))
        for row in range(0, n, rows):
            for column in range(0, self.d_sae, columns):
                yield (
                    slice(row, min(row + rows, n)),
                    slice(column, min(column + columns, self.d_sae)),
                )

    def _encode_topk(self, sae_in: Tensor, theta: float, block: int | None) -> Firings:
        """The k largest pre-activations per position over all blocks, then those above theta."""
        k = min(self.config.k or 0, self.d_sae)
        found: list[Firings] = []
        best: tuple[Tensor, Tensor] | None = None
        for rows, columns in self._blocks(len(sae_in), block):
            pre = self._pre(sae_in[rows], columns)
            value, index = pre.topk(min(k, pre.shape[1]), dim=-1)
            index = index + columns.start
            if best is not None:
                value, index = torch.cat([best[0], value], -1), torch.cat([best[1], index], -1)
                value, kept = value.topk(min(k, value.shape[1]), dim=-1)
                index = index.gather(-1, kept)
            best = (value, index)
            if columns.stop == self.d_sae:
                index, order = index.sort(dim=-1)
                value, best = value.gather(-1, order), None
                row, slot = (value > theta).nonzero(as_tuple=True)
                found.append(Firings(row + rows.start, index[row, slot], value[row, slot]))
        return joined(found, sae_in.device)

    def _fold_decoder_norm(self) -> None:
        step = max(1, EAGER_DECODER // self.d_model)
        pieces = range(0, self.d_sae, step)
        norms = [
            self._read_decoder(slice(i, min(i + step, self.d_sae))).norm(dim=-1) for i in pieces
        ]
        self._decoder_scale = self._encoder_scale = torch.cat(norms)
        self.W_enc = self._folded(self.W_enc)
        self.b_enc = self.b_enc * self._decoder_scale

    def _folded(self, W_enc: Tensor) -> Tensor:
        return W_enc if self._encoder_scale is None else W_enc.mul(self._encoder_scale).to(W_enc)

    def _read_decoder(self, rows: slice) -> Tensor:
        with opened(self.folder) as file:
            part: Tensor = file.get_slice("W_dec")[rows.start : rows.stop].to(
                self.W_enc.device, self.W_enc.dtype
            )
        require_finite(self.folder, "W_dec", part, rows.start)
        # a row of zeros stays one: its feature cannot fire
        return (
            part
            if self._decoder_scale is None
            else part / self._decoder_scale[rows, None].clamp(min=1e-8)
        )
