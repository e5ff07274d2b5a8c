"""Prompts out of pasted texts and files: each format; every row that holds none by its number."""

import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from backend.core.prompt_files import NoColumn, NotPrompts, PromptTable, guessed, read


def reading(text: str | bytes, **asked: Any) -> PromptTable:
    data = text.encode() if isinstance(text, str) else text
    return read(data, **({"format": "lines", "most": 100, "most_chars": 40} | asked))


def wrong(found: PromptTable) -> list[tuple[int, str]]:
    return [(one.row, one.what) for one in found.wrong]


def parquet(**columns: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


def test_lines_are_prompts_as_they_are() -> None:
    found = reading("\ufeffOne, two.\r\n\n  three \n")
    assert found.prompts == ["One, two.", "  three "]
    assert (found.n_prompts, found.n_blank, found.columns, found.column) == (2, 2, [], None)


def test_a_line_that_is_too_long_is_named_and_the_others_are_read() -> None:
    found = reading("a\n" + "b" * 41 + "\nc")
    assert found.prompts == ["a", "c"]
    assert wrong(found) == [(2, "has 41 characters; at most 40 are allowed")]


def test_json_lines_are_objects_or_texts() -> None:
    lines = '{"id": 1, "prompt": "a"}\n"b"\n{"prompt": 3}\n{oops\n\n[1]\n{"id": 2}\n'
    lines += '{"prompt": "\\ud800"}'
    found = reading(lines, format="jsonl")
    assert (found.prompts, found.column, found.n_blank) == (["a", "b"], "prompt", 1)
    told = dict(wrong(found))
    assert sorted(told) == [3, 4, 6, 7, 8]
    assert told[3] == "has '3' as 'prompt'; allowed is a text"
    assert told[4].startswith("is no JSON at character 2: '{oops'")
    assert told[6] == "is '[1]'; allowed is an object or a text"
    assert told[7] == "has no 'prompt'; it has 'id'"
    assert "surrogate" in told[8]


def test_csv_keeps_what_is_quoted_and_names_short_rows() -> None:
    text = 'id,question\n1,"What, now?\nYes."\n2\n3,""\n4,Next\n'
    found = reading(text, format="csv")
    assert (found.columns, found.column) == (["id", "question"], "question")
    assert found.prompts == ["What, now?\nYes.", "Next"]
    assert wrong(found) == [(4, "has 1 of the first row's 2 cells")]
    assert found.n_blank == 1
    assert reading(text, format="csv", column="id").prompts == ["1", "3", "4"]


def test_a_broken_quote_in_csv_ends_the_reading_and_says_so() -> None:
    found = reading('prompt\na\n"b"c\nd\n', format="csv")
    assert found.prompts == ["a"]
    assert found.wrong[0].row == 3
    assert "what follows it was not read" in found.wrong[0].what


def test_a_parquet_column_of_text() -> None:
    data = parquet(n=[1, 2, 3], text=["a", None, "c"], other=["x", "y", "z"])
    found = reading(data, format="parquet")
    assert (found.columns, found.column) == (["text", "other"], "text")
    assert (found.prompts, found.n_blank) == (["a", "c"], 1)
    assert reading(data, format="parquet", column="other").prompts == ["x", "y", "z"]


def test_a_long_text_that_a_small_parquet_file_holds_very_often_is_not_copied_out() -> None:
    places = pa.array([0] * 50_000, pa.int32())
    data = parquet(text=pa.DictionaryArray.from_arrays(places, pa.array(["x" * 1_000_000])))
    assert len(data) < 200_000
    found = reading(data, format="parquet")
    assert (found.n_wrong, len(found.wrong)) == (50_000, 50)
    assert found.wrong[0].what == "has 1,000,000 characters; at most 40 are allowed"


def test_more_than_may_be_kept_are_counted() -> None:
    found = reading("\n".join("abcdef"), most=2)
    assert (found.prompts, found.n_prompts) == (["a", "b"], 6)


@pytest.mark.parametrize(
    ("data", "format", "said"),
    [
        (b"a\xff", "lines", "byte 1 is no UTF-8"),
        (b"PAR1 nothing", "parquet", "no Parquet that can be read"),
        (parquet(n=[1]), "parquet", "no column of text; its columns are n (int64)"),
        (b"a,a\n1,2\n", "csv", "names every column, each once"),
        (b"x\n" * 100_001, "lines", "more than 100,000 rows"),
    ],
)
def test_what_cannot_be_read_at_all(data: bytes, format: str, said: str) -> None:
    with pytest.raises(NotPrompts, match=said.replace("(", r"\(").replace(")", r"\)")):
        reading(data, format=format)


@pytest.mark.parametrize(
    ("data", "format"),
    [
        (b"a", "lines"),
        (b'{"a": "x"}', "jsonl"),
        (b"a,b\n1,2", "csv"),
        (parquet(a=["x"]), "parquet"),
    ],
)
def test_a_column_that_is_not_there_is_refused_with_those_that_are(
    data: bytes, format: str
) -> None:
    with pytest.raises(NoColumn, match="columns" if format == "lines" else "'a'"):
        reading(data, format=format, column="nope")


@pytest.mark.parametrize(
    ("data", "name", "format"),
    [
        (b"What, now?", "", "lines"),
        (b'\n{"prompt": "a"}\nb', "", "jsonl"),
        (b"id;Prompt\n1;a", "", "csv"),
        (b"Well, that is it.\nno", "", "lines"),
        (b"a\tb", "set.TSV", "csv"),
        (b"PAR1", "", "parquet"),
        (b'{"a": 1}', "set.txt", "lines"),
    ],
)
def test_the_format_by_name_or_by_how_it_begins(data: bytes, name: str, format: str) -> None:
    assert guessed(data, name)[0] == format
