"""The rest of `--device cuda`: edge extraction against the matrix product's rate,
and memory against the weights.
"""

from pathlib import Path

import numpy as np
import torch

from precompute.building.corpus import shard_path
from precompute.job import Job, save_arrays
from tests.bench.cuda import Device
from tests.bench.edge_comparison import BATCH_ROWS, Extraction
from tests.bench.report import Row, judged, speed_row
from tests.bench.timing import alternate


def cuda_edges(device: Device, rounds: int, scratch: Path) -> list[Row]:
    """One shard of random tokens: forward, sparse encode, sums and Parquet,
    in operations of model and encoders.
    """
    shape = device.shape
    n_tokens = shape.edge_rows * shape.edge_length
    extraction = prepare(device, scratch)
    n_weights = sum(
        weight.numel()
        for layer in device.lm.layers[: max(shape.layers) + 1]
        for weight in layer.parameters()
    )
    flops = 2 * n_tokens * (n_weights + len(device.saes) * device.lm.d_model * shape.d_sae)
    pairs = alternate(
        lambda _: device.seconds(extraction.run),
        lambda _: flops / device.matmul_rate(),
        rounds=rounds,
        warmup=1,
    )
    ours, _ = pairs.medians()
    note = (
        f"`precompute edges` on {shape.edge_rows} × {shape.edge_length} tokens "
        f"({n_tokens / ours:,.0f} tok/s, {extraction.n_firings():,} firings), counted as two "
        "operations a weight of the layers up to the deepest SAE and of the encoders, against a "
        f"{shape.side} × {shape.side} product in {shape.dtype}."
    )
    row = speed_row(
        "cuda_edges",
        pairs,
        work=flops / 1e12,
        unit="TFLOP/s",
        target=0.5,
        subject=shape.name,
        note=note,
    )
    return [row]


def prepare(device: Device, scratch: Path) -> Extraction:
    """The shard, written as the corpus job writes it."""
    shape, generator = device.shape, np.random.default_rng(0)
    rows = generator.integers(3, device.lm.vocab_size, size=(shape.edge_rows, shape.edge_length))
    rows[:, 0] = device.lm.bos_id or 0
    job = Job(
        model="random",
        saes=(),
        corpus=(),
        out=scratch / "unused.duckdb",
        work=scratch,
        weights=(),
        n_tokens=rows.size,
        ctx_len=shape.edge_length,
        batch_rows=BATCH_ROWS,
        n_shards=1,
    )
    lengths = np.full(len(rows), shape.edge_length)
    save_arrays(
        shard_path(scratch, 0), tokens=rows, lengths=lengths, documents=np.arange(len(rows))
    )
    return Extraction(device.lm, device.saes, job)


def cuda_memory(device: Device) -> list[Row]:
    """The most that torch has held since the device was loaded,
    against the weights; nothing on a CPU.
    """
    if device.device.type != "cuda":
        return []
    weights = (device.model_bytes(whole=True) + device.encoder_bytes()) / 1e9
    probes = (
        sum(one.numel() * one.element_size() for one in (*device._copied, *device._factors)) / 1e9
    )
    peak = torch.cuda.max_memory_allocated(device.device) / 1e9 - probes
    _, rule = judged(peak / weights, None, "<=", "ratio")
    note = (
        "Most memory that torch held over all measurements, the bounds' own probes left out, "
        "against the weights."
    )
    ratio = peak / weights
    return [
        Row(
            "cuda_memory",
            peak,
            "GB",
            weights,
            ratio,
            None,
            None,
            rule,
            (ratio, ratio),
            1,
            device.shape.name,
            note,
        )
    ]
