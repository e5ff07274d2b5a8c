"""Requests of one kind that wait for the model at the same time share one turn at it.

Nobody is made to wait for company. Whoever comes to the front of the queue takes along those of its
kind that wait by then and fit beside it, also past requests of another kind: riding along costs
those less than a turn. Each answer is given out as soon as it is made; a client that leaves takes
away its own part and nothing else. All of it belongs to the event loop, but for `_work`, which runs
in the model's thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from backend.serving.queueing import Ticket

Work = TypeVar("Work")
Gone = Callable[[int], bool]  # whether nobody waits any more for the answer of that index


@dataclass(eq=False)
class _Member(Generic[Work]):
    ticket: Ticket
    work: Work
    answer: asyncio.Future[bytes | None]
    taken: bool = False


class Joiner(Generic[Work]):
    """`together` does several pieces of work and yields (index, answer) as each is made, without
    those that are gone; `fits` says whether pieces may be done together. One piece alone always
    may.
    """

    def __init__(
        self,
        together: Callable[[Sequence[Work], Gone], Iterator[tuple[int, bytes]]],
        fits: Callable[[Sequence[Work]], bool],
    ) -> None:
        self._together, self._fits = together, fits
        self._waiting: dict[Ticket, _Member[Work]] = {}  # in the order of the queue

    async def answer(self, ticket: Ticket, work: Work) -> bytes | None:
        """Wait for a turn, one's own or another's; None when cancelled.

        Raises what the work raises, or LiveTimeout.
        """
        member = _Member(ticket, work, asyncio.get_running_loop().create_future())
        self._waiting[ticket] = member
        try:
            await ticket.turn()
            if not member.taken:
                if ticket.stop.is_set():
                    return None
                self._lead(member)
            return await member.answer
        finally:
            self._waiting.pop(ticket, None)

    def _lead(self, leader: _Member[Work]) -> None:
        """Begin the work of `leader` and of all that fit beside it."""
        members = [leader]
        for other in list(self._waiting.values()):
            if other is leader or other.ticket.stop.is_set():
                continue
            if self._fits([*(one.work for one in members), other.work]):
                members.append(other)
        for member in members:
            member.taken = True
            del self._waiting[member.ticket]
        for rider in members[1:]:
            rider.ticket.moved(0)
        loop = asyncio.get_running_loop()
        done = leader.ticket.start(lambda: self._work(loop, leader.ticket, members))
        done.add_done_callback(lambda _: _close(leader.ticket, members))

    def _work(
        self, loop: asyncio.AbstractEventLoop, leader: Ticket, members: Sequence[_Member[Work]]
    ) -> None:
        """In the model's thread.

        What fails together is done one by one: a failure belongs to its own request.
        """
        told: set[int] = set()

        def gone(index: int) -> bool:
            return leader.late or members[index].ticket.stop.is_set()

        try:
            for index, made in self._together([one.work for one in members], gone):
                told.add(index)
                # a lone leader and all riders: the place is free as soon as the answer is there,
                # since a client that has its answer may ask again; a leader of others keeps it
                # until the thread is free
                free = index > 0 or len(members) == 1
                loop.call_soon_threadsafe(_tell, members[index], made, free)
        except Exception as error:
            if len(members) == 1:
                loop.call_soon_threadsafe(_fail, members[0], error)
                return
            for index in range(len(members)):
                if index not in told and not gone(index):
                    self._work(loop, leader, [members[index]])


def _tell(member: _Member[Work], made: bytes | None, free: bool = True) -> None:
    if free:
        member.ticket.give_up_place()
    if not member.answer.done():
        member.answer.set_result(made)


def _fail(member: _Member[Work], error: BaseException) -> None:
    if not member.answer.done():
        member.answer.set_exception(error)


def _close(leader: Ticket, members: Sequence[_Member[Work]]) -> None:
    """The turn is over: places are given up, whether or not the clients have read their answers."""
    for member in members:
        if leader.late:
            _fail(member, leader.timeout())
        _tell(member, None)
