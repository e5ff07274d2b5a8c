"""A corpus of a few sentences of our own, in the layout that train-lm reads."""

import json
from pathlib import Path

import pytest
import zstandard

SENTENCES = {
    "english": "The river was quiet in the morning, and nobody in the village had slept. ",
    "chinese": "早上的河很安静，村子里没有人睡觉。",
    "qa": "Which animal says miaow?\nA cat",
    "facts": "Oslo is the capital of Norway.",
}


@pytest.fixture(scope="session")
def tiny_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    for source, sentence in SENTENCES.items():
        long = sentence * (40 if source in ("english", "chinese") else 1)
        lines = "".join(json.dumps({"text": f"{i} {long}"}) + "\n" for i in range(401))
        (folder / f"{source}.jsonl.zst").write_bytes(
            zstandard.ZstdCompressor().compress(lines.encode())
        )
    return folder
