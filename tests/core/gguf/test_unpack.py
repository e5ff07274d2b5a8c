"""Unpacking once: whole or not at all, one process at a time, with room for it, and only what was
asked for.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import namedtuple
from hashlib import sha256
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from backend.core import disk
from backend.core.gguf import GgufError, Packed, is_unpacked, packed_in, unpacked
from backend.core.hub import ModelUnavailable
from backend.core.lm import LanguageModel
from tests.core.gguf.tiny_gguf import tiny

F32 = torch.float32
FILES = {
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny("gemma3").write(tmp_path_factory.mktemp("source") / "tiny.gguf")


def quiet(_: str) -> None:
    """Nothing is said."""


def packed(source: Path) -> Packed:
    found = packed_in(source)
    assert found is not None
    return found


def listed(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_it_is_unpacked_once_and_says_so(source: Path, tmp_path: Path) -> None:
    said: list[str] = []
    folder = unpacked(packed(source), tmp_path, dtype=F32, report=said.append)
    assert said[0].startswith("unpacking the model, once: tiny, ")
    assert said[0].endswith("(0 %)")
    assert said[-1].endswith("(100 %)")
    assert listed(folder) == FILES | {"unpacked.json"}
    before = (folder / "model.safetensors").stat()
    said.clear()
    assert unpacked(packed(source), tmp_path, dtype=F32, report=said.append) == folder
    assert said == []
    assert (folder / "model.safetensors").stat() == before


def test_the_record_holds_each_files_digest(source: Path, tmp_path: Path) -> None:
    folder = unpacked(packed(source), tmp_path, dtype=F32, report=quiet)
    files = json.loads((folder / "unpacked.json").read_text())["files"]
    assert set(files) == FILES
    for name, one in files.items():
        content = (folder / name).read_bytes()
        assert one == {"bytes": len(content), "sha256": sha256(content).hexdigest()}


def test_in_bfloat16_weights_are_rounded_as_torch_rounds_them(source: Path, tmp_path: Path) -> None:
    whole = unpacked(packed(source), tmp_path, dtype=F32, report=quiet)
    half = unpacked(packed(source), tmp_path, dtype=torch.bfloat16, report=quiet)
    assert half != whole
    assert json.loads((half / "config.json").read_text())["dtype"] == "bfloat16"
    with (
        safe_open(whole / "model.safetensors", "pt") as exact,
        safe_open(half / "model.safetensors", "pt") as rounded,
    ):
        assert set(exact.keys()) == set(rounded.keys())
        for name in exact.keys():  # noqa: SIM118
            assert torch.equal(rounded.get_tensor(name), exact.get_tensor(name).to(torch.bfloat16))


def test_a_file_that_lost_its_end_is_unpacked_again(source: Path, tmp_path: Path) -> None:
    folder = unpacked(packed(source), tmp_path, dtype=F32, report=quiet)
    weights = folder / "model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-100])
    assert not is_unpacked(folder)
    assert unpacked(packed(source), tmp_path, dtype=F32, report=quiet) == folder
    assert weights.read_bytes() == content


def test_a_file_that_was_replaced_is_another_one(source: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copy(source, tmp_path / "copy.gguf"))
    first = LanguageModel.load(copy, home=tmp_path).folder
    tiny("gemma3", seed=1).write(copy)
    second = LanguageModel.load(copy, home=tmp_path).folder
    assert first != second
    assert (first / "model.safetensors").read_bytes() != (second / "model.safetensors").read_bytes()  # type: ignore[operator]


def test_a_folder_with_one_gguf_loads_and_one_with_two_asks_which(
    source: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    shutil.copy(source, folder / "a.gguf")
    lm = LanguageModel.load(folder, home=tmp_path)
    assert lm.folder is not None
    assert lm.folder.parent == tmp_path / "unpacked"
    assert (
        LanguageModel.load(lm.folder).folder == lm.folder
    )  # a folder with a configuration is a model as it is
    shutil.copy(source, folder / "b.gguf")
    with pytest.raises(ModelUnavailable, match=r"holds a\.gguf, b\.gguf: name one of them"):
        LanguageModel.load(folder, home=tmp_path)
    with pytest.raises(GgufError, match="name one of them"):
        packed_in(folder)
    with pytest.raises(ModelUnavailable, match=r"No model at .*none\.gguf"):
        LanguageModel.load(str(tmp_path / "none.gguf"))


def test_a_wrong_sha256_is_refused_before_anything_is_written(source: Path, tmp_path: Path) -> None:
    right = sha256(source.read_bytes()).hexdigest()
    wrong = Packed("tiny", (source,), "0" * 64)
    with pytest.raises(
        ModelUnavailable,
        match=f"has the SHA-256 {right[:12]}…, needed 000000000000…: .* install it again",
    ):
        unpacked(wrong, tmp_path, dtype=F32, report=quiet)
    assert not [path for path in (tmp_path / "unpacked").iterdir() if path.is_dir()]
    assert is_unpacked(
        unpacked(Packed("tiny", (source,), right), tmp_path, dtype=F32, report=quiet)
    )


def test_the_room_that_is_needed_is_asked_for_first(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: usage(0, 0, 60_000_000))
    with pytest.raises(
        ModelUnavailable,
        match=r"Unpacking tiny needs \d+\.\d MB on the disk of .*, where 60.0 MB are free",
    ):
        unpacked(packed(source), tmp_path, dtype=F32, report=quiet)
    assert not [path for path in (tmp_path / "unpacked").iterdir() if path.is_dir()]


def test_a_disk_that_fills_meanwhile_leaves_nothing(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        ModelUnavailable, match="tiny could not be unpacked to .*No space left on device"
    ):
        unpacked(packed(source), tmp_path, dtype=F32, report=quiet)
    assert not [path for path in (tmp_path / "unpacked").iterdir() if path.is_dir()]


def test_two_threads_unpack_once(source: Path, tmp_path: Path) -> None:
    said: list[str] = []
    found: list[Path] = []
    begun = threading.Event()

    def slow(sentence: str) -> None:
        said.append(sentence)
        if sentence.endswith("(0 %)"):
            begun.set()
            time.sleep(0.3)

    def work(report: object) -> None:
        found.append(unpacked(packed(source), tmp_path, dtype=F32, report=report))  # type: ignore[arg-type]

    first = threading.Thread(target=work, args=(slow,))
    first.start()
    assert begun.wait(60)
    work(said.append)
    first.join()
    assert found[0] == found[1]
    assert said.count("waiting for another process that unpacks tiny") == 1
    assert len([one for one in said if one.endswith("(0 %)")]) == 1


# It kills itself (argument 3: at which share) as a power cut would: no handler runs.
_CHILD = """
import os, signal, sys
from pathlib import Path
import torch
from backend.core.gguf import packed_in, unpacked

def report(said):
    print(said, flush=True)
    if said.endswith(f"({sys.argv[3]} %)"):
        os.kill(os.getpid(), signal.SIGKILL)

print(unpacked(packed_in(Path(sys.argv[1])), Path(sys.argv[2]), dtype=torch.float32, report=report),
flush=True)
"""


def child(source: Path, home: Path, die_at: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", _CHILD, str(source), str(home), die_at]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3]
    )


def test_what_a_killed_process_left_is_cleared_and_the_lock_is_free(
    source: Path, tmp_path: Path
) -> None:
    with child(source, tmp_path, "50") as dying:
        dying.communicate(timeout=120)
    assert dying.returncode == -signal.SIGKILL
    folder = packed(source).folder(tmp_path, F32)
    left = folder.with_name(f"{folder.name}.new")
    assert (left / "model.safetensors").exists()
    assert not folder.exists()
    assert unpacked(packed(source), tmp_path, dtype=F32, report=quiet) == folder
    assert is_unpacked(folder)
    assert not left.exists()


def test_processes_that_start_together_unpack_once(source: Path, tmp_path: Path) -> None:
    children = [child(source, tmp_path, "never") for _ in range(3)]
    told = [one.communicate(timeout=180)[0].splitlines() for one in children]
    assert [one.returncode for one in children] == [0, 0, 0]
    folder = packed(source).folder(tmp_path, F32)
    assert {lines[-1] for lines in told} == {str(folder)}
    assert len([line for lines in told for line in lines if line.endswith("(100 %)")]) == 1
    assert {path.name for path in folder.parent.iterdir() if path.is_dir()} == {folder.name}
