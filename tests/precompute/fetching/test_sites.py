"""Which site of a model a published SAE reads is said by its release, and must be the stream."""

import re
from pathlib import Path

import pytest
import torch

from backend.core.presets import SaeSource
from backend.core.sae import Sae
from precompute.fetching import fetch
from tests.precompute.fetching.test_fetch import gemma_scope


def test_only_residual_saes_of_gemma_scope_are_converted_whichever_release_they_are_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SAEs of the MLP and of attention lie under the same paths; those of the MLP are as wide as
    the stream.
    """
    from sae_lens.loading.pretrained_saes_directory import get_pretrained_saes_directory

    params, asked = gemma_scope(tmp_path), list[str]()

    def hub(repo: str, filename: str) -> Path:
        asked.append(repo)
        return params

    monkeypatch.setattr(fetch, "download", hub)
    sites = {"att": "attn.hook_z", "mlp": "hook_mlp_out", "res": "hook_resid_post"}
    directory = get_pretrained_saes_directory()
    seen = dict.fromkeys([*sites, "embedding"], 0)
    for release in (name for name, one in directory.items() if one.conversion_func == "gemma_2"):
        kind = release.removesuffix("-canonical").rsplit("-", 1)[1]
        for sae_id in [
            list(directory[release].saes_map)[place]
            for place in (0, len(directory[release].saes_map) // 2)
        ]:
            named = re.match(r"layer_(\d+)/", sae_id)
            source = SaeSource("x", int(named[1]) if named else 0, tmp_path / "x", release, sae_id)
            asked.clear()
            if named and kind == "res":
                sae = Sae.load(fetch.fetch_sae(source, dtype=torch.float32))
                assert (sae.config.hook_name, len(asked)) == (f"blocks.{named[1]}.{sites[kind]}", 1)
            else:
                site = f"blocks.{named[1]}.{sites[kind]}" if named else "hook_embed"
                with pytest.raises(
                    ValueError,
                    match=f"{release} / {sae_id} reads {site}; only SAEs of the residual",
                ):
                    fetch.fetch_sae(source, dtype=torch.float32)
                assert not asked
            seen[kind if named else "embedding"] += 1
    assert all(seen.values())
