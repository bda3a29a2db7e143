"""Small random models of the real classes, and the author's way to ablate them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from compute.models.developments.regression_transformer import (
    RegressionConfig,
    RegressionTransformer,
)
from compute.models.loading import LoadedModel, wrap_model

VOCABULARY = 50
LANGUAGE = ("gpt_neox", "gpt_neox_sequential", "gpt2", "llama", "mistral", "qwen2")
_COMMON = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
    "initializer_range": 0.3,
    "bos_token_id": 0,
    "eos_token_id": 0,
}


def language_module(kind: str, seed: int = 0) -> nn.Module:
    """Return a 3-layer, 4-head, width-32 model whose weights are large enough to matter."""
    torch.manual_seed(seed)
    match kind:
        case "gpt_neox":
            return GPTNeoXForCausalLM(GPTNeoXConfig(**_COMMON)).eval()
        case "gpt_neox_sequential":
            config = GPTNeoXConfig(**_COMMON, use_parallel_residual=False)
            return GPTNeoXForCausalLM(config).eval()
        case "gpt2":
            config = GPT2Config(
                vocab_size=VOCABULARY,
                n_embd=32,
                n_layer=3,
                n_head=4,
                n_positions=64,
                initializer_range=0.3,
                bos_token_id=0,
                eos_token_id=0,
            )
            return GPT2LMHeadModel(config).eval()
        case "llama":
            return LlamaForCausalLM(LlamaConfig(**_COMMON, num_key_value_heads=2)).eval()
        case "mistral":
            return MistralForCausalLM(MistralConfig(**_COMMON, num_key_value_heads=2)).eval()
        case "qwen2":
            return Qwen2ForCausalLM(Qwen2Config(**_COMMON, num_key_value_heads=2)).eval()
    raise AssertionError(kind)


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


def looped_graph(model: LoadedModel, tokens: Tensor) -> np.ndarray:
    """The author's loop: a clean pass, then one whole hooked pass for every component."""
    clean = _outputs(model, tokens)
    weight = np.full((len(model.components),) * 2, np.nan)
    for i, source in enumerate(model.components):
        if source.kind == "logits":
            continue
        handle = _ablate(model, source)
        ablated = _outputs(model, tokens)
        handle.remove()
        for j, target in enumerate(model.components):
            if target.order > source.order:
                similarity = cosine_similarity(clean[target.name], ablated[target.name], dim=-1)
                weight[i, j] = 1 - similarity.mean().item()
    return weight


def _outputs(model: LoadedModel, tokens: Tensor) -> dict[str, Tensor]:
    """Every component's output in one pass of the whole model."""
    raw: dict[str, Tensor] = {}
    handles = []
    for layer, part in enumerate(model.anatomy.blocks):

        def keep_z(module, args, layer=layer):
            raw[f"z{layer}"] = args[0]

        def keep_mlp(module, args, output, layer=layer):
            raw[f"L{layer}MLP"] = output

        handles.append(part.merge.register_forward_pre_hook(keep_z))
        handles.append(part.mlp.register_forward_hook(keep_mlp))
    with torch.no_grad():
        result = model.module(tokens)
    for handle in handles:
        handle.remove()
    if model.family == "regression":
        outputs = {"LOGITS": result[:, 0::2, 0][:, None]}
    else:
        outputs = {"LOGITS": result.logits}
    for layer, part in enumerate(model.anatomy.blocks):
        z = raw[f"z{layer}"].unflatten(-1, (part.heads, -1))
        outputs |= {f"L{layer}H{h}": z[:, :, h] for h in range(part.heads)}
        outputs[f"L{layer}MLP"] = raw[f"L{layer}MLP"]
    return outputs


def _ablate(model: LoadedModel, source):
    if source.kind == "embedding":
        return model.anatomy.embedding.register_forward_hook(lambda m, a, o: torch.zeros_like(o))
    part = model.anatomy.blocks[source.layer]
    if source.kind == "mlp":
        return part.mlp.register_forward_hook(lambda m, a, o: torch.zeros_like(o))

    def zero_head(module, args):
        z = args[0].clone().unflatten(-1, (part.heads, -1))
        z[:, :, source.index] = 0
        return (z.flatten(-2), *args[1:])

    return part.merge.register_forward_pre_hook(zero_head)
