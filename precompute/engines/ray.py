"""Workers on a Ray cluster: each an actor with model and SAEs of its own,
on one GPU or one CPU thread.

1. A worker gets its first task once it has read the weights, and the next whenever it has finished
   one.
2. When a worker is lost (its process, or its machine), its task goes to the next that is free, and
   a new worker is asked for; there may be no room for it, and the others go on.
3. A task that was lost TRIES times, or what the work itself raises, ends the run.
"""

from __future__ import annotations

import platform
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from types import TracebackType
from typing import Any, Generic

from backend.core.ray_cluster import join_cluster
from precompute.engines import R, Report, T, Work
from precompute.inputs import differing, inputs_of, listed
from precompute.job import BadInput, Job
from precompute.models import load_models

TRIES = 3
PATIENCE_S = 30.0  # without any answer before it is said what is waited for


class Worker:
    """Lives in a process of its own, as a Ray actor."""

    def load(self, job: Job, inputs: Mapping[str, str]) -> None:
        """Read model and SAEs; BadInput where this machine has other files under their paths."""
        import torch

        torch.set_num_threads(1)  # more workers make better use of a core than more threads
        self.lm, self.saes = load_models(job)
        if files := differing(inputs_of(replace(job, corpus=())), inputs):
            raise BadInput(
                f"a worker on {platform.node()} reads other files than this machine: "
                f"{listed(files)}."
            )

    def run(self, work: Work[T, R], task: T) -> tuple[R, int]:
        """(result, positions that were reported)."""
        done = 0

        def report(positions: int) -> None:
            nonlocal done
            done += positions

        return work(self.lm, self.saes, task, report), done


class _Queue(Generic[T]):
    """Tasks still to be given out, each with how often it was lost; read from `tasks` one ahead."""

    def __init__(self, tasks: Iterable[T]) -> None:
        self._tasks = iter(tasks)
        self._ready: deque[tuple[T, int]] = deque()
        self._read()

    def _read(self) -> None:
        self._ready.extend((task, 0) for task in islice(self._tasks, 1))

    def __bool__(self) -> bool:
        return bool(self._ready)

    def take(self) -> tuple[T, int]:
        first = self._ready.popleft()
        if not self._ready:
            self._read()
        return first

    def put_back(self, task: T, losses: int) -> None:
        self._ready.appendleft((task, losses))


class RayEngine:
    """A context manager: workers end with it."""

    def __init__(
        self,
        job: Job,
        *,
        address: str | None = None,
        workers: int | None = None,
    ) -> None:
        """`workers` defaults to the cluster's GPUs, or its CPUs for a job on a CPU. The job's paths
        must be absolute.

        BadInput or NoCluster for what cannot be; BadInput where a worker reads other files than
        this machine.
        """
        if job.device not in ("cpu", "cuda"):
            raise BadInput(
                f"--device is {job.device}; allowed with --engine ray: cpu, or cuda for one GPU "
                "a worker."
            )
        self.ray = join_cluster(address)
        try:
            self.n_workers, options = self._places(job.device == "cuda", workers)
        except BaseException:
            self.ray.shutdown()
            raise
        self._actor = self.ray.remote(Worker).options(
            scheduling_strategy="SPREAD", max_restarts=0, **options
        )
        self._job, self._inputs = job, inputs_of(replace(job, corpus=()))
        self._idle: list[Any] = []
        # reference of an answer that is awaited -> worker, and its task with its losses; None: the
        # worker loads
        self._asked: dict[Any, tuple[Any, tuple[Any, int] | None]] = {}
        self._lost_loading = 0
        for _ in range(self.n_workers):
            self._hire()

    def _places(self, gpu: bool, workers: int | None) -> tuple[int, dict[str, float]]:
        there = self.ray.cluster_resources()
        n_gpus, n_cpus = int(there.get("GPU", 0)), there.get("CPU", 0.0)
        if gpu and (workers or 1) > n_gpus:
            raise BadInput(
                f"--device cuda needs a GPU for each of {workers or 1} workers; the cluster has "
                f"{n_gpus}."
            )
        n = workers or (n_gpus if gpu else max(1, int(n_cpus)))
        # half of a worker's share of the CPUs: whole shares leave none for what else runs there,
        # and wait for ever
        return n, {"num_cpus": round(min(1.0, n_cpus / n) / 2, 4), "num_gpus": 1 if gpu else 0}

    def __enter__(self) -> RayEngine:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.ray.shutdown()

    def run(self, work: Work[T, R], tasks: Iterable[T], report: Report) -> Iterator[tuple[T, R]]:
        """In the order in which they end; `report` is told of whole tasks."""
        queue = _Queue(tasks)
        while queue or self._is_working():
            while queue and self._idle:
                self._give(self._idle.pop(), work, queue.take())
            for worker, given, answer in self._answers():
                if isinstance(answer, self.ray.exceptions.RayError):
                    self._replace(worker, given, answer, queue)
                    continue
                self._idle.append(worker)
                if given is not None:
                    result, positions = answer
                    report(positions)
                    yield given[0], result

    def _hire(self) -> None:
        worker = self._actor.remote()
        self._asked[worker.load.remote(self._job, self._inputs)] = worker, None

    def _give(self, worker: Any, work: Work[T, R], given: tuple[T, int]) -> None:
        self._asked[worker.run.remote(work, given[0])] = worker, given

    def _is_working(self) -> bool:
        return any(given is not None for _, given in self._asked.values())

    def _answers(self) -> Iterator[tuple[Any, tuple[Any, int] | None, Any]]:
        """(worker, its task, answer or loss) of one that has ended, or nothing after PATIENCE_S."""
        ended, _ = self.ray.wait(list(self._asked), num_returns=1, timeout=PATIENCE_S)
        if not ended and not self._is_working():
            print(
                f"{len(self._asked)} workers wait for room on the cluster, or load", file=sys.stderr
            )
        for reference in ended:
            worker, given = self._asked.pop(reference)
            try:
                yield worker, given, self.ray.get(reference)
            except self.ray.exceptions.RayTaskError as error:
                self._idle.append(worker)  # the work failed, not the worker
                raise error.cause from None
            except self.ray.exceptions.RayError as loss:
                yield worker, given, loss

    def _replace(
        self, worker: Any, given: tuple[T, int] | None, loss: Exception, queue: _Queue[T]
    ) -> None:
        """Give its task to another; BadInput when that was tried often enough."""
        said = str(loss).strip().splitlines()
        if "creation task" in said[0]:
            raise BadInput(
                f"a worker could not start ({said[-1].strip()}): every machine of the cluster "
                "needs this version of functionscope, and what it needs."
            ) from loss
        self.ray.kill(worker)  # it may live on where it cannot be reached
        losses = given[1] + 1 if given else 0
        self._lost_loading += given is None
        if losses >= TRIES or self._lost_loading >= TRIES * self.n_workers:
            raise BadInput(f"workers were lost again and again, the last one so: {said[0]}")
        print(f"a worker was lost; its work goes to another ({said[0]})", file=sys.stderr)
        if given:
            queue.put_back(given[0], losses)
        self._hire()
