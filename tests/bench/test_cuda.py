"""The GPU's measurements, run on a CPU at a tiny shape; and what is said where there is no GPU."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import Gemma2ForCausalLM

from tests.bench import __main__ as bench
from tests.bench.cuda import GEMMA_2_9B, Device, Shape
from tests.tiny import tiny_config

TINY = Shape(
    name="tiny",
    config={"vocab_size": 1000, "max_position_embeddings": 128},
    dtype=torch.float32,
    layers=(0, 1, 2),
    d_sae=512,
    firings=8,
    prompt_tokens=16,
    new_tokens=4,
    edge_rows=4,
    edge_length=32,
    copied_bytes=1 << 20,
    side=64,
)


def test_every_measurement_runs_at_a_tiny_shape(tmp_path: Path) -> None:
    rows, failed = bench.measure_device(Device(TINY, "cpu"), list(bench.CUDA_NAMES), 3, tmp_path)
    assert not failed
    names = [row.name for row in rows]
    assert names == [
        "cuda_inspect_vs_read",
        "cuda_inspect_vs_read.features_only",
        "cuda_inspect_vs_plain",
        "cuda_steer_vs_bound",
        "cuda_steer_vs_generate",
        "cuda_edges",
    ]
    assert {row.target for row in rows} == {2.0, 0.6, 0.5, None}
    for row in rows:
        assert row.peer is not None
        assert row.value > 0 < row.peer
        assert row.ratio == pytest.approx(row.value / row.peer)


def test_the_sizes_are_those_of_the_published_model() -> None:
    """The published count of Gemma 2 9B; its weights are not made, only their shapes."""
    with torch.device("meta"):
        model = Gemma2ForCausalLM(tiny_config(**GEMMA_2_9B.config))
    assert sum(weight.numel() for weight in model.parameters()) == 9_241_705_984
    assert (GEMMA_2_9B.layers, GEMMA_2_9B.d_sae, GEMMA_2_9B.prompt_tokens) == (
        (9, 20, 31),
        1 << 20,
        64,
    )


def test_about_as_many_features_fire_as_were_asked_for() -> None:
    device = Device(replace(TINY, prompt_tokens=64), "cpu")
    tokens = torch.randint(3, 1000, (1, 100), generator=torch.Generator().manual_seed(1))
    for sae in device.saes:
        n = len(sae.encode(device.lm.resid_post(tokens, [sae.layer])[sae.layer][0])) / 100
        assert TINY.firings / 3 < n < 3 * TINY.firings


def test_weights_that_are_read_are_counted() -> None:
    device = Device(TINY, "cpu")
    assert device.encoder_bytes() == 3 * 32 * 512 * 4
    assert device.model_bytes(whole=True) == 4 * sum(
        weight.numel() for weight in device.lm.model.parameters()
    )
    assert 0 < device.model_bytes(whole=False) < device.model_bytes(whole=True)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_one_sentence_says_so(tmp_path: Path) -> None:
    out = tmp_path / "bench.json"
    command = [sys.executable, "-m", "tests.bench", "--device", "cuda", "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("python -m tests.bench: --device cuda needs a GPU that PyTorch")
    assert done.stderr.count("\n") == 1
    assert not out.exists()


def test_names_of_the_other_device_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        bench.main(["--only", "cuda_edges"])
    assert refused.value.code == 2
    assert "cuda_edges is measured with --device cuda" in capsys.readouterr().err


def test_a_written_file_is_a_list_of_rows(tmp_path: Path) -> None:
    rows, _ = bench.measure_device(Device(TINY, "cpu"), ["cuda_edges"], 2, tmp_path)
    bench.report.write(tmp_path / "bench.json", rows, 1)
    (entry,) = json.loads((tmp_path / "bench.json").read_text())
    assert {"name", "value", "unit", "peer", "ratio", "target", "holds"} <= set(entry)
