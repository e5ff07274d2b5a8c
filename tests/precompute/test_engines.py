"""Local and Ray engines: the same tables to the last bit, whatever becomes of the workers."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq
import pytest

from backend.core.lm import LanguageModel
from backend.core.sae import Sae
from precompute.building.edges import shard_paths
from precompute.cli import main
from precompute.engines import Report
from precompute.engines.ray import RayEngine
from precompute.inputs import inputs_of
from precompute.job import BadInput, Job
from tests.precompute.conftest import N_SHARDS, Made
from tests.precompute.test_cli import contents, elsewhere
from tests.tiny_build import SAE_IDS, sentences, tiny_job

needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None,
    reason="RAY IS NOT INSTALLED, its engine was not tested: make install-dev",
)
RAY = ("--engine", "ray", "--workers", "2")


def same_shards(first: Path, second: Path) -> bool:
    """Whether edges and histograms of all shards are equal, bit for bit."""
    pairs = [
        zip(shard_paths(first, i), shard_paths(second, i), strict=True) for i in range(N_SHARDS)
    ]
    return all(pq.read_table(a).equals(pq.read_table(b)) for pair in pairs for a, b in pair)


GIVEN_TO_BOTH = 6  # tasks given out by when each of two workers that have both loaded had one


def while_both_work(monkeypatch: Any, act: Callable[[], object]) -> list[object]:
    """Do `act` in the middle of a run of two workers:
    both have loaded, both have had tasks, and many are left.

    Returns what `act` said, once it was done.
    """
    given: list[object] = []
    said: list[object] = []
    give = RayEngine._give

    def counted(engine: RayEngine, *args: Any) -> None:
        if not given:
            loading = list(engine._asked)
            engine.ray.wait(loading, num_returns=len(loading))
        give(engine, *args)
        given.append(args)
        if len(given) == GIVEN_TO_BOTH:
            said.append(act())

    monkeypatch.setattr(RayEngine, "_give", counted)
    return said


def kill_a_worker() -> bool:
    """kill -9 of a worker of this process's own cluster."""
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if process.name().startswith("ray::Worker"):
                process.kill()
                return True
    return False


@needs_ray
def test_a_killed_worker_changes_nothing(
    made: Made, tmp_path: Path, capsys: Any, monkeypatch: Any
) -> None:
    killed = while_both_work(monkeypatch, kill_a_worker)
    assert main(["all", *elsewhere(made, tmp_path), *RAY]) == 0
    assert killed == [True]
    assert "a worker was lost; its work goes to another" in capsys.readouterr().err
    assert same_shards(made.work, tmp_path / "work")
    assert contents(tmp_path / "b.duckdb") == contents(made.out)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head with one CPU; nodes can be added to it and taken away.

    This checkout is what they have installed.
    """
    os.environ["RAY_AUTH_MODE"] = "disabled"
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
        made = Cluster(
            initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False}
        )
        yield made
        made.shutdown()


@needs_ray
def test_a_lost_machine_changes_nothing(
    made: Made, cluster: Any, tmp_path: Path, capsys: Any, monkeypatch: Any
) -> None:
    """Relative paths, too: the workers have another current folder."""
    node = cluster.add_node(num_cpus=1)
    partials = tmp_path / "partials"
    monkeypatch.chdir(tmp_path)
    given = [*elsewhere(made, tmp_path, work="work"), *RAY, "--ray-address", cluster.address]
    assert main(["tokens", *elsewhere(made, tmp_path, work="work")]) == 0

    def lose_it() -> None:
        """Its workers too, at once: they would outlive the raylet for as long as
        they take to miss it.
        """
        for process in psutil.Process(node.all_processes["raylet"][0].process.pid).children(
            recursive=True
        ):
            process.kill()
        cluster.remove_node(node, allow_graceful=False)

    lost = while_both_work(monkeypatch, lose_it)
    assert main(["edges", *given, "--partials", "partials"]) == 0
    assert len(lost) == 1
    assert "a worker was lost" in capsys.readouterr().err
    assert same_shards(made.work, tmp_path / "work")
    assert [len(list((partials / kind).glob("*.parquet"))) for kind in ("edges", "bins")] == [
        N_SHARDS,
        N_SHARDS,
    ]


def work_of(folder: Path, lm: LanguageModel, saes: Sequence[Sae], task: str, report: Report) -> str:
    """Ends its process once ("once") or always ("always"), raises ("raise"), or answers."""
    mark = folder / "died"
    if task == "always" or (task == "once" and not mark.exists()):
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if task == "raise":
        raise BadInput("this cannot be")
    report(lm.n_layers + len(saes))
    return task.upper()


@needs_ray
def test_what_becomes_of_tasks(
    tiny_folder: Path, cluster: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr("precompute.engines.ray.TRIES", 2)
    job = tiny_job(tiny_folder, tmp_path, SAE_IDS, sentences())
    reported: list[int] = []
    with RayEngine(job, address=cluster.address, workers=1) as engine:
        run = partial(engine.run, partial(work_of, tmp_path), report=reported.append)
        assert sorted(run(["a", "once", "b", "c"])) == [
            ("a", "A"),
            ("b", "B"),
            ("c", "C"),
            ("once", "ONCE"),
        ]
        assert reported == [7, 7, 7, 7]
        assert list(run([])) == []
        with pytest.raises(BadInput, match="^this cannot be$"):
            list(run(["raise"]))
        with pytest.raises(BadInput, match="lost again and again"):
            list(run(["always"]))


@needs_ray
def test_a_machine_with_other_files_under_the_same_paths_is_found_out(
    tiny_folder: Path, cluster: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    job = tiny_job(tiny_folder, tmp_path, SAE_IDS, sentences())
    mine = inputs_of(replace(job, corpus=())) | {"SAE layer_2/cfg.json": "0" * 64}
    monkeypatch.setattr("precompute.engines.ray.inputs_of", lambda _: mine)
    with (
        RayEngine(job, address=cluster.address, workers=1) as engine,
        pytest.raises(
            BadInput, match=r"reads other files than this machine: SAE layer_2/cfg.json\."
        ),
    ):
        list(engine.run(partial(work_of, tmp_path), ["a"], lambda _: None))


class Broken:
    """What is left of a worker where the package is missing."""

    def __init__(self) -> None:
        raise ModuleNotFoundError("No module named 'precompute'")

    def load(self, job: Job, inputs: dict[str, str]) -> None:
        """Never reached."""


@needs_ray
def test_a_machine_without_the_package_is_found_out(
    tiny_folder: Path, cluster: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr("precompute.engines.ray.Worker", Broken)
    job = tiny_job(tiny_folder, tmp_path, SAE_IDS, sentences())
    with (
        RayEngine(job, address=cluster.address, workers=1) as engine,
        pytest.raises(
            BadInput,
            match=r"could not start \(ModuleNotFoundError: .*needs this version of functionscope",
        ),
    ):
        list(engine.run(partial(work_of, tmp_path), ["a"], lambda _: None))


@needs_ray
def test_workers_that_share_no_folder_are_found_out(
    made: Made, tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    """A worker that writes where this process cannot see it: no shard is taken for done."""

    class Elsewhere(RayEngine):
        def __init__(self, job: Job, **given: Any) -> None:
            pass

        def __exit__(self, *_: object) -> None:
            pass

        def run(self, work: Any, tasks: Any, report: Report) -> Any:
            return ((task, [[0.0], [0.0]]) for task in tasks)

    monkeypatch.setattr("precompute.engines.ray.RayEngine", Elsewhere)
    assert main(["tokens", *elsewhere(made, tmp_path)]) == 0
    assert main(["edges", *elsewhere(made, tmp_path), *RAY]) == 2
    assert "give --partials a folder or URL that every machine reaches" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--workers", "2"], "--workers is for --engine ray."),
        (["--ray-address", "auto"], "--ray-address is for --engine ray."),
        (["--partials", "x"], "--partials is for --engine ray."),
        (["--engine", "ray", "--workers", "0"], "--workers is 0; it must be 1 or more."),
        (
            ["--engine", "ray", "--ray-address", "here"],
            "--ray-address is 'here'; allowed: HOST:PORT",
        ),
        (
            ["--engine", "ray", "--ray-address", "127.0.0.1:1"],
            "no Ray cluster answers at --ray-address 127.0.0.1:1",
        ),
        (["--engine", "ray", "--ray-address", "127.0.0.1:99999"], "no Ray cluster answers"),
        (["--engine", "ray", "--partials", "nothing://x"], "--partials nothing://x cannot be used"),
        (
            ["--engine", "ray", "--device", "cuda:1"],
            "--device is cuda:1; allowed with --engine ray: cpu, or cuda",
        ),
    ],
)
def test_what_cannot_be_is_one_sentence(
    made: Made, tmp_path: Path, capsys: Any, given: list[str], said: str
) -> None:
    assert main(["edges", *elsewhere(made, tmp_path), *given]) == 2
    sentences = [
        line
        for line in capsys.readouterr().err.splitlines()
        if line.startswith("functionscope precompute")
    ]
    assert len(sentences) == 1
    assert said in sentences[0]


def test_without_ray_it_says_how_to_get_it(
    made: Made, tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main(["tokens", *elsewhere(made, tmp_path)]) == 0
    assert main(["edges", *elsewhere(made, tmp_path), "--engine", "ray"]) == 2
    assert "--engine ray needs Ray: pip install 'functionscope[ray]'." in capsys.readouterr().err


@needs_ray
def test_partials_of_another_job_are_refused(made: Made, tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "settings.json").write_text('{"n_tokens": 1}')
    assert main(["edges", *elsewhere(made, tmp_path), *RAY, "--partials", str(tmp_path)]) == 2
    assert "was made with other settings" in capsys.readouterr().err
