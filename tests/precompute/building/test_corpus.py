import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from backend.core.lm import LanguageModel
from precompute.building.corpus import batches, cut_rows, read_documents, tokenised
from precompute.building.hub_text import stream_documents
from precompute.building.tokens import count_shard
from precompute.job import BadInput, HubText


def test_plain_and_compressed_files_read_the_same(tmp_path: Path) -> None:
    lines = (
        "".join(json.dumps({"text": text}) + "\n" for text in ("one", "二", "three\nlines")) + "\n"
    )
    plain, packed = tmp_path / "c.jsonl", tmp_path / "c.jsonl.zst"
    plain.write_text(lines, encoding="utf-8")
    packed.write_bytes(zstandard.compress(lines.encode()))
    assert (
        list(read_documents(plain)) == list(read_documents(packed)) == ["one", "二", "three\nlines"]
    )


@pytest.mark.parametrize("bad", ["{", '{"no_text": 1}', '{"text": 3}', "[]", '"text"'])
def test_an_unreadable_line_is_named(tmp_path: Path, bad: str) -> None:
    path = tmp_path / "c.jsonl"
    path.write_text('{"text": "fine"}\n' + bad + "\n")
    with pytest.raises(BadInput, match=r"c\.jsonl, line 2"):
        list(read_documents(path))


def test_what_is_not_text_or_not_zstd_is_named(tmp_path: Path) -> None:
    for name, content in (("c.jsonl", b'{"text": "\xff"}\n'), ("c.jsonl.zst", b"not zstd at all")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(BadInput, match=name):
            list(read_documents(tmp_path / name))


def test_a_row_holds_one_document_and_begins_with_bos() -> None:
    shard = cut_rows([(7, [10, 11, 12, 13, 14]), (9, [20])], ctx_len=4, bos_id=2)
    assert shard.tokens.tolist() == [[2, 20, 0, 0], [2, 13, 14, 0], [2, 10, 11, 12]]
    assert shard.lengths.tolist() == [2, 3, 4]
    assert shard.documents.tolist() == [9, 7, 7]


def test_batches_hold_every_row_once_and_little_padding() -> None:
    generator = np.random.default_rng(0)
    documents = [
        (i, list(range(3, 3 + int(n)))) for i, n in enumerate(generator.integers(1, 200, 300))
    ]
    shard = cut_rows(documents, ctx_len=64, bos_id=2)
    found = list(batches(shard, batch_rows=4))
    assert np.concatenate([lengths for _, lengths in found]).tolist() == shard.lengths.tolist()
    assert all(tokens.size <= 4 * 64 for tokens, _ in found)
    assert sum(tokens.size for tokens, _ in found) < 1.1 * shard.lengths.sum()


def test_a_short_document_is_tokenised_as_a_prompt_is(tmp_path: Path, lm: LanguageModel) -> None:
    text = "What is the capital of Russia?\n"
    (tmp_path / "c.jsonl").write_text(json.dumps({"text": text}))
    ids = list(tokenised(lm, tmp_path / "c.jsonl", 5))
    assert cut_rows([(0, ids[0])], 64, lm.bos_id).tokens[
        0, : len(ids[0]) + 1
    ].tolist() == lm.tokenize(text)


def test_counts_by_hand_leave_out_special_tokens_and_padding() -> None:
    documents = [(0, [5, 5, 6, 1]), (1, [5, 7]), (2, [0, 0, 6])]
    counts, in_documents = count_shard(cut_rows(documents, 3, bos_id=2), 8, special_ids={0, 1, 2})
    assert counts.tolist() == [0, 0, 0, 0, 0, 3, 2, 1]
    assert in_documents.tolist() == [0, 0, 0, 0, 0, 2, 2, 1]


def texts_in(folder: Path, texts: list[str], kind: str) -> Path:
    """A folder that `datasets` can stream, with the column "body" and another."""
    folder.mkdir()
    rows = [{"body": text, "n": i} for i, text in enumerate(texts)]
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), folder / "validation-0.parquet")
    else:
        (folder / "validation-0.jsonl").write_text(
            "".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8"
        )
    return folder


@pytest.mark.parametrize("kind", ["parquet", "jsonl"])
def test_a_stream_gives_the_texts_of_a_column(tmp_path: Path, kind: str, lm: LanguageModel) -> None:
    texts = ["one, two", "三", "three\nlines"]
    stream = HubText.parse(f"hf:{texts_in(tmp_path / 'set', texts, kind)}:validation:body")
    assert list(stream_documents(stream)) == texts
    assert str(stream) == "hf:set:validation:body"
    plain = tmp_path / "c.jsonl"
    plain.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    assert list(tokenised(lm, stream, 5)) == list(tokenised(lm, plain, 5))


def test_split_and_column_have_stated_defaults() -> None:
    assert HubText.parse("hf:a/b") == HubText("a/b", "train", "text")
    assert HubText.parse("hf:a/b:test") == HubText("a/b", "test", "text")
    for bad in ("hf:", "hf:a::b", "hf:a:b:c:d"):
        with pytest.raises(BadInput, match="allowed: hf:NAME"):
            HubText.parse(bad)


def test_what_cannot_be_streamed_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = texts_in(tmp_path / "set", ["fine"], "jsonl")
    cases = [
        (f"hf:{folder}:train", "cannot be streamed (Bad split: train"),
        (f"hf:{folder}:validation:text", "has no column 'text'; it has body, n."),
        (f"hf:{folder}:validation:n", "row 1: 'n' is int, not a text."),
        (f"hf:{tmp_path / 'gone'}", "cannot be streamed"),
        ("hf:nobody/nothing", "cannot be streamed (Couldn't reach 'nobody/nothing' on the Hub"),
    ]
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    for given, said in cases:
        with pytest.raises(BadInput) as raised:
            list(stream_documents(HubText.parse(given)))
        assert said in str(raised.value)
        assert "\n" not in str(raised.value)
