"""Which models are in memory, with models that are none."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from backend.serving.queueing import QueueFull
from backend.serving.residents import NoRoom, Residents


@dataclass(eq=False)
class Weights:
    """Loaded as soon as the loop comes to it; `log` holds what is in memory after every change."""

    title: str
    log: list[set[str]]
    needed: int | None = 10
    most_waiting: int = 3
    broken: bool = False
    there: bool = field(default=False, init=False)

    def begin(self, done: Callable[[], None]) -> None:
        self.there = not self.broken
        if self.there:
            self.log.append((self.log[-1] if self.log else set()) | {self.title})
        done()

    def unload(self) -> None:
        self.there = False
        self.log.append(self.log[-1] - {self.title})


def residents(budget: int | None = 10, seconds: float = 5.0) -> Residents:
    return Residents(budget, "cpu", seconds=seconds)


def test_one_at_a_time_whatever_is_asked_for_and_in_whichever_order() -> None:
    log: list[set[str]] = []
    models = [Weights(name, log) for name in "abc"]

    async def use(held: Residents, at: int) -> None:
        for step in range(12):
            model = models[(at + step * (1 + at % 2)) % 3]
            async with held.hold(model):
                assert model.there
                await asyncio.sleep(0.001 * (at % 3))
                assert model.there, "it was unloaded while it was used"

    async def run() -> None:
        held = residents()
        for model in models:
            model.most_waiting = 50
        await asyncio.gather(*(use(held, at) for at in range(20)))

    asyncio.run(run())
    assert {len(there) for there in log} <= {0, 1}
    assert {name for there in log for name in there} == {"a", "b", "c"}
    # those who wait for the same model are let in together: far fewer loads than the 240 uses
    assert sum(len(there) for there in log) < 120


def test_the_one_unused_for_longest_makes_room() -> None:
    log: list[set[str]] = []
    a, b, c = (Weights(name, log) for name in "abc")

    async def run() -> None:
        held = residents(budget=20)
        for model in (a, b, a, c):
            async with held.hold(model):
                pass

    asyncio.run(run())
    assert log[-1] == {"a", "c"}


def test_what_does_not_state_its_size_is_alone() -> None:
    log: list[set[str]] = []
    a, b = Weights("a", log), Weights("b", log, needed=None)

    async def run() -> None:
        held = residents(budget=None)
        for model in (a, b):
            async with held.hold(model):
                pass

    asyncio.run(run())
    assert log == [{"a"}, set(), {"b"}]


@pytest.mark.parametrize(("needed", "both"), [(1, True), (1 << 60, False)])
def test_without_a_bound_what_is_free_decides(needed: int, both: bool) -> None:
    log: list[set[str]] = []
    a, b = Weights("a", log), Weights("b", log, needed=needed)

    async def run() -> None:
        held = residents(budget=None)
        for model in (a, b):
            async with held.hold(model):
                pass

    asyncio.run(run())
    assert log[-1] == ({"a", "b"} if both else {"b"})


def test_a_model_in_use_stays_and_whoever_waits_is_told_why_not() -> None:
    log: list[set[str]] = []
    a, b = Weights("a", log), Weights("b", log)

    async def run() -> None:
        held = residents(seconds=0.05)
        async with held.hold(a):
            with pytest.raises(NoRoom, match=r"b \(0\.0 kB\).*beside a.*--memory"):
                async with held.hold(b):
                    raise AssertionError("there is no room")
            assert a.there
        async with held.hold(b):
            assert b.there

    asyncio.run(run())
    assert log == [{"a"}, set(), {"b"}]


def test_who_waits_for_room_is_not_passed_by_those_whose_model_is_there() -> None:
    log: list[set[str]] = []
    a, b = Weights("a", log), Weights("b", log)
    order: list[str] = []

    async def use(held: Residents, model: Weights, name: str) -> None:
        async with held.hold(model):
            order.append(name)

    async def run() -> None:
        held = residents()
        async with held.hold(a):
            waiting = asyncio.create_task(use(held, b, "b"))
            await asyncio.sleep(0.01)
            later = asyncio.create_task(use(held, a, "a again"))
            await asyncio.sleep(0.01)
            assert order == []
        await asyncio.gather(waiting, later)

    asyncio.run(run())
    assert order == ["b", "a again"]


def test_no_more_wait_than_may() -> None:
    a, b = (Weights(name, []) for name in "ab")

    async def use(held: Residents) -> None:
        async with held.hold(b):
            pass

    async def run() -> None:
        held = residents()
        async with held.hold(a):
            waiting = [asyncio.create_task(use(held)) for _ in range(3)]
            await asyncio.sleep(0.01)
            with pytest.raises(QueueFull, match="3 requests wait for b already"):
                await use(held)
        await asyncio.gather(*waiting)

    asyncio.run(run())


def test_one_that_cannot_be_loaded_lets_in_who_waits_and_is_tried_again() -> None:
    log: list[set[str]] = []
    a, b = Weights("a", log), Weights("b", log, broken=True)

    async def run() -> None:
        held = residents()
        async with held.hold(b):
            assert not b.there
        async with held.hold(a):
            assert a.there
        b.broken = False
        async with held.hold(b):
            assert b.there

    asyncio.run(run())
    assert log == [{"a"}, set(), {"b"}]


def test_a_request_that_is_given_up_leaves_no_trace() -> None:
    log: list[set[str]] = []
    a, b = Weights("a", log), Weights("b", log)

    async def use(held: Residents) -> None:
        async with held.hold(b):
            raise AssertionError("it was cancelled before")

    async def run() -> None:
        held = residents()
        async with held.hold(a):
            waiting = asyncio.create_task(use(held))
            await asyncio.sleep(0.01)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            assert not held.contested
            async with held.hold(a):
                assert a.there

    asyncio.run(run())
    assert log == [{"a"}]


def test_what_is_done_when_idle_gives_way_to_who_waits() -> None:
    a, b = (Weights(name, []) for name in "ab")

    async def run() -> None:
        held = residents()
        async with held.hold_if_idle(a) as may:
            assert not may  # it is not in memory
        async with held.hold(a):
            pass
        async with held.hold_if_idle(a) as may:
            assert may
            waiting = asyncio.create_task(_once(held, b))
            await asyncio.sleep(0.01)
            assert a.there
            assert held.contested
            async with held.hold_if_idle(a) as again:
                assert not again
        await waiting

    asyncio.run(run())


async def _once(held: Residents, model: Weights) -> None:
    async with held.hold(model):
        assert model.there
