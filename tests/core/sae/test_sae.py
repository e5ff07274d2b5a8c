"""SAEs: worked by hand, known by construction, and blockwise against dense NumPy."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from backend.core.sae import Firings, Sae
from tests.tiny import D_MODEL, D_SAE, tiny_sae_dir

ARCHITECTURES = ["jumprelu", "standard", "topk"]


def by_hand(tmp_path: Path, threshold: list[float] | None, **config: object) -> Sae:
    """d_model 2, d_sae 3, all weights one, b_enc [0, 1, -100], b_dec 0.5."""
    folder = tiny_sae_dir(
        tmp_path,
        0,
        architecture="standard" if threshold is None else "jumprelu",
        d_model=2,
        d_sae=3,
        **config,
    )
    weights = {
        "W_enc": torch.ones(2, 3),
        "b_enc": torch.tensor([0.0, 1.0, -100.0]),
        "W_dec": torch.ones(3, 2),
        "b_dec": torch.full((2,), 0.5),
    }
    if threshold is not None:
        weights["threshold"] = torch.tensor(threshold)
    save_file(weights, folder / "sae_weights.safetensors")
    return Sae.load(folder)


def listed(firings: Firings) -> list[tuple[int, int, float]]:
    return list(
        zip(
            firings.position.tolist(),
            firings.feature_index.tolist(),
            firings.activation.tolist(),
            strict=True,
        )
    )


def test_worked_by_hand(tmp_path: Path) -> None:
    resid = torch.tensor([[1.0, 2.0], [0.0, 0.0]])  # minus b_dec: sums 2 and -1
    assert listed(by_hand(tmp_path, None).encode(resid)) == [(0, 0, 2.0), (0, 1, 3.0)]
    # 2 is not above 2
    assert listed(by_hand(tmp_path, [2.0, 2.0, 0.0]).encode(resid)) == [(0, 1, 3.0)]
    unsubtracted = by_hand(tmp_path, [0.0, 2.0, 0.0], apply_b_dec_to_input=False)
    assert listed(unsubtracted.encode(resid)) == [(0, 0, 3.0), (0, 1, 4.0)]
    assert listed(unsubtracted.encode(resid, theta=3.0)) == [(0, 1, 4.0)]


def test_a_negative_threshold_does_not_let_negative_activations_fire(tmp_path: Path) -> None:
    sae = by_hand(tmp_path, [-5.0, -5.0, -5.0])
    assert listed(sae.encode(torch.tensor([[0.0, 0.0]]))) == []  # pre-activations -1, 0, -101


def test_identity_sae_reconstructs_exactly(tmp_path: Path) -> None:
    """Features +e_i and -e_i: every residual is its own reconstruction."""
    eye = torch.eye(4)
    folder = tiny_sae_dir(tmp_path, 0, architecture="standard", d_model=4, d_sae=8)
    weights = {
        "W_enc": torch.cat([eye, -eye], 1).contiguous(),
        "b_enc": torch.zeros(8),
        "W_dec": torch.cat([eye, -eye]),
        "b_dec": torch.tensor([1.0, -2.0, 0.5, 0.0]),
    }
    save_file(weights, folder / "sae_weights.safetensors")
    sae = Sae.load(folder)
    resid = torch.randn(7, 4, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(sae.decode(sae.encode(resid), 7), resid, atol=1e-6, rtol=1e-6)


def numpy_activations(folder: Path, resid: np.ndarray, theta: float) -> np.ndarray:
    """The definition, in float64: JumpReLU, ReLU or the k largest, then strictly above theta."""
    config = json.loads((folder / "cfg.json").read_text())
    w = {k: v.double().numpy() for k, v in load_file(folder / "sae_weights.safetensors").items()}
    x = resid.astype(np.float64) - (w["b_dec"] if config["apply_b_dec_to_input"] else 0.0)
    pre = x @ w["W_enc"] + w["b_enc"]
    if config["architecture"] == "topk":
        pre = pre * (
            np.linalg.norm(w["W_dec"], axis=1) if config["rescale_acts_by_decoder_norm"] else 1.0
        )
        cut = np.sort(pre, axis=1)[:, -config["k"]][:, None]
        pre = np.where(pre >= cut, pre, 0.0)
    floor = np.maximum(w.get("threshold", 0.0), 0.0)
    active = np.where(pre > floor, pre, 0.0)
    return np.where(active > theta, active, 0.0)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@settings(max_examples=25)
@given(
    n=st.integers(0, 9),
    block=st.integers(1, 400),
    theta=st.sampled_from([0.0, 0.5, 6.0]),
    seed=st.integers(0, 99),
)
def test_blocks_equal_dense_numpy(
    tmp_path_factory: pytest.TempPathFactory,
    architecture: str,
    n: int,
    block: int,
    theta: float,
    seed: int,
) -> None:
    folder = tiny_sae_dir(tmp_path_factory.mktemp("sae"), 1, architecture=architecture, seed=seed)
    sae = Sae.load(folder)
    resid = 5.0 * torch.randn(n, D_MODEL, generator=torch.Generator().manual_seed(seed))
    firings = sae.encode(resid, theta=theta, block=block)
    expected = numpy_activations(folder, resid.numpy(), theta)
    position, feature = expected.nonzero()  # row-major: by position, then feature
    assert firings.position.tolist() == position.tolist()
    assert firings.feature_index.tolist() == feature.tolist()
    np.testing.assert_allclose(
        firings.activation.numpy(), expected[position, feature], rtol=1e-4, atol=1e-5
    )
    if theta == 0.0:
        np.testing.assert_allclose(sae.encode_dense(resid).numpy(), expected, rtol=1e-4, atol=1e-5)
    assert firings.activation.dtype == torch.float32
    assert firings.position.dtype == firings.feature_index.dtype == torch.int64


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_one_feature_alone_equals_its_column(tmp_path: Path, architecture: str) -> None:
    sae = Sae.load(tiny_sae_dir(tmp_path, 1, architecture=architecture))
    resid = 5.0 * torch.randn(20, D_MODEL, generator=torch.Generator().manual_seed(0))
    dense = sae.encode_dense(resid)
    assert (dense > 0).any(0).sum() > 20
    for feature_index in range(0, D_SAE, 7):
        torch.testing.assert_close(
            sae.feature_activation(resid, feature_index),
            dense[:, feature_index],
            atol=1e-5,
            rtol=1e-5,
        )


def test_topk_norm_folding_keeps_the_reconstruction(tmp_path: Path) -> None:
    folder = tiny_sae_dir(tmp_path, 1, architecture="topk")
    weights = load_file(folder / "sae_weights.safetensors")
    weights["W_dec"] *= torch.linspace(0.5, 2.0, D_SAE)[:, None]
    save_file(weights, folder / "sae_weights.safetensors")
    sae = Sae.load(folder)
    resid = 5.0 * torch.randn(6, D_MODEL, generator=torch.Generator().manual_seed(0))
    activations = torch.from_numpy(numpy_activations(folder, resid.numpy(), 0.0)).float()
    scaled = activations / weights["W_dec"].norm(dim=-1)
    expected = scaled @ weights["W_dec"] + weights["b_dec"]
    torch.testing.assert_close(sae.decode(sae.encode(resid), 6), expected, atol=1e-4, rtol=1e-4)


def test_wide_dictionary_never_makes_a_dense_row_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sae = Sae.load(tiny_sae_dir(tmp_path, 0, d_sae=5000))
    largest = 0
    whole = sae._pre

    def watched(sae_in: torch.Tensor, columns: slice) -> torch.Tensor:
        nonlocal largest
        pre = whole(sae_in, columns)
        largest = max(largest, pre.numel())
        return pre

    resid = 5.0 * torch.randn(300, D_MODEL, generator=torch.Generator().manual_seed(0))
    expected = listed(sae.encode(resid))
    monkeypatch.setattr(sae, "_pre", watched)
    found = listed(sae.encode(resid, block=10_000))
    assert 0 < largest <= 10_000
    assert [f[:2] for f in found] == [f[:2] for f in expected]


def test_width_65536_in_blocks_equals_dense(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against one dense product in NumPy; no block may hold more than a sixteenth of it."""
    folder = tiny_sae_dir(tmp_path, 0, d_sae=1 << 16)
    sae, n = Sae.load(folder), 64
    resid = 3.0 * torch.randn(n, D_MODEL, generator=torch.Generator().manual_seed(0))
    expected = numpy_activations(folder, resid.numpy(), 0.0)
    sizes, whole = [], sae._pre
    monkeypatch.setattr(
        sae,
        "_pre",
        lambda x, columns: (
            sizes.append(len(x) * (columns.stop - columns.start)) or whole(x, columns)
        ),
    )
    firings = sae.encode(resid, block=n << 12)
    assert (len(sizes), max(sizes)) == (16, n << 12)
    position, feature = expected.nonzero()
    assert len(firings) > 1000
    assert (firings.position.tolist(), firings.feature_index.tolist()) == (
        position.tolist(),
        feature.tolist(),
    )
    np.testing.assert_allclose(
        firings.activation.numpy(), expected[position, feature], rtol=1e-4, atol=1e-5
    )


def test_loading_converts_in_parts_and_keeps_thresholds_exact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tiny_sae_dir(tmp_path, 0)
    stored = load_file(folder / "sae_weights.safetensors")
    monkeypatch.setattr("backend.core.sae.file.READ_AT_ONCE", 7 * D_SAE)
    sae = Sae.load(folder, dtype=torch.bfloat16)
    assert torch.equal(sae.W_enc, stored["W_enc"].bfloat16())
    assert torch.equal(sae.threshold, stored["threshold"])
    assert "W_dec" not in sae.__dict__  # the encoder alone until a decoder row is asked for


def test_large_decoders_are_read_by_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tiny_sae_dir(tmp_path, 0)
    eager = Sae.load(folder).decoder_rows([5, 0, 5])
    monkeypatch.setattr("backend.core.sae.sae.EAGER_DECODER", 10)
    sae = Sae.load(folder)
    assert torch.equal(sae.decoder_rows([5, 0, 5]), eager)
    assert "W_dec" not in sae.__dict__
    assert torch.equal(sae.W_dec, load_file(folder / "sae_weights.safetensors")["W_dec"])


def test_bfloat16_weights_give_float32_activations(tmp_path: Path) -> None:
    folder = tiny_sae_dir(tmp_path, 0)
    resid = 5.0 * torch.randn(50, D_MODEL, generator=torch.Generator().manual_seed(0))
    half = Sae.load(folder, dtype=torch.bfloat16).encode(resid)
    full = Sae.load(folder).encode(resid)
    assert half.activation.dtype == torch.float32
    a, b = ({(p, f) for p, f, _ in listed(x)} for x in (half, full))
    assert len(a & b) / len(a | b) > 0.9


@pytest.mark.parametrize("theta", [-0.1, float("nan"), float("inf")])
def test_bad_theta_is_refused(saes: dict[str, Sae], theta: float) -> None:
    with pytest.raises(ValueError, match="theta is"):
        saes["layer_0"].encode(torch.zeros(1, D_MODEL), theta=theta)


def test_bad_residuals_and_features_are_refused(saes: dict[str, Sae]) -> None:
    sae = saes["layer_0"]
    with pytest.raises(ValueError, match=r"needs \[n, 32\]"):
        sae.encode(torch.zeros(2, 31))
    with pytest.raises(ValueError, match="NaN"):
        sae.encode(torch.full((1, D_MODEL), float("nan")))
    for feature_index in (-1, D_SAE):
        with pytest.raises(
            ValueError, match=f"feature_index is {feature_index}; layer_0 has features 0 to 95"
        ):
            sae.feature_activation(torch.zeros(1, D_MODEL), feature_index)


def test_normalised_input_is_honoured(tmp_path: Path) -> None:
    resid = 5.0 * torch.randn(4, D_MODEL, generator=torch.Generator().manual_seed(0))
    plain = Sae.load(tiny_sae_dir(tmp_path, 0, architecture="standard"))
    scaled = Sae.load(
        tiny_sae_dir(
            tmp_path, 0, architecture="standard", normalize_activations="constant_norm_rescale"
        )
    )
    by_hand_scaled = resid * (D_MODEL**0.5 / resid.norm(dim=-1, keepdim=True))
    torch.testing.assert_close(scaled.encode_dense(resid), plain.encode_dense(by_hand_scaled))
    with pytest.raises(ValueError, match="cannot decode"):
        scaled.decode(scaled.encode(resid), 4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architecture": "vae"}, "architecture is 'vae'; allowed: gated, jumprelu, standard"),
        ({"d_in": 31}, r"W_enc is \(32, 96\); cfg.json calls for \(31, 96\)"),
        ({"d_sae": None}, "lacks d_sae"),
        ({"d_sae": "96"}, "d_sae is '96'; needed: a whole number"),
        ({"apply_b_dec_to_input": None}, "lacks apply_b_dec_to_input"),
        (
            {"normalize_activations": "expected_average_only_in"},
            "normalize_activations is 'expected_average",
        ),
        ({"reshape_activations": "hook_z"}, "reshape_activations is 'hook_z'"),
        ({"finetuning_scaling_factor": True}, "finetuning_scaling_factor"),
        ({"metadata": {}}, "hook_name is"),
        (
            {"metadata": {"hook_name": "blocks.1.hook_mlp_out"}},
            "hook_name is 'blocks.1.hook_mlp_out'",
        ),
        ({"metadata": {"hook_name": "blocks.0.hook_resid_pre"}}, "with N ≥ 1"),
        ({"metadata": {"hook_name": "blocks.0.hook_resid_post", "l0": "many"}}, "l0 is 'many'"),
        ({"architecture": "topk"}, "k is None"),
        (
            {"model_from_pretrained_kwargs": {"center_writing_weights": True}},
            "whose mean was subtracted",
        ),
    ],
)
def test_config_that_is_not_understood_is_refused(
    tmp_path: Path, changes: dict, message: str
) -> None:
    folder = tiny_sae_dir(tmp_path, 0)
    config = json.loads((folder / "cfg.json").read_text()) | changes
    (folder / "cfg.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=message):
        Sae.load(folder)


def test_resid_pre_is_the_output_of_the_layer_before(tmp_path: Path) -> None:
    folder = tiny_sae_dir(tmp_path, 3, metadata={"hook_name": "blocks.3.hook_resid_pre"})
    assert Sae.load(folder).layer == 2


def test_missing_and_broken_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="No .*cfg.json"):
        Sae.load(tmp_path / "nowhere")
    folder = tiny_sae_dir(tmp_path, 0)
    (folder / "sae_weights.safetensors").write_bytes(b"not safetensors")
    with pytest.raises(ValueError, match="not a readable safetensors file"):
        Sae.load(folder)
    (folder / "sae_weights.safetensors").unlink()
    with pytest.raises(ValueError, match="No .*sae_weights.safetensors"):
        Sae.load(folder)
    (folder / "cfg.json").write_text("[1]")
    with pytest.raises(ValueError, match="must hold a JSON object"):
        Sae.load(folder)
