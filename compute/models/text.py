"""The text that a language run is measured on: its tokens, and their identity."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from compute.errors import MeasurementError, RunError
from compute.models.developments.library_text import library_texts

CORPUS = "corpus"
PASSAGE = (
    "The keeper of the archive was called Velmorrand. Every evening she wrote one line in the "
    "ledger. When the flood came, the people climbed the hill and called her name: Velmorrand"
)


def text_digest(folder: Path | None, text: Path | None) -> str:
    """Return the identity of a language run's text.

    The text is ``text`` if given, else the run's own ``corpus/`` if its folder has one, else the
    held-out part of Python's standard library.

    Raises
    ------
    RunError
        If ``text`` cannot be read.
    """
    if text is not None:
        try:
            return hashlib.sha256(text.read_bytes()).hexdigest()
        except OSError as error:
            raise RunError(f"{text}: the text cannot be read: {error.strerror}") from error
    if folder is not None and (folder / CORPUS / "corpus.json").exists():
        whole = hashlib.sha256()
        for split in ("train", "heldout"):
            whole.update((folder / CORPUS / f"{split}.npy").read_bytes())
        return whole.hexdigest()
    return hashlib.sha256("\0".join(library_texts()["heldout"]).encode()).hexdigest()


def text_tokens(
    split: str, *, run_folder: Path | None, text: Path | None, tokenizer_folder: Path
) -> NDArray[np.int64]:
    """Return the tokens of a run's text in one row.

    Parameters
    ----------
    split
        ``train`` or ``heldout``; a text without splits gives the same tokens for both.

    Raises
    ------
    MeasurementError
        If the text must be tokenised and the checkpoint has no tokenizer.
    """
    if text is None and run_folder is not None:
        path = run_folder / CORPUS / f"{split}.npy"
        if path.exists():
            return np.load(path).astype(np.int64)
    return _tokenised(text, tokenizer_folder / "tokenizer.json")


def passage_tokens(tokenizer_folder: Path) -> NDArray[np.int64]:
    """Return the passage's tokens; the last one is the rest of a name that stood before."""
    return np.array(_tokenizer(tokenizer_folder / "tokenizer.json").encode(PASSAGE).ids)


def token_pieces(tokens: Sequence[int], *, tokenizer_folder: Path) -> dict[int, str]:
    """Return tokens as pieces of text; as their ids where the folder has no tokenizer."""
    path = tokenizer_folder / "tokenizer.json"
    if not path.is_file():
        return {token: str(token) for token in tokens}
    tokenizer = _tokenizer(path)
    return {token: _piece(tokenizer, token) for token in tokens}


def _piece(tokenizer: Tokenizer, token: int) -> str:
    """Return one token as text; a part of a character has none, so its name in the vocabulary."""
    text = tokenizer.decode([token], skip_special_tokens=False)
    if text and "\ufffd" not in text:
        return text
    return tokenizer.id_to_token(token) or str(token)


@lru_cache(maxsize=4)
def _tokenised(text: Path | None, tokenizer_file: Path) -> NDArray[np.int64]:
    tokenizer = _tokenizer(tokenizer_file)
    texts = library_texts()["heldout"] if text is None else [text.read_text(errors="replace")]
    return np.concatenate([np.array(e.ids, dtype=np.int64) for e in tokenizer.encode_batch(texts)])


def _tokenizer(path: Path) -> Tokenizer:
    if not path.is_file():
        raise MeasurementError(
            f"{path.parent}: no tokenizer.json, so no text can be shown to this model; copy its "
            "tokenizer there, or measure the task 'uniform' only"
        )
    return Tokenizer.from_file(str(path))
