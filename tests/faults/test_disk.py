"""A disk that is full or read-only, files that were cut short, a clock that runs backwards."""

import os
import resource
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from safetensors.torch import load_file, save_file

from backend.core.presets import SaeSource
from backend.core.runs import RunStore, RunsUnavailable
from backend.core.store import Store, StoreError
from backend.serving.loading import load_preset_models
from precompute.cli import run_job
from precompute.job import Job
from tests.faults.conftest import Start, forked
from tests.tiny_build import SAE_IDS, sentences, tiny_job, tiny_preset

ROOT = os.geteuid() == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte; skipped where it cannot be mounted."""
    place = tmp_path / "small"
    place.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)],
        capture_output=True,
        text=True,
    )
    if made.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {made.stderr.strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def runs_until_full(path: Path) -> int:
    """Record until the store refuses; how many were acknowledged.

    All of them must be readable afterwards.
    """
    store, kept, refused = RunStore(path), 0, ""
    while not refused and kept < 5000:
        noise = os.urandom(6000).hex()
        try:
            assert (
                store.put(f"{kept:020x}", "inspect", request={}, result={"x": noise}, provenance={})
                is not None
            )
            kept += 1
        except RunsUnavailable as error:
            refused = str(error)
    assert "cannot be used" in refused
    assert kept > 0
    for n in range(kept):
        assert store.get(f"{n:020x}") is not None
    store.close()
    return kept


def test_a_full_disk_refuses_new_runs_and_keeps_the_old(small_disk: Path) -> None:
    kept = runs_until_full(small_disk / "runs.sqlite")
    for path in small_disk.glob("filler"):
        path.unlink()
    print(f"{kept} runs on a full disk, all readable")


def test_a_file_size_limit_is_a_full_disk_too(tmp_path: Path) -> None:
    """Where no file system can be mounted: the kernel refuses to let a file grow."""

    def fill() -> None:
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
        runs_until_full(tmp_path / "runs.sqlite")

    child = forked(fill, tmp_path / "log")
    assert child.wait() == 0, (tmp_path / "log").read_text()


def test_a_job_on_a_full_disk_stops_without_a_build_and_resumes(
    tiny_folder: Path, tmp_path: Path
) -> None:
    job = tiny_job(tiny_folder, tmp_path / "job", SAE_IDS[:1], sentences())

    def limited() -> None:
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        run_job("all", job)

    assert forked(limited, tmp_path / "log").wait(300) == 1
    assert not job.out.exists()
    assert forked(lambda: run_job("all", job), tmp_path / "log").wait(300) == 0, (
        tmp_path / "log"
    ).read_text()
    store = Store.open(job.out)
    assert store.saes()
    store.close()


def test_a_read_only_place_for_runs_is_said_and_the_rest_works(
    start: Start, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    store = RunStore(kept / "runs.sqlite")
    store.put("ab" * 10, "inspect", request={"prompt": "x"}, result={"tokens": []}, provenance={})
    store.close()
    if ROOT:  # permissions do not bind root: mount it read-only
        if subprocess.run(
            ["mount", "--bind", str(kept), str(kept)], capture_output=True
        ).returncode:
            pytest.skip("nothing can be mounted here, and permissions do not bind root")
        subprocess.run(["mount", "-o", "remount,bind,ro", str(kept)], check=True)
    else:
        kept.chmod(0o500)
        (kept / "runs.sqlite").chmod(0o400)
    try:
        served = start(runs=kept / "runs.sqlite")
        with httpx.Client(base_url=served.url, timeout=30) as client:
            refused = client.post(
                "/api/runs", json={"kind": "inspect", "request": {"prompt": "new"}}
            )
            assert refused.status_code == 503
            assert str(kept) in refused.json()["detail"]
            assert client.get("/api/tokens").status_code == 200
            assert client.post("/api/inspect", json={"prompt": "a"}).status_code == 200
            health = client.get("/api/health").json()
            assert health["status"] == "degraded"
            assert str(kept) in " ".join(health["why"])
            served.child.kill()
            served.child.wait()
    finally:
        if ROOT:
            subprocess.run(["umount", str(kept)], check=True)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_build_that_was_cut_short_is_named_and_live_work_goes_on(
    build_path: Path, tmp_path: Path, start: Start, share: float
) -> None:
    cut = tmp_path / "cut.duckdb"
    whole = build_path.read_bytes()
    cut.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(StoreError, match="cut.duckdb"):
        Store.open(cut).tokens(limit=1)
    if share != 0.5:
        return  # one server is enough: the others differ in the store alone
    served = start(build=cut)
    with httpx.Client(base_url=served.url, timeout=30) as client:
        refused = client.get("/api/tokens")
        assert refused.status_code == 503
        assert "cut.duckdb" in refused.json()["detail"]
        assert "precompute" in refused.json()["detail"]
        assert client.post("/api/inspect", json={"prompt": "a"}).status_code == 200
        assert client.get("/api/health").json()["status"] == "degraded"
        shutil.copy(build_path, tmp_path / "whole")
        os.replace(tmp_path / "whole", cut)
        assert client.get("/api/tokens").status_code == 200
        assert client.get("/api/health").json()["status"] == "live"


@pytest.mark.parametrize(
    "damage", ["truncated", "garbage", "empty", "other version", "not a number"]
)
def test_a_damaged_sae_is_left_out_and_named(
    tiny_folder: Path, build_path: Path, tmp_path: Path, damage: str
) -> None:
    bad = tmp_path / "layer_2"
    shutil.copytree(tiny_folder / "saes" / "layer_2", bad)
    weights = bad / "sae_weights.safetensors"
    if damage == "truncated":
        weights.write_bytes(weights.read_bytes()[:-100])
    elif damage == "garbage":
        weights.write_bytes(b"\xff" * 4096)
    elif damage == "empty":
        weights.write_bytes(b"")
    elif damage == "not a number":
        arrays = load_file(weights)
        arrays["W_dec"][3, 1] = float("nan")
        save_file(arrays, weights)
    else:
        (bad / "cfg.json").write_text('{"architecture": "of the future", "d_in": 32, "d_sae": 96}')
    preset = tiny_preset(tiny_folder, build_path)
    good = [source for source in preset.saes if source.sae_id != "layer_2"]
    damaged = tiny_preset(tiny_folder, build_path, saes=(*good, SaeSource("layer_2", 2, bad)))
    loaded = load_preset_models(damaged, device="cpu", dtype=None, threads=1)
    assert set(loaded.saes) == {"layer_0", "layer_3"}
    assert str(bad) in loaded.damaged["layer_2"]


def test_truncated_model_weights_are_named(
    tiny_folder: Path, build_path: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "model"
    shutil.copytree(tiny_folder / "model", bad)
    (weights,) = bad.glob("*.safetensors")
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(Exception, match=str(bad)):
        load_preset_models(
            tiny_preset(tiny_folder, build_path, model=str(bad)),
            device="cpu",
            dtype=None,
            threads=1,
        )


def test_a_clock_that_runs_backwards_changes_no_result(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Resuming goes by what is in the files, not by their dates."""
    job: Job = tiny_job(tiny_folder, tmp_path / "job", SAE_IDS[:1], sentences())
    run_job("tokens", job)
    for path in job.work.rglob("*"):
        os.utime(path, (time.time() + 10 * 86_400, time.time() + 10 * 86_400))
    monkeypatch.setattr(time, "time", lambda: 1_000_000.0)
    run_job("all", job)
    store = Store.open(job.out)
    assert store.tokens(limit=1)[1] > 0
    store.close()
    runs = RunStore(tmp_path / "runs.sqlite")
    assert runs.put("a" * 20, "inspect", request={}, result={}, provenance={}) is not None
    assert runs.get("a" * 20) is not None
    runs.close()
