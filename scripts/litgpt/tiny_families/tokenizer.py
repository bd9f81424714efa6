"""Tokenizers of the kinds that the families have, trained on the tiny world's chats."""

import struct
from collections.abc import Sequence
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Literal

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from tiny_base.chats import random_chats
from tiny_base.tokenizer import QWEN2_SPLIT

Kind = Literal["qwen", "llama-3", "gpt-4", "gpt-2", "pieces", "pieces-prefixed"]
SIZE = 448

# Importers recognise a tokenizer by these exact patterns.
LLAMA_3_SPLIT = QWEN2_SPLIT.replace(r"|\p{N}|", r"|\p{N}{1,3}|")
SPACE, UNKNOWN = "▁", "<unk>"


@cache
def _texts() -> tuple[str, ...]:
    return tuple(message["content"] for chat in islice(random_chats(1), 400) for message in chat)


def make_tokenizer(kind: Kind, specials: Sequence[str], first: bool) -> Tokenizer:
    """Return a tokenizer of SIZE tokens.

    Args:
        kind: how it splits: byte-level as Qwen, Llama 3, GPT-4 or GPT-2 do, or pieces with bytes to fall back on as
            SentencePiece has, with or without a space before the text.
        specials: the tokens that stand for themselves, in the order of their ids.
        first: whether they have the first ids, else the last.
    """
    tokenizer = _pieces(kind == "pieces-prefixed") if kind.startswith("pieces") else _bytes(kind)
    trainer = trainers.BpeTrainer(
        vocab_size=SIZE - (0 if first else len(specials)),
        initial_alphabet=[] if kind.startswith("pieces") else sorted(pre_tokenizers.ByteLevel.alphabet()),
        special_tokens=[*specials, *_byte_tokens(kind)] if first else _byte_tokens(kind),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_texts(), trainer)
    if not first:
        tokenizer.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in specials])
    if tokenizer.get_vocab_size() != SIZE:
        raise ValueError(f"the texts give {tokenizer.get_vocab_size()} tokens, not {SIZE}")
    return tokenizer


def _byte_tokens(kind: Kind) -> list[str]:
    return [f"<0x{byte:02X}>" for byte in range(256)] if kind.startswith("pieces") else []


def _bytes(kind: Kind) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(ignore_merges=kind == "llama-3"))
    split = {"qwen": QWEN2_SPLIT, "llama-3": LLAMA_3_SPLIT, "gpt-4": LLAMA_3_SPLIT}.get(kind)
    if kind == "qwen":
        tokenizer.normalizer = normalizers.NFC()
    before = [
        pre_tokenizers.Split(Regex(split), behavior="isolated")
        if split
        else pre_tokenizers.Digits(individual_digits=True)
    ]
    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=split is None)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*before, level])
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _pieces(prefixed: bool) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(unk_token=UNKNOWN, fuse_unk=True, byte_fallback=True))
    spaces = normalizers.Replace(" ", SPACE)
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend(SPACE), spaces]) if prefixed else spaces
    # Words are learned apart, as SentencePiece does; what is encoded is not split.
    tokenizer.pre_tokenizer = pre_tokenizers.Split(SPACE, behavior="merged_with_next")
    steps = [decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse()]
    tokenizer.decoder = decoders.Sequence([*steps, decoders.Strip(" ", 1, 0)] if prefixed else steps)
    return tokenizer


def write_sentencepiece(tokenizer: Tokenizer, specials: Sequence[str], unknown: str, path: Path) -> None:
    """Write `tokenizer.model`: SentencePiece's protocol buffer with the pieces, the earlier merged the likelier."""
    vocab = sorted(tokenizer.get_vocab(with_added_tokens=True).items(), key=lambda item: item[1])
    message = b"".join(_piece(text, _score(text, token), _type(text, specials, unknown)) for text, token in vocab)
    path.write_bytes(message)


def _score(text: str, token: int) -> float:
    return 0.0 if text.startswith("<") and text.endswith(">") else float(-token)


def _type(text: str, specials: Sequence[str], unknown: str) -> int:
    """Return SentencePiece's type: 1 normal, 2 unknown, 3 control, 6 byte."""
    if text == unknown:
        return 2
    if text in specials:
        return 3
    return 6 if text.startswith("<0x") else 1


def _piece(text: str, score: float, kind: int) -> bytes:
    data = text.encode()
    body = b"\x0a" + bytes([len(data)]) + data + b"\x15" + struct.pack("<f", score) + b"\x18" + bytes([kind])
    return b"\x0a" + bytes([len(body)]) + body
