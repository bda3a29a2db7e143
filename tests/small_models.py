"""Small random models of the real classes, and the author's way to ablate them."""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity
from transformer_lens.config import TransformerBridgeConfig
from transformer_lens.model_bridge.sources.native import NativeModel
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

from compute.models.developments.regression_transformer import (
    RegressionConfig,
    RegressionTransformer,
)
from compute.models.loading import LoadedModel, attention_implementation, wrap_model

VOCABULARY = 50
_SHAPE = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "max_position_embeddings": 64,
    "initializer_range": 0.3,
    "bos_token_id": 0,
    "eos_token_id": 0,
    "pad_token_id": 0,
}
_WIDE = _SHAPE | {"intermediate_size": 64}
_GROUPED = _WIDE | {"num_key_value_heads": 2}
_OLD = {"initializer_range": 0.3, "bos_token_id": 0, "eos_token_id": 0, "vocab_size": VOCABULARY}
_GPT = _OLD | {"n_embd": 32, "n_layer": 3, "n_head": 4, "n_positions": 64}
_OPT = _SHAPE | {"ffn_dim": 64}
_GEMMA = _GROUPED | {"head_dim": 8}
# By name: the model type, and its settings. Every layout of a block that is supported is here.
_CONFIGS: dict[str, tuple[str, dict[str, object]]] = {
    "gpt_neox": ("gpt_neox", _WIDE),
    "gpt_neox_sequential": ("gpt_neox", _WIDE | {"use_parallel_residual": False}),
    "gpt2": ("gpt2", _GPT),
    "gptj": ("gptj", _GPT | {"rotary_dim": 4}),
    "gpt_neo": (
        "gpt_neo",
        _SHAPE | {"num_layers": 3, "num_heads": 4, "attention_types": [[["global"], 3]]},
    ),
    "gpt_bigcode": ("gpt_bigcode", _GPT),
    "codegen": ("codegen", _GPT | {"rotary_dim": 4}),
    "llama": ("llama", _GROUPED),
    "mistral": ("mistral", _GROUPED),
    "qwen2": ("qwen2", _GROUPED),
    "qwen3": ("qwen3", _GROUPED | {"head_dim": 8}),
    "gemma": ("gemma", _GEMMA),
    "gemma2": (
        "gemma2",
        _GEMMA | {"final_logit_softcapping": 5.0, "attn_logit_softcapping": 5.0},
    ),
    "gemma3": ("gemma3_text", _GEMMA),
    "opt": ("opt", _OPT),
    "opt_post_norm": ("opt", _OPT | {"do_layer_norm_before": False, "word_embed_proj_dim": 16}),
    "phi": ("phi", _WIDE | {"partial_rotary_factor": 0.5}),
    "phi3": ("phi3", _GROUPED),
    "bloom": ("bloom", _OLD | {"hidden_size": 32, "n_layer": 3, "n_head": 4}),
    "bloom_post_norm": (
        "bloom",
        _OLD
        | {"hidden_size": 32, "n_layer": 3, "n_head": 4}
        | {"apply_residual_connection_post_layernorm": True},
    ),
    "falcon": (
        "falcon",
        _OLD | {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4},
    ),
    "olmo": ("olmo", _GROUPED),
    "olmo2": ("olmo2", _GROUPED),
    "stablelm": ("stablelm", _GROUPED),
    "starcoder2": ("starcoder2", _GROUPED),
    "cohere": ("cohere", _GROUPED | {"logit_scale": 0.25}),
    "granite": ("granite", _GROUPED | {"residual_multiplier": 0.3, "logits_scaling": 2.0}),
    "mpt": (
        "mpt",
        {"vocab_size": VOCABULARY, "d_model": 32, "n_layers": 3, "n_heads": 4, "max_seq_len": 64},
    ),
}
LANGUAGE = tuple(_CONFIGS)


def language_module(kind: str, seed: int = 0) -> nn.Module:
    """Return a 3-layer, 4-head, width-32 model whose weights are large enough to matter.

    Biases and norms are drawn too, since many classes start them at zero and one.
    """
    torch.manual_seed(seed)
    model_type, settings = _CONFIGS[kind]
    config = AutoConfig.for_model(model_type, **settings)
    how = attention_implementation(AutoModelForCausalLM._model_mapping[type(config)])
    module = AutoModelForCausalLM.from_config(config, attn_implementation=how)
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.ndim == 1:
                parameter.add_(0.2 * torch.randn_like(parameter))
            elif kind == "mpt":
                parameter.mul_(10)
    return module.eval()


# What the guide calls them.
TITLES = {
    "gpt_neox": "GPT-NeoX (Pythia)",
    "gpt_neox_sequential": "GPT-NeoX, `use_parallel_residual: false`",
    "gpt2": "GPT-2",
    "gptj": "GPT-J",
    "gpt_neo": "GPT-Neo",
    "gpt_bigcode": "GPT-BigCode",
    "codegen": "CodeGen",
    "llama": "Llama",
    "mistral": "Mistral",
    "qwen2": "Qwen2",
    "qwen3": "Qwen3",
    "gemma": "Gemma",
    "gemma2": "Gemma 2 (soft caps)",
    "gemma3": "Gemma 3 (text)",
    "opt": "OPT",
    "opt_post_norm": "OPT-350M (norms after, projected embeddings)",
    "phi": "Phi",
    "phi3": "Phi-3",
    "bloom": "BLOOM",
    "bloom_post_norm": "BLOOM, `apply_residual_connection_post_layernorm`",
    "falcon": "Falcon",
    "olmo": "OLMo",
    "olmo2": "OLMo 2",
    "stablelm": "StableLM",
    "starcoder2": "StarCoder2",
    "cohere": "Cohere (Command R)",
    "granite": "Granite",
    "mpt": "MPT",
    "native": "TransformerLens native, learned positions",
    "native_rotary": "TransformerLens native, rotary, grouped keys, gated MLP, RMSNorm",
    "native_attention_only": "TransformerLens native, attention only",
    "native_capped": "TransformerLens native, soft caps",
    "icl_regression": "this project's regression transformer",
}
_NATIVE_SETTINGS: dict[str, dict[str, object]] = {
    "native": {},
    "native_rotary": {
        "positional_embedding_type": "rotary",
        "rotary_dim": 4,
        "n_key_value_heads": 2,
        "gated_mlp": True,
        "normalization_type": "RMS",
    },
    "native_attention_only": {"attn_only": True},
    "native_capped": {"output_logits_soft_cap": 5.0, "attn_scores_soft_cap": 5.0},
}
NATIVE = tuple(_NATIVE_SETTINGS)


def native_model(kind: str) -> LoadedModel:
    """Return a 3-layer, 4-head, width-32 model of TransformerLens' own architecture."""
    config = TransformerBridgeConfig(
        **{
            "d_model": 32,
            "d_head": 8,
            "n_heads": 4,
            "n_layers": 3,
            "n_ctx": 64,
            "d_vocab": VOCABULARY,
            "act_fn": "gelu",
            "normalization_type": "LN",
            "initializer_range": 0.3,
        }
        | _NATIVE_SETTINGS[kind]
    )
    torch.manual_seed(0)
    module = NativeModel(config)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return wrap_model(module)


def language_model(kind: str, seed: int = 0) -> LoadedModel:
    return wrap_model(language_module(kind, seed))


def regression_model(seed: int = 0) -> LoadedModel:
    torch.manual_seed(seed)
    return wrap_model(RegressionTransformer(RegressionConfig()).eval())


def save_language_model(kind: str, folder: Path, seed: int = 0) -> Path:
    """Save a model, and a tokenizer of 50 byte-level tokens, as `transformers` does."""
    language_module(kind, seed).save_pretrained(folder)
    vocabulary = {character: i for i, character in enumerate(sorted(ByteLevel.alphabet())[:50])}
    tokenizer = Tokenizer(BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer).save_pretrained(folder)
    return folder


# Where blocks, attention's output projection and what the MLP adds are, said once more and by
# hand, so that the loop below owes nothing to what it checks.
_NEOX = ("gpt_neox.layers", "attention.dense", "mlp")
_GPT2 = ("transformer.h", "attn.c_proj", "mlp")
_GPTJ = ("transformer.h", "attn.out_proj", "mlp")
_LLAMA = ("model.layers", "self_attn.o_proj", "mlp")
_BLOOM = ("transformer.h", "self_attention.dense", "mlp.dense_4h_to_h")
_PATHS = {
    "gpt_neox": _NEOX,
    "gpt2": _GPT2,
    "gpt_bigcode": _GPT2,
    "gptj": _GPTJ,
    "codegen": _GPTJ,
    "gpt_neo": ("transformer.h", "attn.attention.out_proj", "mlp"),
    "opt": ("model.decoder.layers", "self_attn.out_proj", "fc2"),
    "phi": ("model.layers", "self_attn.dense", "mlp"),
    "bloom": _BLOOM,
    "falcon": ("transformer.h", "self_attention.dense", "mlp"),
    "mpt": ("transformer.blocks", "attn.out_proj", "ffn.down_proj"),
    "icl_regression": ("blocks", "attention.output", "mlp"),
    "native": ("layers", "attn.o", "mlp"),
}


def looped_graph(
    model: LoadedModel,
    tokens: Tensor,
    mask: Tensor | None = None,
    stand_in: str | Tensor = "zero",
) -> np.ndarray:
    """The weights of all edges by whole passes; see `LoopedPasses`."""
    loop = LoopedPasses(model, tokens, mask, stand_in)
    weight = np.full((len(model.components),) * 2, np.nan)
    for source in model.components:
        if source.kind != "logits":
            row, weights = loop.row(source)
            weight[row] = weights
    return weight


class LoopedPasses:
    """The author's loop: a clean pass, then one whole hooked pass for every component.

    ``stand_in`` is ``zero``, ``mean`` (over prompts and positions), or the numbers of the prompts
    whose outputs stand in for those of each prompt.
    """

    def __init__(
        self,
        model: LoadedModel,
        tokens: Tensor,
        mask: Tensor | None = None,
        stand_in: str | Tensor = "zero",
    ) -> None:
        self._model, self._tokens, self._mask, self._kind = model, tokens, mask, stand_in
        self._clean = self.clean()

    def clean(self) -> dict[str, Tensor]:
        return _outputs(self._model, self._tokens, self._mask)

    def row(self, source) -> tuple[int, np.ndarray]:
        """The place of a component, and its weight on every other."""
        value = _stand_in(self._clean[source.name], self._mask, self._kind)
        handle = _ablate(self._model, source, value)
        ablated = self.clean()
        handle.remove()
        weights = np.full(len(self._model.components), np.nan)
        for j, target in enumerate(self._model.components):
            if target.order > source.order:
                similarity = cosine_similarity(
                    self._clean[target.name], ablated[target.name], dim=-1
                )
                weights[j] = 1 - np.mean([row.mean().item() for row in self._unpadded(similarity)])
        return self._model.components.index(source), weights

    def _unpadded(self, similarity: Tensor) -> list[Tensor]:
        if self._mask is None:
            return list(similarity)
        return [row[mask] for row, mask in zip(similarity, self._mask, strict=True)]


def _stand_in(clean: Tensor, mask: Tensor | None, kind: str | Tensor) -> Tensor:
    if isinstance(kind, Tensor):
        return clean[kind]
    if kind == "zero":
        return torch.zeros_like(clean[:1, :1])
    rows = clean.flatten(0, 1) if mask is None else clean[mask]
    return rows.mean(0)[None, None]


def _parts(model: LoadedModel, layer: int) -> tuple[nn.Module, nn.Module | None]:
    """Return the attention's output projection and the module whose output is the MLP's."""
    module = model.module
    native = isinstance(module, NativeModel)
    kind = "native" if native else getattr(module.config, "model_type", "icl_regression")
    blocks, merge, mlp = _PATHS.get(kind, _LLAMA)
    block = module.get_submodule(blocks)[layer]
    return block.get_submodule(merge), block.get_submodule(mlp) if hasattr(
        block, mlp.split(".")[0]
    ) else None


def _forward(model: LoadedModel, tokens: Tensor, mask: Tensor | None):
    if mask is None:
        return model.module(tokens)
    arguments = {"attention_mask": mask.long()}
    if "position_ids" in inspect.signature(type(model.module).forward).parameters:
        arguments["position_ids"] = (mask.long().cumsum(1) - 1).clamp_min(0)
    return model.module(tokens, **arguments)


def _outputs(model: LoadedModel, tokens: Tensor, mask: Tensor | None = None) -> dict[str, Tensor]:
    """Every component's output in one pass of the whole model."""
    raw: dict[str, Tensor] = {}
    handles = []

    def keep_embedding(module, args, output):
        raw["EMB"] = output

    handles.append(model.anatomy.embedding.register_forward_hook(keep_embedding))
    for layer in range(len(model.anatomy.blocks)):

        def keep_z(module, args, layer=layer):
            raw[f"z{layer}"] = args[0]

        def keep_mlp(module, args, output, layer=layer):
            raw[f"L{layer}MLP"] = output.clone().view(*tokens.shape[:2], -1)

        merge, mlp = _parts(model, layer)
        handles.append(merge.register_forward_pre_hook(keep_z))
        if mlp is not None:
            handles.append(mlp.register_forward_hook(keep_mlp))
    with torch.no_grad():
        result = _forward(model, tokens, mask)
    for handle in handles:
        handle.remove()
    if model.family == "regression":
        outputs = {"LOGITS": result[:, 0::2, 0][:, None]}
    else:
        outputs = {"LOGITS": getattr(result, "logits", result)}
    for layer, part in enumerate(model.anatomy.blocks):
        z = raw[f"z{layer}"].unflatten(-1, (part.heads, -1))
        outputs |= {f"L{layer}H{h}": z[:, :, h] for h in range(part.heads)}
        if part.mlp is not None:
            outputs[f"L{layer}MLP"] = raw[f"L{layer}MLP"]
    return outputs | {"EMB": raw["EMB"]}


def _ablate(model: LoadedModel, source, value: Tensor):
    def put(module, args, output):
        if output.ndim == value.ndim:
            return value.expand_as(output).clone()
        # OPT's MLP works on [prompts * positions, width].
        rows = value.expand(-1, len(output) // len(value), -1) if len(value) > 1 else value
        return rows.reshape(-1, output.shape[-1]).expand_as(output).clone()

    if source.kind == "embedding":
        return model.anatomy.embedding.register_forward_hook(put)
    merge, mlp = _parts(model, source.layer)
    if source.kind == "mlp":
        return mlp.register_forward_hook(put)

    def put_head(module, args):
        z = args[0].clone().unflatten(-1, (model.anatomy.blocks[source.layer].heads, -1))
        z[:, :, source.index] = value
        return (z.flatten(-2), *args[1:])

    return merge.register_forward_pre_hook(put_head)
