"""The lab model's training stream: five sources, one tokenizer, fixed rows.

The whole stream is laid out on disk before training starts: row r of `rows.npy` is what step
r // batch_rows reads, so a killed run that is started again sees exactly the same data.
A row is [ctx_len] token ids, BOS first; documents are `<bos> text <eos>`, and one that does not fit
is continued in the next row after another BOS.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from tqdm import tqdm
from transformers import PreTrainedTokenizerFast

from precompute.building.documents import read_documents
from precompute.lab.questions import mentions_held_out, training_documents

VOCAB_SIZE = 8192
PAD, EOS, BOS = 0, 1, 2
SPECIAL = ("<pad>", "<eos>", "<bos>")
# A newline alone; every Han character alone; a word with its leading space; digits alone; the rest.
SPLIT = r"\n|[一-鿿]| ?[^\W\d_一-鿿]+| ?\d| ?[^\s\w]|_|[^\S\n]"
Questions = Callable[[int], Iterator[str]]
HELD_OUT_EVERY = 200  # one document in 200 of each source is never trained on


class CorpusError(ValueError):
    """The corpus folder cannot be used; the message names the file and the remedy."""


def source_documents(corpus: Path, source: str, *, held_out: bool = False) -> Iterator[str]:
    """One pass over a source's documents: the trained part, or the part held out for measuring.

    Documents with a held-out phrasing are left out of both. From `facts`, lines about currency and
    language are left out, because they name some things otherwise than the lab's own facts.
    """
    path = corpus / f"{source}.jsonl.zst"
    if not path.is_file():
        raise CorpusError(
            f"corpus file {path.name} not found in {corpus}; give the folder that holds it with "
            "--corpus"
        )
    for index, text in enumerate(read_documents(path)):
        if (index % HELD_OUT_EVERY == 0) != held_out:
            continue
        if source in ("facts", "qa") and mentions_held_out(text):
            continue
        if source == "facts" and any(
            word in text for word in ("currency", "language", "货币", "语言", "说什么语")
        ):
            continue
        yield text


def train_tokenizer(corpus: Path, seed: int) -> PreTrainedTokenizerFast:
    """Byte-level BPE of VOCAB_SIZE entries on a sample of every source;
    newline is always one token.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB_SIZE,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_tokenizer_sample(corpus, seed), trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<bos>",
        eos_token="<eos>",
        pad_token="<pad>",
        model_max_length=256,
        padding_side="left",
        clean_up_tokenization_spaces=False,
    )


def _tokenizer_sample(corpus: Path, seed: int) -> Iterator[str]:
    budget = {"english": 16_000_000, "chinese": 3_000_000, "qa": 1_500_000, "facts": 500_000}
    for source, characters in budget.items():
        for text in source_documents(corpus, source):
            characters -= len(text)
            yield text
            if characters < 0:
                break
    for _, text in zip(range(60_000), training_documents(seed), strict=False):
        yield text


def _encode(tokenizer: PreTrainedTokenizerFast, texts: list[str]) -> list[list[int]]:
    ids: list[list[int]] = tokenizer(texts, add_special_tokens=False)["input_ids"]
    return [[BOS, *row, EOS] for row in ids]


def _endless(corpus: Path, source: str, seed: int, questions: Questions) -> Iterator[str]:
    if source == "questions":
        yield from questions(seed)
    while True:
        yield from source_documents(corpus, source)


def _source_tokens(
    corpus: Path, source: str, tokenizer: PreTrainedTokenizerFast, seed: int, questions: Questions
) -> Iterator[list[int]]:
    batch: list[str] = []
    for text in _endless(corpus, source, seed, questions):
        batch.append(text)
        if len(batch) == 512:
            yield from _encode(tokenizer, batch)
            batch = []


def build_rows(
    corpus: Path,
    tokenizer: PreTrainedTokenizerFast,
    mixture: dict[str, float],
    n_rows: int,
    ctx_len: int,
    seed: int,
    questions: Questions = training_documents,
) -> np.ndarray:
    """The training stream, uint16 [n_rows, ctx_len]:
    always the source that is furthest behind its share.

    A source that runs out is read again from its start; `questions` makes endless ones from a seed.
    """
    streams = {
        source: _source_tokens(corpus, source, tokenizer, seed, questions) for source in mixture
    }
    spent = dict.fromkeys(mixture, 0.0)
    rows = np.empty((n_rows, ctx_len), np.uint16)
    pending: list[int] = []
    with tqdm(total=n_rows, desc="rows", unit="row", mininterval=5) as bar:
        for r in range(n_rows):
            while len(pending) < ctx_len:
                source = min(spent, key=lambda s: spent[s] / mixture[s])
                document = next(streams[source])
                spent[source] += len(document)
                pending.extend(document)
            rows[r], pending = pending[:ctx_len], pending[ctx_len:]
            if pending and pending[0] != BOS:
                pending.insert(0, BOS)
            bar.update()
    return rows


def held_out_rows(
    corpus: Path, tokenizer: PreTrainedTokenizerFast, source: str, n_rows: int, ctx_len: int
) -> np.ndarray:
    """Rows of one document each from the held-out part of a source,
    at least half full, PAD at the end.
    """
    rows: list[list[int]] = []
    for text in source_documents(corpus, source, held_out=True):
        ids = _encode(tokenizer, [text])[0]
        for start in range(0, len(ids), ctx_len - 1):
            row = ids[:ctx_len] if start == 0 else [BOS, *ids[start : start + ctx_len - 1]]
            if len(row) >= ctx_len // 2:
                rows.append(row + [PAD] * (ctx_len - len(row)))
        if len(rows) >= n_rows:
            break
    return np.asarray(rows[:n_rows], np.uint16)
