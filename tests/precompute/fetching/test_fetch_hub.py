"""`functionscope fetch` against a hub on this machine:
done, cut off and resumed, and every refusal.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import load_file, save_file

from backend import cli
from backend.core import memory, presets
from backend.core.hub import ModelUnavailable, complete_snapshot
from backend.core.lm import LanguageModel
from backend.core.presets import Preset, SaeSource, load_preset
from backend.core.sae import Sae
from precompute.fetching import fetch
from tests.precompute.fetching import hub_server
from tests.precompute.fetching.hub_server import Hub
from tests.tiny import D_MODEL, D_SAE, tiny_sae_dir

REPO, SAE_REPO, LAYER = "google/gemma-2-9b", "google/gemma-scope-9b-pt-res", 26
SAE_PATH = "layer_26/width_16k/average_l0_116"


@pytest.fixture
def hub(tmp_path: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """The tiny Gemma 2 under the 9B's name, and a tiny SAE under Gemma Scope's."""
    weights = load_file(tiny_sae_dir(tmp_path, LAYER) / "sae_weights.safetensors")
    scope = tmp_path / "scope"
    (scope / SAE_PATH).mkdir(parents=True)
    np.savez(
        scope / SAE_PATH / "params.npz",
        **{name: weight.numpy() for name, weight in weights.items()},
    )
    with hub_server.serving(monkeypatch, tmp_path / "cache") as hub:
        hub.repos = {REPO: tiny_folder / "model", SAE_REPO: scope}
        yield hub


@pytest.fixture
def preset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Preset:
    """gemma-2-9b with the steering SAE alone, and the size that the tiny files have."""
    monkeypatch.setattr(presets, "DEFAULT_HOME", tmp_path / "home")
    full = load_preset("gemma-2-9b", home=tmp_path / "home")
    sae = replace(next(sae for sae in full.saes if sae.layer == LAYER), d_sae=D_SAE)
    own = replace(full, saes=(sae,), n_parameters=100_000, d_model=D_MODEL, dtype="float32")
    monkeypatch.setattr(
        presets, "load_preset", lambda name: own if name == own.name else load_preset(name)
    )
    return own


def left_behind(preset: Preset) -> list[Path]:
    return list(preset.saes[0].path.parent.glob("*"))


def test_a_preset_is_fetched_and_loads_offline_through_the_same_code(
    hub: Hub, preset: Preset, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Model and SAE from the hub's cache;
    firings of its residual stream equal JumpReLU in plain NumPy.
    """
    assert cli.main(["fetch", "gemma-2-9b"]) == 0
    said = capsys.readouterr().out
    assert "SAE 1 of 1, layer_26_16k" in said
    hub_server.point_at(
        monkeypatch, "http://127.0.0.1:1", Path(constants.HF_HUB_CACHE), offline=True
    )
    assert complete_snapshot(REPO) is not None
    lm = LanguageModel.load(REPO)
    sae = Sae.load(preset.saes[0].path)
    tokens = [lm.tokenize("What is the capital of Russia?\n")]
    resid = lm.resid_post(tokens, [2])[2][0]
    params = np.load(hub.repos[SAE_REPO] / SAE_PATH / "params.npz")
    pre = resid.numpy() @ params["W_enc"] + params["b_enc"]
    expected = np.where(pre > params["threshold"], np.maximum(pre, 0), 0)
    position, feature = expected.nonzero()
    firings = sae.encode(resid)
    assert len(firings) > 0
    assert (firings.position.tolist(), firings.feature_index.tolist()) == (
        position.tolist(),
        feature.tolist(),
    )
    np.testing.assert_allclose(
        firings.activation.numpy(), expected[position, feature], rtol=1e-4, atol=1e-5
    )
    # asked again without a network: all is here
    assert cli.main(["fetch", "gemma-2-9b"]) == 0
    assert capsys.readouterr().out.count("already at") == 2


def test_a_cut_download_leaves_nothing_and_goes_on_where_it_stopped(
    hub: Hub,
    preset: Preset,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    # the client waits a second before it tries again
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1000)
    params = hub.repos[SAE_REPO] / SAE_PATH / "params.npz"
    hub.cut_after, hub.downloads_left = params.stat().st_size // 10, 3
    assert "was cut off: start the same command again" in refused(
        capsys, "gemma-2-9b", "--saes-only"
    )
    assert left_behind(preset) == []
    before = len(hub.served)
    hub.downloads_left = None
    assert cli.main(["fetch", "gemma-2-9b", "--saes-only"]) == 0
    starts = [start for _, start in hub.served]
    assert starts[0] == 0 < starts[before]
    assert starts == sorted(starts)  # never from the start again
    # nothing twice on the disk
    assert list((tmp_path / "cache" / "functionscope-parts").iterdir()) == []
    expected = torch.from_numpy(np.load(params)["W_enc"])
    assert torch.equal(
        load_file(preset.saes[0].path / "sae_weights.safetensors")["W_enc"], expected
    )


def test_a_damaged_part_is_found_out(
    hub: Hub, preset: Preset, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    content = (hub.repos[SAE_REPO] / SAE_PATH / "params.npz").read_bytes()
    part = (
        tmp_path / "cache" / "functionscope-parts" / f"{hashlib.sha256(content).hexdigest()}.part"
    )
    part.parent.mkdir(parents=True)
    part.write_bytes(bytes(100))
    assert "came damaged and was deleted" in refused(capsys, "gemma-2-9b", "--saes-only")
    assert left_behind(preset) == []
    assert cli.main(["fetch", "gemma-2-9b", "--saes-only"]) == 0


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert cli.main(["fetch", *arguments]) == 2
    said = capsys.readouterr().err
    (sentence,) = [line for line in said.splitlines() if line.startswith("functionscope fetch: ")]
    return sentence


def test_refusals_are_one_sentence_and_exit_code_2(
    hub: Hub, preset: Preset, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "no preset 'gemma-3'; known: lab, gemma-3-270m" in refused(capsys, "gemma-3")
    hub.gated = {REPO}
    gated = refused(capsys, "gemma-2-9b")
    assert "https://huggingface.co/google/gemma-2-9b" in gated
    assert "HF_TOKEN" in gated
    hub.gated = {SAE_REPO}
    assert "https://huggingface.co/google/gemma-scope-9b-pt-res with" in refused(
        capsys, "gemma-2-9b", "--saes-only"
    )
    hub.gated, hub.repos = set(), {}
    assert "google/gemma-2-9b does not exist on huggingface.co" in refused(capsys, "gemma-2-9b")
    hub_server.point_at(monkeypatch, "http://127.0.0.1:1", Path(constants.HF_HUB_CACHE))
    assert "huggingface.co cannot be reached" in refused(capsys, "gemma-2-9b")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "huggingface.co cannot be reached" in refused(capsys, "gemma-2-9b", "--saes-only")
    assert left_behind(preset) == []
    assert complete_snapshot(REPO) is None


def test_too_small_a_disk_or_memory_is_said_before_anything_is_fetched(
    hub: Hub, preset: Preset, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    huge = replace(preset, n_parameters=10**15)
    with pytest.raises(
        ModelUnavailable, match=r"gemma-2-9b needs 4000000\.0 GB on the disk of .*GB are free"
    ):
        fetch.fetch_preset(huge, report=print)
    assert hub.served == []
    monkeypatch.setattr(memory, "available_bytes", lambda device: 1000)
    with pytest.raises(memory.DoesNotFit, match=r"needs \d+\.\d kB on cpu, where 1\.0 kB are free"):
        fetch.fetch_preset(preset, report=print, model=False)
    assert left_behind(preset) == []


def in_cache(cache: Path, repo: str, path: str) -> Path:
    """Where the hub's client would have put the folder `path`; its parents exist."""
    held = cache / f"models--{repo.replace('/', '--')}"
    (held / "refs").mkdir(parents=True)
    (held / "refs" / "main").write_text(hub_server.COMMIT)
    folder = held / "snapshots" / hub_server.COMMIT / path
    folder.parent.mkdir(parents=True)
    return folder


def test_a_release_of_sae_lens_is_read_from_the_cache_offline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A SAELens folder where the hub's client would have put it:
    encodes as NumPy does, without a network.
    """
    saved = tiny_sae_dir(tmp_path, 3, architecture="standard")
    folder = in_cache(
        tmp_path / "cache", "ctigges/pythia-70m-deduped__res-sm_processed", "3-res-sm"
    )
    saved.rename(folder)
    hub_server.point_at(monkeypatch, "http://127.0.0.1:1", tmp_path / "cache", offline=True)
    source = SaeSource(
        "layer_3",
        3,
        tmp_path / "out" / "layer_3",
        "pythia-70m-deduped-res-sm",
        "blocks.3.hook_resid_post",
    )
    sae = Sae.load(fetch.fetch_sae(source, dtype=torch.float32))
    weights = {
        name: weight.numpy()
        for name, weight in load_file(folder / "sae_weights.safetensors").items()
    }
    resid = 5.0 * np.random.default_rng(0).standard_normal((20, D_MODEL)).astype(np.float32)
    expected = np.maximum((resid - weights["b_dec"]) @ weights["W_enc"] + weights["b_enc"], 0)
    position, feature = expected.nonzero()
    firings = sae.encode(torch.from_numpy(resid))
    assert (firings.position.tolist(), firings.feature_index.tolist()) == (
        position.tolist(),
        feature.tolist(),
    )
    np.testing.assert_allclose(
        firings.activation.numpy(), expected[position, feature], rtol=1e-4, atol=1e-5
    )


def test_llama_scope_is_read_with_its_scale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its SAEs read a stream scaled by a published factor:
    converted, they read it as it is, as sae-lens does.
    """
    from sae_lens import SAE

    folder = in_cache(tmp_path / "cache", "fnlp/Llama3_1-8B-Base-LXR-8x", "Llama3_1-8B-Base-L7R-8x")
    (folder / "checkpoints").mkdir(parents=True)
    weights = load_file(tiny_sae_dir(tmp_path, 7) / "sae_weights.safetensors")
    theirs = {"encoder.weight": weights["W_enc"].T, "encoder.bias": weights["b_enc"]}
    theirs |= {"decoder.weight": weights["W_dec"].T, "decoder.bias": weights["b_dec"]}
    contiguous = {name: weight.contiguous() for name, weight in theirs.items()}
    save_file(contiguous, folder / "checkpoints" / "final.safetensors")
    stated = {
        "d_model": D_MODEL,
        "d_sae": D_SAE,
        "jump_relu_threshold": 0.5,
        "hook_point_in": "blocks.7.hook_resid_post",
    }
    (folder / "hyperparams.json").write_text(
        json.dumps(stated | {"dataset_average_activation_norm": {"in": 0.522}})
    )
    hub_server.point_at(monkeypatch, "http://127.0.0.1:1", tmp_path / "cache", offline=True)
    source = SaeSource(
        "layer_7_32k", 7, tmp_path / "out" / "layer_7_32k", "llama_scope_lxr_8x", "l7r_8x"
    )
    sae = Sae.load(fetch.fetch_sae(source, dtype=torch.float32))
    resid = torch.randn(20, D_MODEL, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = SAE.from_pretrained(
            "llama_scope_lxr_8x", "l7r_8x", device="cpu", dtype="float32"
        ).encode(resid)
    assert (expected > 0).any()
    assert (sae.layer, sae.l0) == (7, 50.0)
    torch.testing.assert_close(sae.encode_dense(resid), expected, atol=1e-4, rtol=1e-4)
    scale = 10.835978835978835  # as sae-lens publishes it for this SAE
    by_hand = (resid.numpy() * scale) @ weights["W_enc"].numpy() + weights["b_enc"].numpy()
    fires = expected.numpy() > 0
    # stored in bfloat16
    np.testing.assert_allclose(expected.numpy()[fires], by_hand[fires], rtol=1e-2, atol=0.1)
