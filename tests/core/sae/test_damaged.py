"""A weight that is NaN or infinite: refused with its feature, wherever it is and however the SAE is
read.
"""

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from backend.core.sae import Sae
from backend.core.sae import file as sae_file
from backend.core.sae.file import DamagedSae
from backend.core.sae.paging import PagedSae, Pager
from precompute.fetching.convert import convert_folder
from tests.tiny import D_MODEL, D_SAE, tiny_sae_dir

BAD = (float("nan"), float("inf"), float("-inf"))
ARRAYS = {
    "W_enc": (D_MODEL, D_SAE),
    "b_enc": (D_SAE,),
    "W_dec": (D_SAE, D_MODEL),
    "b_dec": (D_MODEL,),
}


def damage(
    folder: Path, name: str, at: tuple[int, ...], value: float, stored: torch.dtype = torch.float32
) -> Path:
    """The folder with one weight of one array changed, in the dtype that the file holds."""
    arrays = {
        key: array.to(stored)
        for key, array in load_file(folder / "sae_weights.safetensors").items()
    }
    arrays[name] = arrays[name].clone()
    arrays[name][at] = value
    save_file(arrays, folder / "sae_weights.safetensors")
    return folder


def ways(folder: Path, dtype: torch.dtype) -> dict[str, object]:
    """How an SAE is read, by name: on its own, paged, and converted."""
    return {
        "load": lambda: Sae.load(folder, dtype=dtype),
        "paged": lambda: PagedSae.paged(
            folder, Pager(1 << 20), device="cpu", dtype=dtype, sae_id="x"
        ),
        "converted": lambda: convert_folder(folder, folder.with_name("new"), dtype=dtype),
    }


@given(data=st.data())
@settings(max_examples=60)
def test_one_bad_weight_anywhere_is_refused_with_its_feature(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    architecture = data.draw(st.sampled_from(["jumprelu", "standard", "topk"]))
    shapes = ARRAYS | ({"threshold": (D_SAE,)} if architecture == "jumprelu" else {})
    name = data.draw(st.sampled_from(sorted(shapes)))
    at = tuple(data.draw(st.integers(0, size - 1)) for size in shapes[name])
    stored, dtype = (data.draw(st.sampled_from([torch.float32, torch.bfloat16])) for _ in range(2))
    folder = tiny_sae_dir(tmp_path_factory.mktemp("sae"), 0, architecture=architecture)
    damage(folder, name, at, data.draw(st.sampled_from(BAD)), stored)
    place = (
        f"at position {at[0]}"
        if name == "b_dec"
        else f"of feature {at[1] if name == 'W_enc' else at[0]}"
    )
    for way, read in ways(folder, dtype).items():
        with pytest.raises(DamagedSae, match=rf"{name} {place} holds (nan|inf|-inf)") as refused:
            read()
        assert "sae_weights.safetensors" in str(refused.value), way
    assert not folder.with_name("new").exists()


def test_parts_that_are_read_apart_name_the_feature_by_its_place_in_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sae_file, "READ_AT_ONCE", 3 * D_MODEL)
    folder = damage(tiny_sae_dir(tmp_path, 0), "W_dec", (61, 5), float("nan"))
    with pytest.raises(DamagedSae, match="W_dec of feature 61 holds nan"):
        Sae.load(folder)


def test_what_is_too_large_to_look_through_is_refused_when_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a decoder of width 2^20: its other rows can be used."""
    monkeypatch.setattr(sae_file, "CHECKED_AT_LOAD", 10)
    monkeypatch.setattr("backend.core.sae.sae.EAGER_DECODER", 10)
    folder = damage(tiny_sae_dir(tmp_path, 0), "W_dec", (61, 5), float("nan"))
    for sae in (
        Sae.load(folder),
        PagedSae.paged(folder, Pager(1 << 20), device="cpu", dtype=torch.float32, sae_id="x"),
    ):
        assert sae.decoder_rows([60, 62]).isfinite().all()
        with pytest.raises(DamagedSae, match="W_dec of feature 61 holds nan"):
            sae.decoder_rows([60, 61])
    damage(folder, "W_dec", (61, 5), 0.0)
    damage(folder, "W_enc", (5, 61), float("inf"))
    with pytest.raises(DamagedSae, match="W_enc of feature 61 holds inf"):
        Sae.load(folder)
    sae = PagedSae.paged(folder, Pager(1 << 20), device="cpu", dtype=torch.float32, sae_id="x")
    with pytest.raises(DamagedSae, match="W_enc of feature 61 holds inf"):
        sae.encode(torch.zeros(1, D_MODEL))


def test_a_number_that_the_dtype_cannot_hold_is_refused_and_large_finite_ones_are_not(
    tmp_path: Path,
) -> None:
    """The sum of these overflows float32, though none of them is infinite."""
    folder = tiny_sae_dir(tmp_path, 0)
    arrays = load_file(folder / "sae_weights.safetensors")
    save_file(arrays | {"b_enc": torch.full((D_SAE,), 3e38)}, folder / "sae_weights.safetensors")
    assert bool((Sae.load(folder).b_enc == 3e38).all())
    save_file(
        arrays | {"b_enc": torch.full((D_SAE,), 1e300, dtype=torch.float64)},
        folder / "sae_weights.safetensors",
    )
    with pytest.raises(DamagedSae, match="b_enc of feature 0 holds inf"):
        Sae.load(folder)


def test_a_decoder_row_of_zeros_is_no_division_by_zero(tmp_path: Path) -> None:
    """In a top-k SAE that scales by the decoder's norms: the feature cannot fire, and its row stays
    zero.
    """
    folder = tiny_sae_dir(tmp_path, 0, architecture="topk")
    arrays = load_file(folder / "sae_weights.safetensors")
    arrays["W_dec"][7] = 0.0
    save_file(arrays, folder / "sae_weights.safetensors")
    sae = Sae.load(folder)
    assert torch.equal(sae.decoder_rows([7]), torch.zeros(1, D_MODEL))
    assert not (sae.encode(5.0 * torch.randn(50, D_MODEL)).feature_index == 7).any()
