"""Clients that are slow, that vanish, that speak nonsense:
everybody else is served all the same.
"""

import json
import random
import socket
import time
from typing import Any

import httpx

from tests.faults.conftest import Served, Start

LONG = {
    "prompt": "What is the capital of Russia?\n",
    "interventions": [],
    "max_new_tokens": 64,
    "temperature": 2.0,
    "samples": 4,
}
NONSENSE = 300


def connected(served: Served) -> socket.socket:
    host, port = served.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=30)


def post(path: str, body: Any) -> bytes:
    raw = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\n"
        "Host: x\r\n"
        "Content-Type: application/json\r\n"
        f"Content-Length: {len(raw)}\r\n"
        "\r\n"
    )
    return head.encode() + raw


def test_a_reader_of_one_byte_a_second_holds_nobody_up(start: Start) -> None:
    served = start(queue=1)
    with connected(served) as slow, httpx.Client(base_url=served.url, timeout=60) as client:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        slow.sendall(post("/api/steer/stream", LONG))
        read, answered = b"", 0
        for _ in range(5):
            read += slow.recv(1)
            time.sleep(1)
            answered += client.post("/api/inspect", json={"prompt": "a"}).status_code == 200
        assert answered >= 4  # the first may find the stream still generating, and waits for it
        assert client.get("/api/health").json()["queue"] == 0
        assert len(read) == 5
    assert httpx.get(f"{served.url}/api/health", timeout=30).json()["queue"] == 0


def test_clients_that_vanish_at_any_point_leave_the_model_free(start: Start) -> None:
    served = start()
    drawn = random.Random(1)
    request = post("/api/steer/stream", LONG)
    for _ in range(30):
        gone = connected(served)
        gone.sendall(request[: drawn.randint(1, len(request))])
        time.sleep(drawn.uniform(0, 0.05))
        # RST, no goodbye
        gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        gone.close()
    end = time.monotonic() + 60
    while httpx.get(f"{served.url}/api/health", timeout=30).json()["queue"]:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert (
        httpx.post(f"{served.url}/api/inspect", json={"prompt": "a"}, timeout=60).status_code == 200
    )


def test_nonsense_is_refused_and_the_server_lives(start: Start) -> None:
    served = start(body_seconds=1)
    drawn = random.Random(2)
    good = post("/api/inspect", {"prompt": "a"})
    for n in range(NONSENSE):
        raw = bytearray(good)
        kind = n % 5
        if kind == 0:
            raw = bytearray(drawn.randbytes(drawn.randint(1, 400)))
        elif kind == 1:
            for _ in range(drawn.randint(1, 8)):
                raw[drawn.randrange(len(raw))] = drawn.randrange(256)
        elif kind == 2:
            raw = bytearray(
                b"GET /" + drawn.randbytes(60).replace(b"\n", b"") + b" HTTP/1.1\r\nHost: x\r\n\r\n"
            )
        elif kind == 3:
            raw = bytearray(
                good.replace(
                    b"Content-Length: ", b"Content-Length: " + drawn.choice([b"-", b"9" * 25, b"x"])
                )
            )
        else:
            raw = bytearray(
                b"POST /api/inspect HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
                + good
            )
        try:
            with connected(served) as one:
                one.sendall(bytes(raw))
                one.shutdown(socket.SHUT_WR)
                one.settimeout(20)
                status = one.recv(64)
        except OSError:
            continue  # the server closed the connection, which is an answer
        assert b" 500 " not in status, bytes(raw)
    assert not served.child.ended()
    assert (
        httpx.post(f"{served.url}/api/inspect", json={"prompt": "a"}, timeout=60).status_code == 200
    )
    text = httpx.get(f"{served.url}/metrics", timeout=30).text
    assert 'status="500"' not in text


def test_a_body_that_trickles_in_is_given_up(start: Start) -> None:
    served = start(body_seconds=1)
    with connected(served) as slow:
        slow.sendall(
            b"POST /api/inspect HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: 100\r\n\r\n{"
        )
        answer = slow.recv(400)
    assert b" 408 " in answer
