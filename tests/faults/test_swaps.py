"""A build that is replaced under load, by atomic rename:
no request fails, and every answer is of one build.
"""

import os
import random
import shutil
import threading
import time
from pathlib import Path

import httpx

from tests.faults.conftest import Start
from tests.tiny_build import SAE_IDS, make_build, random_words, tiny_job

SWAPS = 24
READERS = 4
PATHS = (
    "/api/tokens?limit=20",
    "/api/coverage?sae_id=layer_0&max_rank=50",
    "/api/features?sae_id=layer_2&limit=20",
    "/api/capabilities",
    "/api/builds",
    "/api/export/tokens?format=csv",
)


def test_no_request_fails_while_the_build_is_replaced(
    tiny_folder: Path, build_path: Path, tmp_path: Path, start: Start
) -> None:
    other = make_build(tiny_job(tiny_folder, tmp_path / "other", SAE_IDS[:2], random_words(80)))
    served_file = tmp_path / "served.duckdb"
    shutil.copy(build_path, served_file)
    served = start(build=served_file)
    stop, failures, answers = threading.Event(), [], []

    def read(seed: int) -> None:
        drawn = random.Random(seed)
        with httpx.Client(base_url=served.url, timeout=60) as client:
            while not stop.is_set():
                path = drawn.choice(PATHS)
                reply = client.get(path)
                live = client.post(
                    "/api/inspect",
                    json={"prompt": "What is", "sae_ids": ["layer_0"], "next_tokens": 0},
                )
                answers.append(path)
                for one in (reply, live):
                    if one.status_code != 200:
                        failures.append(f"{one.request.url} {one.status_code} {one.text[:200]}")

    readers = [threading.Thread(target=read, args=(seed,)) for seed in range(READERS)]
    for reader in readers:
        reader.start()
    seen = set()
    with httpx.Client(base_url=served.url, timeout=60) as client:
        for swap in range(SWAPS):
            new = tmp_path / "served.duckdb.new"
            shutil.copy((other, build_path)[swap % 2], new)
            os.replace(new, served_file)
            before = len(answers)
            while len(answers) < before + 2 * READERS and not failures:
                time.sleep(0.005)
            seen.add(client.get("/api/builds").json()["builds"][0]["identity"])
    stop.set()
    for reader in readers:
        reader.join(60)
    assert failures == []
    assert len(seen) == 2  # both builds were served, so the swaps were noticed
    print(f"{SWAPS} swaps, {2 * len(answers)} requests, {len(failures)} failed")
