"""A request's place in the queue is free as soon as its client has the answer."""

import asyncio
import threading
from collections.abc import Iterator, Sequence

from backend.serving.joining import Gone, Joiner
from backend.serving.queueing import Queue


def test_the_place_of_a_lone_request_is_free_when_its_answer_is_there() -> None:
    done = threading.Event()

    def together(works: Sequence[str], gone: Gone) -> Iterator[tuple[int, bytes]]:
        yield 0, b"{}"
        done.wait(10)  # the thread is still busy when the answer is read

    async def check() -> None:
        queue = Queue(waiting=0)
        joiner = Joiner(together, lambda works: True)
        try:
            assert await joiner.answer(queue.enter(), "one") == b"{}"
            assert queue.tickets == []
            queue.enter()  # QueueFull otherwise
        finally:
            done.set()

    asyncio.run(check())
