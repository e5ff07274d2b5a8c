"""Questions in the few-shot form: which documents become pairs, what is kept out, how they are
joined.
"""

import json
import re
from pathlib import Path

from precompute.training.few_shot import PAIRS, TAILS, few_shot_texts, pairs

NOTHING = re.compile("(?!)")


def corpus(folder: Path, texts: list[str]) -> list[Path]:
    path = folder / "qa.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), "utf-8")
    return [path]


def test_only_two_lines_make_a_pair(tmp_path: Path) -> None:
    texts = [
        "Where is it?\nHere",
        "one line",
        "a?\n- b\n- c\nAnswer: b",
        "long?\n" + "x" * 200,
        "\nq\n",
    ]
    assert list(pairs(corpus(tmp_path, texts), NOTHING)) == [("Where is it?", "Here")]


def test_what_is_kept_out_is_in_no_text(tmp_path: Path) -> None:
    texts = [f"What is the capital of {i}?\nA{i}" for i in range(20)] + [
        f"Who is {i}?\nB{i}" for i in range(20)
    ]
    made = few_shot_texts(corpus(tmp_path, texts), re.compile("[Cc]apital"), seed=0)
    joined = "\n\n".join(made)
    assert "capital" not in joined
    assert sorted(re.findall(r"B\d+", joined)) == sorted(f"B{i}" for i in range(20))


def test_texts_hold_a_few_pairs_with_a_blank_line_between_two(tmp_path: Path) -> None:
    made = few_shot_texts(
        corpus(tmp_path, [f"Who is {i}?\nB{i}" for i in range(400)]), NOTHING, seed=1
    )
    counts = [len(text.split("\n\n")) for text in made]
    assert sum(counts) == 400
    assert set(counts[:-1]) == set(range(PAIRS[0], PAIRS[1] + 1))
    with_tail = [
        p for text in made for p in text.split("\n\n") if any(f" {tail}\n" in p for tail in TAILS)
    ]
    assert 0.3 < len(with_tail) / 400 < 0.5
    assert made == few_shot_texts(
        corpus(tmp_path, [f"Who is {i}?\nB{i}" for i in range(400)]), NOTHING, seed=1
    )
