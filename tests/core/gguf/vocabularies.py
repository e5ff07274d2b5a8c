"""Vocabularies as a GGUF holds them: Gemma's kind, and the byte-level kind."""

import json
from typing import Any

from tests.core.gguf.writer import bytes_of
from tests.tiny import tiny_tokenizer

CONTROL, USER_DEFINED, BYTE, NORMAL = 3, 4, 6, 1
PIECES = "th ▁t ▁th ▁the he the ca at cat ▁c ▁cat wh Wh What hat ▁▁a 你 好 你好 .. ..."


def sentencepiece() -> dict[str, Any]:
    """As Gemma's: special tokens, runs of newlines and of spaces kept whole, bytes, then pieces; no
    merges.
    """
    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
    whole = ["[multimodal]", "\n", "\n\n", "\n\n\n", "  ", "   ", "    ", "<table>"]
    pieces = ["▁", *"abcdefghijklmnopqrstuvwxyzTWR.,?", *PIECES.split()]
    tokens = bytes_of([*special, *whole]) + pieces
    kinds = (
        [CONTROL] * len(special)
        + [USER_DEFINED] * len(whole)
        + [BYTE] * 256
        + [NORMAL] * len(pieces)
    )
    return {
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.pre": "default",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.scores": [-1000.0] * len(tokens),
        "tokenizer.ggml.token_type": kinds,
        "tokenizer.ggml.bos_token_id": 2,
        "tokenizer.ggml.eos_token_id": 1,
        "tokenizer.ggml.unknown_token_id": 3,
        "tokenizer.ggml.padding_token_id": 0,
        "tokenizer.ggml.add_bos_token": True,
        "tokenizer.ggml.add_space_prefix": False,
    }


def byte_level() -> dict[str, Any]:
    """The tests' own byte-level BPE, which begins no text with a token of its own; with a chat
    template.
    """
    raw = json.loads(tiny_tokenizer().backend_tokenizer.to_str())["model"]
    tokens = sorted(raw["vocab"], key=raw["vocab"].get)
    return {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "smollm",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [CONTROL] * 3 + [NORMAL] * (len(tokens) - 3),
        "tokenizer.ggml.merges": [" ".join(pair) for pair in raw["merges"]],
        "tokenizer.ggml.bos_token_id": 2,
        "tokenizer.ggml.eos_token_id": 1,
        "tokenizer.ggml.padding_token_id": 0,
        "tokenizer.ggml.add_bos_token": False,
        "tokenizer.chat_template": "{% for m in messages %}{{ m['role'] }}\n"
        "{{ m['content'] }}<eos>\n{% endfor %}"
        "{% if add_generation_prompt %}assistant\n{% endif %}",
    }
