"""The text of the language developments: Python's standard library, as tokens of its own BPE.

A byte-level BPE of 512 tokens is trained on the text that it splits. Two developments on one
machine have the same text and the same tokenizer, so that their outputs can be compared.
"""

from __future__ import annotations

import hashlib
import json
import platform
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor
from torch.nn import functional as F
from transformers import PreTrainedTokenizerFast

CONTEXT = 128
VOCABULARY = 512
BOUNDARY = "<|endoftext|>"
HELD_OUT_ONE_IN = 20


class LibraryText:
    """The training text of one development, in its folder."""

    def __init__(self, folder: Path) -> None:
        self._tokenizer_file = folder / "tokenizer.json"
        corpus = folder / "corpus"
        if not (corpus / "corpus.json").exists():
            write_corpus(corpus, self._tokenizer_file)
        self._train = torch.from_numpy(np.load(corpus / "train.npy").astype(np.int64))

    def windows(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw random windows of the training text, ``[count, CONTEXT]``."""
        starts = torch.randint(len(self._train) - CONTEXT, (count,), generator=generator)
        return self._train[starts[:, None] + torch.arange(CONTEXT)]

    def save_tokenizer(self, folder: Path) -> None:
        """Write the tokenizer beside a checkpoint's weights."""
        PreTrainedTokenizerFast(
            tokenizer_file=str(self._tokenizer_file), bos_token=BOUNDARY, eos_token=BOUNDARY
        ).save_pretrained(folder)


def next_token_loss(logits: Tensor, tokens: Tensor) -> Tensor:
    """Return the mean next-token loss of ``[windows, positions]`` tokens, nats."""
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten())


def library_files() -> list[Path]:
    """Return the source files of this Python's standard library, without tests, sorted."""
    root = Path(sysconfig.get_path("stdlib"))
    skip = {"site-packages", "test", "tests", "idle_test", "__pycache__"}
    files = (p for p in root.rglob("*.py") if not skip.intersection(p.relative_to(root).parts))
    return sorted(files)


def library_texts() -> dict[str, list[str]]:
    """Return the library's sources, split into ``train`` and ``heldout`` files.

    One file in `HELD_OUT_ONE_IN`, chosen by the digest of its path, is held out.
    """
    root = Path(sysconfig.get_path("stdlib"))
    texts: dict[str, list[str]] = {"train": [], "heldout": []}
    for path in library_files():
        name = path.relative_to(root).as_posix()
        digest = hashlib.sha256(name.encode()).digest()
        split = "heldout" if digest[0] % HELD_OUT_ONE_IN == 0 else "train"
        texts[split].append(path.read_text(encoding="utf-8", errors="replace"))
    return texts


def write_corpus(corpus: Path, tokenizer_file: Path) -> None:
    """Split the library into training and held-out files, and tokenise both.

    ``corpus.json`` is written last: it says that the rest is whole, and which Python the text
    came from.
    """
    corpus.mkdir(parents=True, exist_ok=True)
    texts = library_texts()
    tokenizer = train_tokenizer(iter(texts["train"]))
    tokenizer.save(str(tokenizer_file))
    counts = {}
    for split, documents in texts.items():
        tokens = _encode(tokenizer, documents)
        np.save(corpus / f"{split}.npy", tokens)
        counts[f"{split}_tokens"] = len(tokens)
        counts[f"{split}_files"] = len(documents)
    facts = {"python": platform.python_version(), **counts}
    (corpus / "corpus.json").write_text(json.dumps(facts, indent=2) + "\n")


def train_tokenizer(texts: Iterator[str]) -> Tokenizer:
    """Return a byte-level BPE of `VOCABULARY` tokens; token 0 is the document boundary."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[BOUNDARY],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def _encode(tokenizer: Tokenizer, documents: list[str]) -> np.ndarray:
    """Return the documents' tokens in one row, each document after a boundary token."""
    pieces = [[0, *encoding.ids] for encoding in tokenizer.encode_batch(documents)]
    return np.concatenate([np.asarray(piece, dtype=np.uint16) for piece in pieces])
