"""The file format: every kind of value, pieces, and what is damaged, cut off or too new."""

import random
import struct
from pathlib import Path

import numpy as np
import pytest

from backend.core.gguf import GgufError, GgufFile
from tests.core.gguf.writer import Raw, gguf_bytes, plain, random_tensor, write_gguf

METADATA = {
    "general.architecture": "tiny",
    "tiny.on": True,
    "tiny.count": 7,
    "tiny.below": -3,
    "tiny.share": 0.25,
    "tiny.words": ["a", "", "Łódź", "你好"],
    "tiny.numbers": [1, 2, 3],
    "tiny.halves": [0.5, 1.5],
}
VALUES = np.arange(24, dtype=np.float32).reshape(6, 4)
TENSORS = {
    "vector": plain(np.array([1.0, 2.0, 3.0])),
    "matrix": plain(VALUES),
    "q": random_tensor((5, 64), "Q8_0", 1),
}


def test_metadata_and_tensors_are_what_was_written(tmp_path: Path) -> None:
    with GgufFile([write_gguf(tmp_path / "a.gguf", METADATA, TENSORS)]) as file:
        assert file.metadata == METADATA
        assert (file.architecture, file.field("count"), file.field("absent", 9)) == ("tiny", 7, 9)
        with pytest.raises(GgufError, match=r"a\.gguf does not state tiny.absent"):
            file.field("absent")
        assert {name: info.shape for name, info in file.tensors.items()} == {
            "vector": (3,),
            "matrix": (6, 4),
            "q": (5, 64),
        }
        assert file.rows(file.tensors["vector"], 0, 1).tolist() == [[1.0, 2.0, 3.0]]
        assert file.rows(file.tensors["matrix"], 2, 5).tolist() == VALUES[2:5].tolist()


@pytest.mark.parametrize("options", [{"version": 2}, {"alignment": 64}])
def test_both_versions_and_other_alignments(tmp_path: Path, options: dict[str, int]) -> None:
    metadata = METADATA | (
        {"general.alignment": options["alignment"]} if "alignment" in options else {}
    )
    with GgufFile([write_gguf(tmp_path / "a.gguf", metadata, TENSORS, **options)]) as file:
        assert file.rows(file.tensors["matrix"], 0, 6).tolist() == VALUES.tolist()


def test_pieces_read_as_one_file_wherever_it_was_cut(tmp_path: Path) -> None:
    whole = gguf_bytes(METADATA, TENSORS)
    with GgufFile([write_gguf(tmp_path / "whole.gguf", METADATA, TENSORS)]) as file:
        expected = file.rows(file.tensors["q"], 0, 5).tolist()
    drawn = random.Random(3)
    for n_cuts in (1, 2, 3, 3, 3, 9):
        cuts = [0, *sorted(drawn.sample(range(1, len(whole)), n_cuts)), len(whole)]
        pieces = []
        for number, (start, stop) in enumerate(zip(cuts, cuts[1:], strict=False)):
            pieces.append(tmp_path / f"part{number}")
            pieces[-1].write_bytes(whole[start:stop])
        with GgufFile(pieces) as file:
            assert file.metadata == METADATA
            assert file.rows(file.tensors["q"], 0, 5).tolist() == expected


def test_a_file_that_was_cut_off_says_so_wherever_that_was(tmp_path: Path) -> None:
    whole, path = gguf_bytes(METADATA, TENSORS), tmp_path / "cut.gguf"
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(GgufError, match=r"cut\.gguf (is damaged or not complete|ends within)"):
            GgufFile([path])


def test_no_damage_to_the_header_ends_otherwise_than_in_an_answer(tmp_path: Path) -> None:
    """Bytes replaced at random: it reads, or says what is wrong; no other exception, no gigabytes
    taken.
    """
    whole, path, drawn, told = (
        gguf_bytes(METADATA, TENSORS),
        tmp_path / "bad.gguf",
        random.Random(5),
        [],
    )
    header = whole.index(b"vector")
    for _ in range(400):
        damaged = bytearray(whole)
        for _ in range(drawn.randint(1, 4)):
            damaged[drawn.randrange(header + 60)] = drawn.choice(
                (0, 1, 0x7F, 0x80, 0xFF, drawn.randrange(256))
            )
        path.write_bytes(bytes(damaged))
        try:
            with GgufFile([path]) as file:
                assert len(file.tensors) <= len(TENSORS)
        except GgufError as error:
            told.append(str(error))
    assert len(told) > 100
    assert all("bad.gguf" in sentence for sentence in told)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\3\4" + b"\0" * 60, "is no GGUF file: it does not begin with GGUF"),
        (b"GGUF" + struct.pack("<IQQ", 1, 0, 0), "of GGUF version 1; read are versions 2 and 3"),
        (b"GGUF" + struct.pack("<IQQ", 3 << 24, 0, 0), "of GGUF version 50331648"),  # big-endian
        (gguf_bytes({"a": 1}, {}), "does not state general.architecture"),
        (gguf_bytes(METADATA | {"general.alignment": 0}, {}), "its alignment is 0"),
        (
            gguf_bytes(METADATA, {"x": Raw((33,), "Q8_0", np.zeros((2, 34), np.uint8))}),
            "33 entries, no whole Q8_0",
        ),
    ],
)
def test_what_is_no_readable_gguf_is_told(content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "odd.gguf").write_bytes(content)
    with pytest.raises(GgufError, match=said):
        GgufFile([tmp_path / "odd.gguf"])


def test_a_block_format_that_is_not_read_is_named_with_those_that_are(tmp_path: Path) -> None:
    content = gguf_bytes(METADATA, {"x": random_tensor((256,), "Q4_K", 0)})
    at = content.index(struct.pack("<IQ", 12, 0), content.index(b"x" + struct.pack("<I", 1)))
    (tmp_path / "iq.gguf").write_bytes(content[:at] + struct.pack("<I", 16) + content[at + 4 :])
    with pytest.raises(
        GgufError, match=r"iq\.gguf: x is stored as ggml type 16; read are F32, F16.*Q6_K"
    ):
        GgufFile([tmp_path / "iq.gguf"])
