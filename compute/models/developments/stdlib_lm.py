"""The development ``stdlib_lm``: a small GPT-NeoX that learns Python's standard library.

The same architecture as the Pythia models (parallel residual, rotary positions on a quarter of
each head), scaled to a laptop: 4 layers, 4 heads, width 128, context 128, and a byte-level BPE of
512 tokens trained on the same text.
"""

from __future__ import annotations

import hashlib
import json
import math
import platform
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM, PreTrainedTokenizerFast

from compute.models.developments.training import Recipe, log_then_linear

CONTEXT = 128
VOCABULARY = 512
BOUNDARY = "<|endoftext|>"
HELD_OUT_ONE_IN = 20
WARMUP_STEPS = 100
FINAL_RATE_SHARE = 0.1

RECIPE = Recipe(
    name="stdlib_lm",
    summary=(
        "A 4-layer, 4-head, width-128 GPT-NeoX (0.92 million parameters) that learns the source "
        "of Python's standard library with a byte-level BPE of 512 tokens, context 128. AdamW, "
        "100 steps of warm-up, then a cosine to a tenth of the peak learning rate."
    ),
    licence="weights: MIT; text: Python's standard library, PSF licence",
    seed=0,
    schedule_steps=6_000,
    train_steps=6_000,
    batch_size=32,
    peak_learning_rate=2e-3,
    checkpoint_steps=log_then_linear(log_until=1_000, log_count=70, every=100, last=6_000),
)


class StdlibLm:
    """A language model of Python's standard library, `RECIPE`."""

    recipe = RECIPE

    def __init__(self) -> None:
        self._train_tokens = torch.empty(0, dtype=torch.long)
        self._tokenizer_file = Path()

    def prepare(self, folder: Path) -> None:
        """Train the tokenizer and write ``tokenizer.json`` and ``corpus/*.npy`` (uint16)."""
        corpus = folder / "corpus"
        self._tokenizer_file = folder / "tokenizer.json"
        if not (corpus / "corpus.json").exists():
            write_corpus(corpus, self._tokenizer_file)
        tokens = np.load(corpus / "train.npy").astype(np.int64)
        self._train_tokens = torch.from_numpy(tokens)

    def build_model(self) -> GPTNeoXForCausalLM:
        """Return the GPT-NeoX at its seeded initialisation."""
        config = GPTNeoXConfig(
            vocab_size=VOCABULARY,
            hidden_size=128,
            num_hidden_layers=4,
            num_attention_heads=4,
            intermediate_size=512,
            max_position_embeddings=CONTEXT,
            bos_token_id=0,
            eos_token_id=0,
            tie_word_embeddings=False,
            use_cache=False,
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.recipe.seed)
            return GPTNeoXForCausalLM(config)

    def build_optimizer(self, model: nn.Module) -> torch.optim.Optimizer:
        """Return AdamW with Pythia's moments and weight decay."""
        return torch.optim.AdamW(
            model.parameters(), lr=0.0, betas=(0.9, 0.95), weight_decay=0.01, fused=True
        )

    def learning_rate(self, step: int) -> float:
        """Return a linear warm-up, then a cosine down to `FINAL_RATE_SHARE` of the peak."""
        peak = self.recipe.peak_learning_rate
        if step < WARMUP_STEPS:
            return peak * (step + 1) / WARMUP_STEPS
        progress = (step - WARMUP_STEPS) / (self.recipe.schedule_steps - WARMUP_STEPS)
        cosine = 0.5 * (1 + math.cos(math.pi * progress))
        return peak * (FINAL_RATE_SHARE + (1 - FINAL_RATE_SHARE) * cosine)

    def loss(self, model: nn.Module, generator: torch.Generator) -> Tensor:
        """Return the mean next-token loss, in nats, of random windows of the training text."""
        starts = torch.randint(
            len(self._train_tokens) - CONTEXT, (self.recipe.batch_size,), generator=generator
        )
        tokens = self._train_tokens[starts[:, None] + torch.arange(CONTEXT)]
        logits = model(tokens).logits
        return F.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten())

    def save(self, model: nn.Module, folder: Path) -> None:
        """Write what `transformers` writes, and the tokenizer."""
        assert isinstance(model, GPTNeoXForCausalLM)
        model.save_pretrained(folder)
        PreTrainedTokenizerFast(
            tokenizer_file=str(self._tokenizer_file), bos_token=BOUNDARY, eos_token=BOUNDARY
        ).save_pretrained(folder)


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
