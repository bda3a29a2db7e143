"""Open one checkpoint folder as a model whose components are known.

Weights come from safetensors, or from pickled files through ``weights_only=True``; a checkpoint
with missing, surplus, misshapen or non-finite weights is refused rather than half loaded.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import pickle
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.utils import logging as transformers_logging

from compute.errors import CheckpointUnreadable, UnknownArchitecture
from compute.models.anatomy import Anatomy, Component, find_anatomy
from compute.models.developments.icl_regression import MODEL_TYPE as REGRESSION
from compute.models.developments.regression_transformer import (
    RegressionConfig,
    RegressionTransformer,
)
from compute.models.forward import run_trunk
from compute.models.native import MODEL_TYPE as NATIVE
from compute.models.native import open_native
from compute.models.tracing import traced
from compute.runs import Family

WEIGHT_FILES = ("*.safetensors", "pytorch_model*.bin")

# What reading a checkpoint that is truncated, inconsistent or not one at all can raise.
_UNREADABLE = (
    SafetensorError, RuntimeError, OSError, ValueError, KeyError, TypeError, AttributeError,
    pickle.UnpicklingError, EOFError,
)  # fmt: skip

transformers_logging.set_verbosity_error()
transformers_logging.disable_progress_bar()


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class LoadedModel:
    """A model in evaluation mode, float32, on the CPU, with its anatomy.

    Attributes
    ----------
    components
        The nodes of its ablation graph, in order.
    folder
        Where it was read from; its tokenizer, if any, is there too.
    """

    module: nn.Module
    anatomy: Anatomy
    components: tuple[Component, ...]
    family: Family
    folder: Path

    def trunk(
        self, tokens: Tensor, mask: Bool[Tensor, "batch positions"] | None = None
    ) -> Float[Tensor, "batch positions width"]:
        """Return what the unembedding reads; ``mask`` is False at padding, on either side."""
        return run_trunk(self.module, self.anatomy, tokens, mask)

    @property
    def parameters(self) -> int:
        """The number of parameters, tied ones once."""
        return sum(p.numel() for p in self.module.parameters())


def open_model(folder: Path | str) -> LoadedModel:
    """Return the model in ``folder``.

    Raises
    ------
    CheckpointUnreadable
        If the folder, its config or its weights are missing, truncated, inconsistent or not
        finite.
    UnknownArchitecture
        If no anatomy is known for the model.
    """
    folder = Path(folder)
    config = read_config(folder)
    if not weight_files(folder):
        raise CheckpointUnreadable(
            f"{folder}: config.json without weights; expected model.safetensors or "
            "pytorch_model.bin beside it"
        )
    try:
        module = _OPENERS.get(str(config.get("model_type")), _open_causal)(folder, config)
    except _UNREADABLE as error:
        raise _unreadable(folder, error) from error
    _refuse_non_finite(folder, module)
    return wrap_model(module, folder)


def wrap_model(module: nn.Module, folder: Path = Path()) -> LoadedModel:
    """Return ``module`` with its anatomy, for a model that is already in memory."""
    module = module.eval().requires_grad_(False)
    anatomy = traced(module, find_anatomy(module))
    return LoadedModel(
        module=module,
        anatomy=anatomy,
        components=anatomy.components(),
        family="regression" if isinstance(module, RegressionTransformer) else "language",
        folder=folder,
    )


def read_config(folder: Path) -> dict[str, Any]:
    """Return a checkpoint's ``config.json``.

    Raises
    ------
    CheckpointUnreadable
        If it is missing or not a JSON object.
    """
    path = folder / "config.json"
    if not folder.is_dir():
        raise CheckpointUnreadable(f"{folder}: no such folder")
    try:
        value = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise CheckpointUnreadable(f"{folder}: no config.json; is this a checkpoint?") from error
    except (ValueError, OSError) as error:
        raise CheckpointUnreadable(f"{path}: not readable as JSON: {error}") from error
    if not isinstance(value, dict):
        raise CheckpointUnreadable(f"{path}: not a JSON object")
    return value


def weight_files(folder: Path) -> list[Path]:
    """Return the files that hold a checkpoint's weights, safetensors if there are any."""
    for pattern in WEIGHT_FILES:
        if found := sorted(folder.glob(pattern)):
            return found
    return []


def folder_digest(folder: Path) -> str:
    """Return a digest of a checkpoint's weights and config: its identity.

    Raises
    ------
    CheckpointUnreadable
        If there is nothing to digest.
    """
    files = weight_files(folder)
    config = folder / "config.json"
    if not files or not config.is_file():
        raise CheckpointUnreadable(f"{folder}: no weights or no config.json")
    whole = hashlib.sha256()
    for path in (config, *files):
        with path.open("rb") as file:
            whole.update(hashlib.file_digest(file, "sha256").digest())
    return whole.hexdigest()


def attention_implementation(model_class: type[nn.Module]) -> str:
    """Return how a model attends here: fused where its class supports that without a loss."""
    return "sdpa" if getattr(model_class, "_supports_sdpa", False) else "eager"


def _open_regression(folder: Path, config: dict[str, Any]) -> nn.Module:
    fields = {f.name: config[f.name] for f in dataclasses.fields(RegressionConfig)}
    module = RegressionTransformer(RegressionConfig(**fields))
    module.load_state_dict(load_file(folder / "model.safetensors"))
    return module


def _open_causal(folder: Path, config: dict[str, Any]) -> nn.Module:
    loader: Any = AutoModelForCausalLM
    known = AutoConfig.from_pretrained(folder, local_files_only=True)
    if type(known) not in loader._model_mapping:
        raise UnknownArchitecture(
            f"{folder}: architecture {config.get('model_type')!r} is no causal language model of "
            "the installed transformers"
        )
    module, info = loader.from_pretrained(
        folder,
        dtype=torch.float32,
        attn_implementation=attention_implementation(loader._model_mapping[type(known)]),
        local_files_only=True,
        trust_remote_code=False,
        output_loading_info=True,
        config=known,
    )
    find_anatomy(module)  # An architecture that is not known says so before its weights are judged.
    for problem in ("missing_keys", "mismatched_keys"):
        if info.get(problem):
            names = ", ".join(str(k) for k in sorted(map(str, info[problem]))[:3])
            raise CheckpointUnreadable(
                f"{folder}: {problem.replace('_', ' ')} in the weights: {names}"
            )
    return module


def _refuse_non_finite(folder: Path, module: nn.Module) -> None:
    for name, parameter in module.named_parameters():
        # A sum is finite only if every entry is, and is the faster question.
        if not (parameter.sum().isfinite() or parameter.isfinite().all()):
            raise CheckpointUnreadable(
                f"{folder}: the weights of {name} are not finite (NaN or infinity); "
                "training probably diverged before this step"
            )


def _unreadable(folder: Path, error: Exception) -> CheckpointUnreadable:
    first_line = str(error).strip().split("\n")[0][:200]
    return CheckpointUnreadable(
        f"{folder}: the weights cannot be read ({type(error).__name__}: {first_line}); "
        "the file may be truncated: copy it again"
    )


_OPENERS = {REGRESSION: _open_regression, NATIVE: open_native}
