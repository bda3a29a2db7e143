"""Models of TransformerLens' own architecture: attention-only or not, rotary or learned positions.

TransformerLens has no file format for them, so this project has one: ``config.json`` with the
model type `MODEL_TYPE` and the fields of its configuration, and ``model.safetensors``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from compute.errors import CheckpointUnreadable

MODEL_TYPE = "transformer_lens_native"
_WRAPPER = "_original_component."
# Of the machine or the moment, not of the model.
_LEFT_OUT = {"device", "dtype", "n_devices", "seed", "init_weights"}


def save_native(model: Any, folder: Path | str) -> None:
    """Write one checkpoint of a TransformerLens-native model.

    Parameters
    ----------
    model
        What ``TransformerBridge.boot_native`` returns, or its ``NativeModel``.
    folder
        Made if it is not there; name it ``step1000`` for `ontogeny add`.

    Raises
    ------
    ValueError
        If the model's norms were folded into its weights.
    """
    module = getattr(model, "original_model", model)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    fields = {k: v for k, v in module.cfg.to_dict().items() if k not in _LEFT_OUT}
    text = json.dumps({"model_type": MODEL_TYPE, **fields}, indent=2, default=float)
    save_file(_plain_names(module), folder / "model.safetensors")
    (folder / "config.json").write_text(text + "\n")


def open_native(folder: Path, config: dict[str, Any]) -> nn.Module:
    """Return the model in ``folder``, in float32.

    Raises
    ------
    CheckpointUnreadable
        If the configuration is not one that TransformerLens builds.
    """
    from transformer_lens.config import TransformerBridgeConfig

    fields = {k: v for k, v in config.items() if k != "model_type"}
    try:
        module = _build(TransformerBridgeConfig.from_dict({**fields, "init_weights": False}))
    except (TypeError, ValueError, NotImplementedError, KeyError) as error:
        raise CheckpointUnreadable(
            f"{folder}: TransformerLens cannot build a model from config.json: {error}"
        ) from error
    module.load_state_dict(load_file(folder / "model.safetensors"))
    return module.to(torch.float32)


def is_native(module: nn.Module) -> bool:
    """Say whether a module is TransformerLens' own; does not import it."""
    return type(module).__name__ == "NativeModel" and hasattr(module, "cfg")


def _plain_names(module: Any) -> dict[str, Tensor]:
    """Return the weights by the names that they have before a bridge wraps their modules.

    A bridge adds names of its own: aliases, and a bias of the unembedding.
    """
    named = {k.replace(_WRAPPER, ""): v for k, v in module.state_dict().items()}
    bias = named.get("head.bias")
    if bias is not None and bool(bias.any()):
        raise ValueError(
            "this model's norms were folded into its unembedding; save it before compatibility mode"
        )
    with torch.device("meta"):
        wanted = _build(module.cfg).state_dict()
    return {name: named[name].detach().contiguous().clone() for name in wanted}


def _build(config: Any) -> nn.Module:
    from transformer_lens.model_bridge.sources.native import NativeModel

    return NativeModel(config)
