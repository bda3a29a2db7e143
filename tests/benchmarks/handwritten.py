"""A suffix replay of GPT-NeoX alone, written by hand in plain PyTorch, for comparison."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F


def handwritten_graph(model, tokens: Tensor) -> np.ndarray:
    """Return the weights of all edges under zero ablation, ``[n, n]``."""
    trunk = model.gpt_neox
    layers, heads = trunk.layers, model.config.num_attention_heads
    n = 1 + len(layers) * (heads + 1) + 1
    weight = np.full((n, n), np.nan, dtype=np.float32)
    positions = torch.arange(tokens.shape[1])[None]
    rotary = trunk.rotary_emb(trunk.embed_in(tokens), positions)
    unembed = model.embed_out if hasattr(model, "embed_out") else model.lm_head
    gram = unembed.weight.double().T @ unembed.weight.double()
    factor = torch.linalg.cholesky(gram).float().T

    hidden, clean, inputs = trunk.embed_in(tokens), [], []
    for layer in layers:
        inputs.append(hidden)
        z, mlp = _parts(layer, hidden, rotary, heads)
        clean.append((z, mlp))
        hidden = hidden + layer.attention.dense(z) + mlp
    ends = [*inputs[1:], hidden]
    logits = trunk.final_layer_norm(hidden) @ factor.T

    def run(rows: slice, first: int, hidden: Tensor) -> None:
        for index in range(first, len(layers)):
            z, mlp = _parts(layers[index], hidden, rotary, heads)
            place = 1 + index * (heads + 1)
            before, mlp_before = clean[index]
            split = (heads, -1)
            weight[rows, place : place + heads] = _distance(
                before.unflatten(-1, split), z.unflatten(-1, split)
            )
            weight[rows, place + heads] = _distance(mlp_before, mlp)
            hidden = hidden + layers[index].attention.dense(z) + mlp
        weight[rows, -1] = _distance(logits, trunk.final_layer_norm(hidden) @ factor.T)

    run(slice(0, 1), 0, torch.zeros_like(hidden))
    for index, layer in enumerate(layers):
        z, mlp = clean[index]
        by_head = layer.attention.dense.weight.T.unflatten(0, (heads, -1))
        said = torch.bmm(z[0].unflatten(-1, (heads, -1)).transpose(0, 1), by_head)
        place = 1 + index * (heads + 1)
        without = torch.cat([ends[index] - said, ends[index] - mlp])
        run(slice(place, place + heads + 1), index + 1, without)
    return weight


def _parts(layer, hidden: Tensor, rotary, heads: int) -> tuple[Tensor, Tensor]:
    """Return the heads' mixed values and the MLP's output of a parallel block."""
    attention = layer.attention
    qkv = attention.query_key_value(layer.input_layernorm(hidden))
    query, key, value = qkv.unflatten(-1, (heads, 3, -1)).permute(3, 0, 2, 1, 4).unbind(0)
    cos, sin = rotary
    width = cos.shape[-1]
    query, key = (
        torch.cat([_rotate(x[..., :width], cos, sin), x[..., width:]], dim=-1) for x in (query, key)
    )
    z = F.scaled_dot_product_attention(query, key, value, is_causal=True)
    mlp = layer.mlp
    neurons = F.gelu(mlp.dense_h_to_4h(layer.post_attention_layernorm(hidden)))
    return z.transpose(1, 2).flatten(-2), mlp.dense_4h_to_h(neurons)


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat([-second, first], dim=-1) * sin


def _distance(clean: Tensor, other: Tensor) -> np.ndarray:
    """Return one minus the mean cosine over positions, for each copy and part."""
    return (1 - F.cosine_similarity(other, clean, dim=-1)).mean(1).numpy()
