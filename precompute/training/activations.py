"""resid_post of a corpus on disk: one forward for all layers, shard by shard, for SAEs to be
trained on.

Kept in bfloat16, in a seeded random order within a shard. Left out: special tokens, and positions
of giant
norm, which are few, alike whatever the text says, and would take most of the squared error. A
position is
giant where its norm is more than GIANT times the median norm of that layer, taken over the first
shard.
"""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import sleep

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from tqdm import tqdm

from backend.core.lm import LanguageModel
from precompute.building.corpus import batches, load_shard
from precompute.job import BadInput, write_whole

GIANT = 2.5
BATCH_ROWS = 8


@dataclass(frozen=True)
class Harvest:
    """What is read and where it goes. `work` holds `rows/shard_N.npz` of the stage `tokens`."""

    model: str
    work: Path
    layers: tuple[int, ...]
    n_shards: int
    seed: int
    threads: int = 1
    device: str = "cpu"

    def path(self, shard: int) -> Path:
        """The shard's activations: one bfloat16 tensor [n, d_model] a layer, named by it."""
        return self.work / "activations" / f"shard_{shard:05d}.safetensors"

    def medians_path(self) -> Path:
        """The median norm of each layer, by which positions are giant."""
        return self.work / "activations" / "median_norms.json"

    def read(self, shard: int, layer: int) -> Tensor:
        """bfloat16 [n, d_model] of one layer."""
        with safe_open(self.path(shard), framework="pt") as file:
            kept: Tensor = file.get_tensor(f"layer_{layer}")
        return kept

    def median_norms(self) -> dict[int, float]:
        """By layer."""
        return {
            int(layer): norm for layer, norm in json.loads(self.medians_path().read_text()).items()
        }


def quick_products(layers: nn.Module) -> None:
    """Multiply in bfloat16 and go on in the residual stream's own precision: more than twice as
    fast here.
    """
    for module in layers.modules():
        if isinstance(module, nn.Linear):
            module.forward = _Rounded(module)  # type: ignore[method-assign, assignment]


class _Rounded:
    def __init__(self, linear: nn.Linear) -> None:
        self.weight = linear.weight.bfloat16().contiguous()
        self.bias = None if linear.bias is None else linear.bias.bfloat16()

    def __call__(self, x: Tensor) -> Tensor:
        return nn.functional.linear(x.bfloat16(), self.weight, self.bias).to(x.dtype)


@torch.inference_mode()
def shard_activations(
    lm: LanguageModel, work: Path, shard: int, layers: Sequence[int]
) -> dict[int, Tensor]:
    """float32 [n, d_model] by layer, of the shard's positions, neither padding nor special."""
    special = torch.tensor(sorted(lm.special_ids), device=lm.device)
    parts: dict[int, list[Tensor]] = {layer: [] for layer in layers}
    for tokens, lengths in batches(load_shard(work, shard), BATCH_ROWS):
        ids = torch.from_numpy(tokens).to(lm.device)
        used = (
            torch.arange(ids.shape[1], device=lm.device)
            < torch.from_numpy(lengths).to(lm.device)[:, None]
        )
        resid = lm.resid_post(ids, layers)  # padding is on the right: nothing before it sees it
        for layer in layers:
            parts[layer].append(resid[layer][used & ~torch.isin(ids, special)].float().cpu())
    return {layer: torch.cat(part) for layer, part in parts.items()}


def write_shard(lm: LanguageModel, harvest: Harvest, shard: int) -> None:
    """One shard, whole or not at all."""
    resid = shard_activations(lm, harvest.work, shard, harvest.layers)
    if not harvest.medians_path().exists():
        norms = {layer: float(x.norm(dim=-1).median()) for layer, x in resid.items()}
        write_whole(
            harvest.medians_path(), lambda temporary: temporary.write_text(json.dumps(norms))
        )
    medians = harvest.median_norms()
    kept = {}
    for layer, x in resid.items():
        x = x[x.norm(dim=-1) <= GIANT * medians[layer]]
        order = np.random.default_rng((harvest.seed, shard)).permutation(len(x))
        kept[f"layer_{layer}"] = x[torch.from_numpy(order)].bfloat16().contiguous()
    write_whole(harvest.path(shard), lambda temporary: save_file(kept, temporary))


def run_harvest(harvest: Harvest, *, told: bool = True) -> None:
    """All shards that are not there yet, in order. `told`: a bar on stderr says how far it is."""
    torch.set_num_threads(harvest.threads)
    todo = [shard for shard in range(harvest.n_shards) if not harvest.path(shard).exists()]
    if not todo:
        return
    lm = LanguageModel.load(harvest.model, device=harvest.device)
    quick_products(lm.layers)
    sizes = {shard: int(load_shard(harvest.work, shard).lengths.sum()) for shard in todo}
    with tqdm(
        total=sum(sizes.values()),
        unit="pos",
        unit_scale=True,
        desc="forward passes",
        mininterval=1,
        disable=not told,
    ) as bar:
        for shard, size in sizes.items():
            write_shard(lm, harvest, shard)
            bar.update(size)


class Harvester:
    """The harvest in a process of its own, so that training need not wait for the next shard."""

    def __init__(self, harvest: Harvest) -> None:
        self.harvest = harvest
        self.process = multiprocessing.get_context("spawn").Process(
            target=run_harvest, args=(harvest,), kwargs={"told": False}, daemon=True
        )

    def start(self) -> None:
        self.process.start()

    def wait_for(self, shard: int) -> None:
        """Until the shard is there; BadInput if the process ended without it."""
        while not self.harvest.path(shard).exists():
            if not self.process.is_alive() and not self.harvest.path(shard).exists():
                raise BadInput(
                    f"the forward passes ended with code {self.process.exitcode}; "
                    f"shard {shard} is not there."
                )
            sleep(0.5)

    def stop(self) -> None:
        if self.process.is_alive():
            self.process.terminate()
        self.process.join()
