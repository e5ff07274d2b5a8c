"""What fits and what does not: said with both numbers, before anything is read."""

from pathlib import Path

import pytest

from backend.core import memory
from backend.core.sae import Sae
from tests.tiny import tiny_sae_dir


def test_what_does_not_fit_is_refused_with_both_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tiny_sae_dir(tmp_path, 0)
    monkeypatch.setattr(memory, "available_bytes", lambda device: 20_000)
    monkeypatch.setattr(
        "backend.core.sae.sae.read_array", lambda *args: pytest.fail("read before it was checked")
    )
    # (2·32·96 + 96 + 32) weights of four bytes, and 96 thresholds
    with pytest.raises(
        memory.DoesNotFit,
        match=r"SAE layer_0 needs 25\.5 kB on cpu, where 20\.0 kB are free: use a",
    ):
        Sae.load(folder)


def test_free_memory_is_what_the_control_group_leaves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "meminfo").write_text("MemTotal: 4000 kB\nMemAvailable:    2000 kB\n")
    monkeypatch.setattr(memory, "_MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    assert memory.available_bytes("cpu") == 2_048_000
    for name, text in {
        "memory.max": "1000000",
        "memory.current": "900000",
        "memory.stat": "anon 1\nfile 500000",
    }.items():
        (tmp_path / name).write_text(text)
    assert memory.available_bytes("cpu") == 600_000
    (tmp_path / "memory.max").write_text("max\n")
    assert memory.available_bytes("cpu") == 2_048_000
    assert memory.available_bytes("mps") is None
