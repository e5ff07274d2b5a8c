"""`tokenizer.json` and its companions of a GGUF, which holds vocabulary, merges and ids, but no
tokenizer.

Gemma's is written here, since its 262,144 entries are what a first start waits for; the others' are
made by the conversion of `transformers`, from what was read here. In both the beginning of a text
(BOS) is the file's choice.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from backend.core.gguf.reader import GgufError, GgufFile

CONTROL, USER_DEFINED = 3, 4  # types of a token: special; kept whole, but not special
SPACE = "▁"  # how a sentencepiece vocabulary writes a space
GEMMAS = ("gemma2", "gemma3")
_NAMED = {"bos_token": "bos", "eos_token": "eos", "unk_token": "unknown", "pad_token": "padding"}
# pre-tokenizers beside those that transformers knows: GPT-2's own, and those that also cut digits
_GPT2_OWN = ("gpt-2", "gpt2", "default")
_DIGITS_APART = ("smollm", "starcoder", "refact", "command-r")


def tokenizer_files(file: GgufFile) -> dict[str, str]:
    """Name -> content. GgufError for a tokenizer that is not read here, or lacks what it needs."""
    kind = _stated(file, "model")
    _check(file, kind)
    if file.architecture in GEMMAS and kind == "llama":
        core = json.dumps(_gemma(file), ensure_ascii=False, separators=(",", ":"))
    else:
        core = _converted(file, kind)
    return {
        "tokenizer.json": core,
        "tokenizer_config.json": json.dumps(_config(file, kind), ensure_ascii=False, indent=1),
    }


def begins_with_bos(file: GgufFile) -> bool:
    """What the file says; a sentencepiece vocabulary that does not say begins with one."""
    return bool(
        file.metadata.get("tokenizer.ggml.add_bos_token", _stated(file, "model") == "llama")
    )


def _stated(file: GgufFile, name: str) -> Any:
    found = file.metadata.get(f"tokenizer.ggml.{name}")
    if found is None:
        raise GgufError(f"{file.name} does not state tokenizer.ggml.{name}.")
    return found


def _check(file: GgufFile, kind: str) -> None:
    if kind not in ("gpt2", "llama"):
        raise GgufError(
            f"{file.name} has a tokenizer of the kind {kind!r}; read are 'gpt2' and 'llama'."
        )
    tokens = _stated(file, "tokens")
    if "tokenizer.ggml.merges" not in file.metadata:
        _stated(file, "merges" if kind == "gpt2" else "scores")
    rows = file.tensors["token_embd.weight"].shape[0]
    if len(tokens) > rows:
        raise GgufError(f"{file.name} has {len(tokens)} tokens, but embeddings of {rows}.")
    for name in _NAMED.values():
        token_id = file.metadata.get(f"tokenizer.ggml.{name}_token_id", 0)
        if not 0 <= token_id < len(tokens):
            raise GgufError(
                f"{file.name}: {name}_token_id is {token_id}; allowed: 0 to {len(tokens) - 1}."
            )


def _config(file: GgufFile, kind: str) -> dict[str, Any]:
    """A token that begins no text (`begins_with_bos`) is not declared as its beginning."""
    tokens = _tokens(file, kind)
    named = {
        name: tokens[file.metadata[key]]
        for name, stated in _NAMED.items()
        if (key := f"tokenizer.ggml.{stated}_token_id") in file.metadata
    }
    if not begins_with_bos(file):
        named.pop("bos_token", None)
    template = file.metadata.get("tokenizer.chat_template")
    return {
        "tokenizer_class": "TokenizersBackend",
        "clean_up_tokenization_spaces": False,
        "padding_side": "left",
        **named,
        **({"chat_template": template} if template else {}),
    }


def _tokens(file: GgufFile, kind: str) -> list[str]:
    """As `transformers` spells them: Gemma's runs of spaces are stored as spaces, and looked up as
    `▁`.
    """
    tokens: list[str] = _stated(file, "tokens")
    if kind == "llama" and file.architecture in GEMMAS:
        return [
            SPACE * len(token) if token.isspace() and " " in token else token for token in tokens
        ]
    return tokens


def _gemma(file: GgufFile) -> dict[str, Any]:
    """As GemmaTokenizer makes it: BPE over text whose spaces became `▁`, with bytes for what no
    entry spells.
    """
    tokens, kinds = _tokens(file, "llama"), _stated(file, "token_type")
    ids = {token: token_id for token_id, token in enumerate(tokens)}
    raw = _stated(file, "tokens")
    added = [
        _added(token_id, raw[token_id], special=kind == CONTROL)
        for token_id, kind in enumerate(kinds)
        if kind == CONTROL or (kind == USER_DEFINED and raw[token_id] in ids)
    ]
    bpe = {
        "type": "BPE",
        "dropout": None,
        "unk_token": tokens[_stated(file, "unknown_token_id")],
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": True,
        "byte_fallback": True,
        "ignore_merges": False,
        "vocab": ids,
        "merges": list(merges_of(tokens)),
    }
    begun = _beginning(file, tokens)
    return _GEMMA | {"added_tokens": added, "post_processor": begun, "model": bpe}


_GEMMA: dict[str, Any] = {
    "version": "1.0",
    "truncation": None,
    "padding": None,
    "added_tokens": [],
    "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": SPACE},
    "pre_tokenizer": {
        "type": "Split",
        "pattern": {"String": " "},
        "behavior": "MergedWithPrevious",
        "invert": False,
    },
    "post_processor": None,
    "decoder": {
        "type": "Sequence",
        "decoders": [
            {"type": "Replace", "pattern": {"String": SPACE}, "content": " "},
            {"type": "ByteFallback"},
            {"type": "Fuse"},
        ],
    },
    "model": None,
}


def merges_of(tokens: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Every cut of an entry into two entries; entries in order, of one entry the longest left part
    first.

    Gemma's file lists no merges: the order of its vocabulary is their order.
    """
    known = frozenset(tokens)
    for token in tokens:
        for cut in range(len(token) - 1, 0, -1):
            if token[:cut] in known and token[cut:] in known:
                yield token[:cut], token[cut:]


def _added(token_id: int, content: str, *, special: bool) -> dict[str, Any]:
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    return {"id": token_id, "content": content, **plain, "special": special}


def _beginning(file: GgufFile, tokens: Sequence[str]) -> dict[str, Any] | None:
    """The post-processor that puts BOS before a text, and before each of a pair."""
    if not begins_with_bos(file):
        return None
    token_id = _stated(file, "bos_token_id")
    bos = tokens[token_id]

    def piece(name: str, number: int) -> list[dict[str, Any]]:
        return [
            {"SpecialToken": {"id": bos, "type_id": number}},
            {"Sequence": {"id": name, "type_id": number}},
        ]

    return {
        "type": "TemplateProcessing",
        "single": piece("A", 0),
        "pair": piece("A", 0) + piece("B", 1),
        "special_tokens": {bos: {"id": bos, "ids": [token_id], "tokens": [bos]}},
    }


def _converted(file: GgufFile, kind: str) -> str:
    """By transformers' own builders, which take vocabulary and merges as a dictionary."""
    from tokenizers import pre_tokenizers
    from transformers.integrations.gguf.gguf_tokenizer_mapping import (
        GGUF_PRE_TOKENIZER_SPLITS,
        GGUF_TOKENIZER_MAPPING,
        convert_gguf_tokenizer,
    )

    cut = file.metadata.get("tokenizer.ggml.pre", "default")
    known = (*_GPT2_OWN, *_DIGITS_APART, *GGUF_PRE_TOKENIZER_SPLITS)
    if kind == "gpt2" and cut not in known:
        raise GgufError(
            f"{file.name} cuts text into words as {cut!r} does; read are "
            f"{', '.join(sorted(known))}."
        )
    names = GGUF_TOKENIZER_MAPPING["tokenizer"]
    parts = {
        ours: file.metadata[f"tokenizer.{theirs}"]
        for theirs, ours in names.items()
        if f"tokenizer.{theirs}" in file.metadata
    }
    core, _ = convert_gguf_tokenizer(file.architecture, parts)
    if kind == "gpt2" and cut in _DIGITS_APART:
        core.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Digits(individual_digits=True),
                pre_tokenizers.ByteLevel(add_prefix_space=False),
            ]
        )
    raw = json.loads(core.to_str())
    if begins_with_bos(file):
        raw["post_processor"] = _beginning(file, parts["tokens"])
    return json.dumps(raw, ensure_ascii=False, separators=(",", ":"))
