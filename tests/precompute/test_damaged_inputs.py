"""Every file that a person gives to a job, damaged in every way: one sentence that names it, and
exit status 2.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import zstandard
from transformers import AutoConfig
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES,
)
from transformers.utils.quantization_config import QuantizationMethod

from backend.core.hub import ModelUnavailable
from backend.core.lm.checkpoint import read_model, read_tokenizer
from precompute.building.documents import read_documents
from precompute.cli import main
from precompute.job import BadInput
from tests.precompute.conftest import Made, arguments

MODEL_FILES = (
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "model.safetensors",
)
SAE_FILES = ("cfg.json", "sae_weights.safetensors")
BYTES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda whole: b"",
    "cut": lambda whole: whole[: len(whole) // 2],
    "cut by a byte": lambda whole: whole.rstrip()[:-1],
    "binary": lambda whole: b"\x00\xff\xfe\x81" * 300,
    "zeros": lambda whole: bytes(len(whole)),
    "brackets": lambda whole: b"[" * 100_000,
    "list": lambda whole: b"[]",
    "null": lambda whole: b"null",
    "string": lambda whole: b'"x"',
}
HALF = json.dumps({"text": "half an emoji \ud83d here"})  # written as an escape, which JSON allows
LINES: dict[str, bytes] = {  # what can stand on the third line of a corpus
    "half a surrogate pair": HALF.encode(),
    "the other half": HALF.replace("\\ud83d", "\\ude00").encode(),
    "brackets": b"[" * 100_000,
    "braces": b'{"text":' * 100_000,
    "brackets beside the text": b'{"text": "x", "more": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "half a line": b'{"text": "The c',
    "another key": b'{"body": "x"}',
    "a number": b'{"text": 3}',
    "null": b"null",
    "latin-1": '{"text": "é"}'.encode("latin-1"),
    "half a character": '{"text": "世"}'.encode()[:-3] + b'"}',
    "zeros": bytes(100),
    "a digit too many": b'{"text": ' + b"1" * 10_000 + b"}",
}
GOOD = [
    json.dumps({"text": f"The cat sat on the mat, the {n}th time."}).encode() for n in range(40)
]


def refused(given: list[str], capsys: Any, stage: str = "tokens") -> str:
    """What the command says of bad input: the one sentence on stderr."""
    capsys.readouterr()
    assert main([stage, *given]) == 2
    said = capsys.readouterr().err
    assert "Traceback" not in said
    sentences = [
        line for line in said.splitlines() if line.startswith(f"functionscope precompute {stage}: ")
    ]
    assert len(sentences) == 1, said
    assert said.rstrip().endswith(sentences[0])
    return sentences[0]


@pytest.fixture
def job(made: Made, tiny_folder: Path, tmp_path: Path) -> list[str]:
    """The tiny job on copies of its model, one of its SAEs and its corpus, all in `tmp_path`."""
    shutil.copytree(tiny_folder / "model", tmp_path / "model")
    shutil.copytree(made.saes[0].folder, tmp_path / "sae")
    shutil.copy(made.corpus, tmp_path / "corpus.jsonl")
    return arguments(
        tmp_path / "model",
        [tmp_path / "sae"],
        tmp_path / "corpus.jsonl",
        tmp_path / "b",
        tmp_path / "w",
    )


@pytest.mark.parametrize("damage", BYTES)
@pytest.mark.parametrize(
    "file", [*(f"model/{name}" for name in MODEL_FILES), *(f"sae/{name}" for name in SAE_FILES)]
)
def test_a_damaged_file_is_named(
    job: list[str], tmp_path: Path, capsys: Any, file: str, damage: str
) -> None:
    path = tmp_path / file
    path.write_bytes(BYTES[damage](path.read_bytes()))
    said = refused(job, capsys)
    assert str(path) in said or (file.endswith("model.safetensors") and str(path.parent) in said)


@pytest.mark.parametrize("kind", ["missing", "a folder"])
@pytest.mark.parametrize(
    "file", ["model/config.json", "model/tokenizer.json", "model/model.safetensors", "sae/cfg.json"]
)
def test_a_missing_file_is_said(
    job: list[str], tmp_path: Path, capsys: Any, file: str, kind: str
) -> None:
    path = tmp_path / file
    path.unlink()
    if kind == "a folder":
        path.mkdir()
    assert str(path.parent) in refused(job, capsys)


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "zst"])
@pytest.mark.parametrize("line", LINES)
def test_a_line_that_is_no_document_is_named(
    job: list[str], tmp_path: Path, capsys: Any, line: str, packed: bool
) -> None:
    path = tmp_path / ("damaged.jsonl" + ".zst" * packed)
    content = b"\n".join([*GOOD[:2], LINES[line], *GOOD[2:]])
    path.write_bytes(zstandard.compress(content) if packed else content)
    job[job.index("--corpus") + 1] = str(path)
    assert f"{path}, line 3: " in refused(job, capsys)


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "zst"])
def test_byte_order_marks_are_read_over(tmp_path: Path, packed: bool) -> None:
    """At the top, and where a file that began with one was joined to another."""
    path, mark = tmp_path / ("c.jsonl" + ".zst" * packed), b"\xef\xbb\xbf"
    files = [mark + GOOD[0] + b"\r\n" + GOOD[1] + b"\n", mark + GOOD[2] + b"\n" + mark]
    path.write_bytes(b"".join(zstandard.compress(one) if packed else one for one in files))
    assert list(read_documents(path)) == [json.loads(line)["text"] for line in GOOD[:3]]


def test_a_packed_file_that_was_cut_is_not_taken_for_a_short_one(tmp_path: Path) -> None:
    """`zstandard` itself ends in silence at whatever byte the file was cut."""
    path, lines = tmp_path / "c.jsonl.zst", b"".join(line + b"\n" for line in GOOD)
    whole = zstandard.compress(lines) + zstandard.compress(lines)
    for size in {*range(1, len(whole), 7), len(whole) - 1} - {len(whole) // 2}:
        path.write_bytes(whole[:size])
        with pytest.raises(
            BadInput, match=r"c\.jsonl\.zst, line \d+: cannot be read \(the file was cut short\)"
        ):
            list(read_documents(path))
    path.write_bytes(whole)
    assert len(list(read_documents(path))) == 2 * len(GOOD)


def quantised(method: str | None) -> dict[str, Any]:
    return {"quantization_config": {"bits": 4} | ({"quant_method": method} if method else {})}


@pytest.mark.parametrize("method", [*(method.value for method in QuantizationMethod), None])
def test_quantised_weights_are_refused_before_they_are_read(
    tmp_path: Path, method: str | None
) -> None:
    """Whichever library made them, and whether or not that is installed."""
    config = {"model_type": "gemma2", "num_hidden_layers": 1} | quantised(method)
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelUnavailable, match=r"is quantised.*: give it as it was before"):
        read_model(str(tmp_path), torch.float32, "cpu", local_files_only=True)


SEEING = [*sorted(MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES)[::6], "llama4", "git"]


@pytest.mark.parametrize("kind", SEEING)
def test_multimodal_checkpoints_are_refused_before_they_are_read(tmp_path: Path, kind: str) -> None:
    AutoConfig.for_model(kind).save_pretrained(tmp_path)
    with pytest.raises(
        ModelUnavailable, match=f"({kind}): give ".replace("(", r"\(").replace(")", r"\)")
    ):
        read_model(str(tmp_path), torch.float32, "cpu", local_files_only=True)


SMALL = {
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
}
SMALL |= {"vocab_size": 335, "word_embed_proj_dim": 32, "ffn_dim": 32, "state_size": 4}


@pytest.mark.parametrize("kind", ["bert", "t5", "mamba", "whisper", "opt", "no-such-kind"])
def test_other_structures_are_one_sentence(
    tmp_path: Path, job: list[str], capsys: Any, kind: str
) -> None:
    (tmp_path / "model" / "config.json").write_text(json.dumps({"model_type": kind} | SMALL))
    said = refused(
        job, capsys
    )  # another structure lacks this one's weights, where it is one of ours
    assert str(tmp_path / "model") in said


def test_no_kind_of_tokenizer_is_made_from_nothing(tmp_path: Path) -> None:
    """Half of them come without a word when their files are missing, and encode every text as
    nothing.
    """
    for kind in sorted(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)[::2]:
        folder = tmp_path / kind
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps({"model_type": kind}))
        with pytest.raises(ModelUnavailable, match=str(folder)):
            read_tokenizer(str(folder), local_files_only=True)
