"""What is fetched and converted encodes as the publisher's own code does. Nothing is downloaded."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from backend.core.hub import ModelUnavailable, explain_hub_error
from backend.core.presets import SaeSource, load_preset, preset_names
from backend.core.sae import Sae
from precompute.fetching import convert, fetch
from tests.tiny import D_MODEL, D_SAE, tiny_sae_dir

SITE = "blocks.9.hook_resid_post"


def residuals(n: int = 40) -> torch.Tensor:
    return 5.0 * torch.randn(n, D_MODEL, generator=torch.Generator().manual_seed(3))


def gemma_scope(tmp_path: Path) -> Path:
    """`layer_9/width_16k/average_l0_122/params.npz`, as Gemma Scope lays it out."""
    weights = load_file(tiny_sae_dir(tmp_path, 9) / "sae_weights.safetensors")
    folder = tmp_path / "scope" / "layer_9" / "width_16k" / "average_l0_122"
    folder.mkdir(parents=True)
    np.savez(folder / "params.npz", **{name: weight.numpy() for name, weight in weights.items()})
    return folder / "params.npz"


def test_gemma_scope_reads_through_the_same_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = gemma_scope(tmp_path)
    monkeypatch.setattr(convert, "CHUNK_ROWS", 7)
    sae = Sae.load(
        convert.convert_gemma_scope(
            params, tmp_path / "out" / "layer_9_16k", dtype=torch.float32, hook_name=SITE
        )
    )
    assert (sae.sae_id, sae.layer, sae.l0, sae.d_model, sae.d_sae) == (
        "layer_9_16k",
        9,
        122.0,
        D_MODEL,
        D_SAE,
    )
    resid = residuals()
    p = np.load(params, allow_pickle=False)
    # Gemma Scope's own encode: b_dec is not subtracted
    pre = resid.numpy() @ p["W_enc"] + p["b_enc"]
    expected = (pre > p["threshold"]) * np.maximum(pre, 0)
    np.testing.assert_allclose(sae.encode_dense(resid).numpy(), expected, rtol=1e-4, atol=1e-5)
    firings = sae.encode(resid)
    assert len(firings) == (expected > 0).sum() > 0
    recon = expected @ p["W_dec"] + p["b_dec"]
    np.testing.assert_allclose(sae.decode(firings, len(resid)).numpy(), recon, rtol=1e-3, atol=1e-3)
    half = convert.convert_gemma_scope(
        params, tmp_path / "out" / "half", dtype=torch.bfloat16, hook_name=SITE
    )
    held = load_file(half / "sae_weights.safetensors")
    assert held["W_enc"].dtype == torch.bfloat16
    assert held["threshold"].dtype == torch.float32


def test_an_npz_that_is_not_plain_arrays_is_refused(tmp_path: Path) -> None:
    params = gemma_scope(tmp_path)
    good = dict(np.load(params))
    out = tmp_path / "out"
    np.savez(params, **(good | {"W_enc": np.array([{"a": 1}], dtype=object)}))
    with pytest.raises(ValueError, match="W_enc is not readable as a plain float array"):
        convert.convert_gemma_scope(params, out, dtype=torch.float32, hook_name=SITE)
    np.savez(params, **{name: array for name, array in good.items() if name != "threshold"})
    with pytest.raises(ValueError, match="threshold is not readable"):
        convert.convert_gemma_scope(params, out, dtype=torch.float32, hook_name=SITE)
    np.savez(params, **(good | {"b_enc": good["b_enc"][:-1]}))
    with pytest.raises(ValueError, match=r"b_enc is \(95,\)"):
        convert.convert_gemma_scope(params, out, dtype=torch.float32, hook_name=SITE)
    params.write_bytes(params.read_bytes()[:200])
    with pytest.raises(ValueError, match="not readable"):
        convert.convert_gemma_scope(params, out, dtype=torch.float32, hook_name=SITE)
    with pytest.raises(ValueError, match="not a Gemma Scope path"):
        convert.convert_gemma_scope(
            tmp_path / "params.npz", out, dtype=torch.float32, hook_name=SITE
        )
    assert not out.exists()
    assert not list(tmp_path.glob("*.new"))


@pytest.mark.parametrize("architecture", ["jumprelu", "standard", "topk"])
@pytest.mark.parametrize("applies", [True, False])
def test_agrees_with_sae_lens(tmp_path: Path, architecture: str, applies: bool) -> None:
    """Folders that sae-lens saves: read directly, and rewritten by us, encode as sae-lens does."""
    from sae_lens import SAE

    folder = tiny_sae_dir(tmp_path, 2, architecture=architecture, apply_b_dec_to_input=applies)
    theirs = SAE.load_from_disk(folder)
    saved = tmp_path / "saved"
    theirs.save_model(saved)
    resid = residuals()
    with torch.no_grad():
        expected = theirs.encode(resid)
        reconstruction = theirs.decode(expected)
    assert (expected > 0).any()
    rewritten = convert.convert_folder(saved, tmp_path / "rewritten", dtype=torch.float32)
    for sae in (Sae.load(saved), Sae.load(rewritten)):
        torch.testing.assert_close(sae.encode_dense(resid), expected, atol=1e-4, rtol=1e-4)
        firings = sae.encode(resid)
        assert list(
            zip(firings.position.tolist(), firings.feature_index.tolist(), strict=True)
        ) == [tuple(pair) for pair in expected.nonzero().tolist()]
        torch.testing.assert_close(
            sae.decode(firings, len(resid)), reconstruction, atol=1e-3, rtol=1e-3
        )
        assert (sae.layer, sae.l0) == (2, 10.0)


def test_normalising_sae_lens_folders_agree_too(tmp_path: Path) -> None:
    from sae_lens import SAE

    for way in ("layer_norm", "constant_norm_rescale"):
        folder = tiny_sae_dir(tmp_path, 2, architecture="standard", normalize_activations=way)
        with torch.no_grad():
            expected = SAE.load_from_disk(folder).encode(residuals())
        torch.testing.assert_close(
            Sae.load(folder).encode_dense(residuals()), expected, atol=1e-4, rtol=1e-4
        )


@pytest.mark.parametrize("applies", [True, False])
def test_centring_is_folded_exactly(tmp_path: Path, applies: bool) -> None:
    folder = tiny_sae_dir(tmp_path, 2, apply_b_dec_to_input=applies)
    sae = Sae.load(folder)
    weights = load_file(folder / "sae_weights.safetensors")
    folded = convert.fold_centring(weights, applies_b_dec=applies)
    resid = residuals() + 3.0
    centred = resid - resid.mean(-1, keepdim=True)
    sae.W_enc, expected = folded["W_enc"], sae.encode_dense(centred)
    sae.b_enc = folded["b_enc"]
    assert (expected > 0).any()
    torch.testing.assert_close(sae.encode_dense(resid), expected, atol=1e-4, rtol=1e-4)


def test_a_centred_folder_is_converted_to_one_of_the_plain_stream(tmp_path: Path) -> None:
    """As gpt2-small-res-jb is: sae-lens's encode of the centred stream equals
    ours of the stream.
    """
    from sae_lens import SAE

    metadata = {
        "hook_name": "blocks.3.hook_resid_pre",
        "sae_lens_version": "6.0.0",
        "model_from_pretrained_kwargs": {"center_writing_weights": True},
    }
    folder = tiny_sae_dir(tmp_path, 3, architecture="standard", metadata=metadata)
    with pytest.warns(UserWarning, match="model_from_pretrained_kwargs"):
        theirs = SAE.load_from_disk(folder)
    sae = Sae.load(convert.convert_folder(folder, tmp_path / "out", dtype=torch.float32))
    resid = residuals() + 2.0
    with torch.no_grad():
        expected = theirs.encode(resid - resid.mean(-1, keepdim=True))
    assert sae.layer == 2
    torch.testing.assert_close(sae.encode_dense(resid), expected, atol=1e-4, rtol=1e-4)


def test_sae_lens_folders_that_ask_for_another_stream_are_refused(tmp_path: Path) -> None:
    metadata = {
        "hook_name": "blocks.2.hook_resid_post",
        "sae_lens_version": "6.0.0",
        "model_from_pretrained_kwargs": {"rotate_everything": True},
    }
    folder = tiny_sae_dir(tmp_path, 2, metadata=metadata)
    with pytest.raises(ValueError, match="rotate_everything"):
        convert.convert_folder(folder, tmp_path / "out", dtype=torch.float32)
    with pytest.raises(ValueError, match="an SAE is a folder with cfg.json"):
        convert.convert_folder(tmp_path, tmp_path / "out", dtype=torch.float32)


def test_an_interrupted_conversion_leaves_the_old_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = gemma_scope(tmp_path)
    out = convert.convert_gemma_scope(params, tmp_path / "out", dtype=torch.float32, hook_name=SITE)
    before = (out / "sae_weights.safetensors").read_bytes()

    def full(*args: object, **kwargs: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(convert, "save_file", full)
    with pytest.raises(OSError, match="No space left"):
        convert.convert_gemma_scope(params, out, dtype=torch.bfloat16, hook_name=SITE)
    assert (out / "sae_weights.safetensors").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("out")] == ["out"]


def test_every_public_sae_of_the_presets_is_known_to_sae_lens() -> None:
    from sae_lens.loading.pretrained_saes_directory import get_pretrained_saes_directory

    directory = get_pretrained_saes_directory()
    for name in preset_names():
        for sae in load_preset(name).saes:
            if sae.release is not None:
                release = directory[sae.release]
                assert sae.id in release.saes_map, (name, sae.sae_id)
                published = release.expected_l0.get(sae.id) or None  # 0.0 stands for unknown
                assert sae.l0 == published, (name, sae.sae_id)
                width = re.search(r"width_(\w+)/", str(sae.id))
                if width:
                    assert sae.d_sae == {"16k": 1 << 14, "131k": 1 << 17, "1m": 1 << 20}[width[1]]


def test_fetching_a_preset_downloads_the_right_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The steering SAE of the paper, from a tiny params.npz in its place."""
    params, asked = gemma_scope(tmp_path), []

    def hub(repo: str, filename: str) -> Path:
        asked.append((repo, filename))
        return params

    monkeypatch.setattr(fetch, "download", hub)
    source = next(sae for sae in load_preset("gemma-2-9b", home=tmp_path).saes if sae.layer == 26)
    sae = Sae.load(fetch.fetch_sae(source, dtype=torch.bfloat16), dtype=torch.bfloat16)
    assert asked == [
        ("google/gemma-scope-9b-pt-res", "layer_26/width_16k/average_l0_116/params.npz")
    ]
    assert (sae.sae_id, sae.layer, sae.l0) == ("layer_26_16k", 26, 116.0)
    metadata = json.loads((source.path / "cfg.json").read_text())["metadata"]
    assert metadata["release"] == "gemma-scope-9b-pt-res"
    # which stands at the canonical name of the same file alone
    assert metadata["neuronpedia_id"] == "gemma-2-9b/26-gemmascope-res-16k"
    wrong = SaeSource("x", 25, tmp_path / "x", "gemma-scope-9b-pt-res", source.id)
    with pytest.raises(ValueError, match="x reads layer 26; the preset says 25"):
        fetch.fetch_sae(wrong, dtype=torch.float32)


def test_names_that_do_not_exist_are_refused_before_the_network(tmp_path: Path) -> None:
    def fetched(release: str | None, sae_id: str | None) -> None:
        fetch.fetch_sae(
            SaeSource("mine", 9, tmp_path / "mine", release, sae_id), dtype=torch.float32
        )

    with pytest.raises(ValueError, match="for instance: layer_9/width_131k"):
        fetched("gemma-scope-9b-pt-res", "layer_9/width_2k/average_l0_1")
    with pytest.raises(ValueError, match="no such release"):
        fetched("gemma-scope-99b", "layer_9")
    with pytest.raises(ModelUnavailable, match="mine is not public"):
        fetched(None, None)


class Cut(Exception):
    """Stands for a library's own error."""


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        (
            "GatedRepoError: 403 Client Error",
            "https://huggingface.co/google/gemma-2-9b with your account",
        ),
        ("RepositoryNotFoundError: 404 Client Error", "check the spelling"),
        ("LocalEntryNotFoundError: cannot find", "cannot be reached"),
        ("ConnectError: [Errno -2] Name or service not known", "cannot be reached"),
        ("EntryNotFoundError: params.npz", "lacks a file"),
        (
            "OSError: first line\nsomething else broke",
            "could not be loaded (Cut: something else broke)",
        ),
    ],
)
def test_hub_failures_are_one_sentence(cause: str, said: str) -> None:
    sentence = explain_hub_error("google/gemma-2-9b", Cut(cause))
    assert sentence.startswith("google/gemma-2-9b ")
    assert said in sentence
    assert "\n" not in sentence


def test_the_innermost_cause_is_told() -> None:
    outer = OSError("x is not a valid model identifier")
    outer.__cause__ = ConnectionError("Connection refused")
    assert "cannot be reached" in explain_hub_error("x", outer)
