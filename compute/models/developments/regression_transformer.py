"""The in-context linear regression transformer of Hoogland et al. (2024), arXiv:2402.02364.

Tokens are vectors, so this is a module of our own: a linear embedding of ``D + 1`` numbers,
learned positions, pre-LayerNorm blocks with sequential residuals, and a linear read-out.
"""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclasses.dataclass(frozen=True, kw_only=True)
class RegressionConfig:
    """The shape of a regression transformer; the defaults give 51,717 parameters."""

    task_dimension: int = 4
    pairs: int = 8
    layers: int = 2
    heads: int = 4
    width: int = 64
    mlp_width: int = 64

    @property
    def context(self) -> int:
        """The number of tokens: an x and a y for every pair."""
        return 2 * self.pairs


class RegressionAttention(nn.Module):
    """Causal multi-head self-attention without biases."""

    def __init__(self, config: RegressionConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.query = nn.Linear(config.width, config.width, bias=False)
        self.key = nn.Linear(config.width, config.width, bias=False)
        self.value = nn.Linear(config.width, config.width, bias=False)
        self.output = nn.Linear(config.width, config.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[batch, position, width]`` to the same shape."""
        query, key, value = (self._by_head(proj(x)) for proj in (self.query, self.key, self.value))
        mixed = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        return self.output(mixed.transpose(-2, -3).flatten(-2))

    def pattern(self, x: Tensor) -> Tensor:
        """Return the attention of each head, ``[batch, head, query, key]``, rows summing to 1."""
        query, key = self._by_head(self.query(x)), self._by_head(self.key(x))
        scores = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5
        future = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
        return scores.masked_fill(future, -torch.inf).softmax(-1)

    def _by_head(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(-2, -3)


class RegressionMLP(nn.Module):
    """Two linear maps with a ReLU between."""

    def __init__(self, config: RegressionConfig) -> None:
        super().__init__()
        self.up = nn.Linear(config.width, config.mlp_width)
        self.down = nn.Linear(config.mlp_width, config.width)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[batch, position, width]`` to the same shape."""
        return self.down(F.relu(self.up(x)))


class RegressionBlock(nn.Module):
    """Attention, then MLP, each behind a LayerNorm and added to the residual stream once."""

    def __init__(self, config: RegressionConfig) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(config.width)
        self.attention = RegressionAttention(config)
        self.mlp_norm = nn.LayerNorm(config.width)
        self.mlp = RegressionMLP(config)

    def forward(self, x: Tensor) -> Tensor:
        """Map the residual stream ``[batch, position, width]`` to the next."""
        x = x + self.attention(self.attention_norm(x))
        return x + self.mlp(self.mlp_norm(x))


class RegressionTransformer(nn.Module):
    """Predict ``y`` at each ``x`` token from the pairs before it."""

    def __init__(self, config: RegressionConfig) -> None:
        super().__init__()
        self.config = config
        features = config.task_dimension + 1
        self.embed = nn.Linear(features, config.width, bias=False)
        self.positions = nn.Embedding(config.context, config.width)
        self.blocks = nn.ModuleList(RegressionBlock(config) for _ in range(config.layers))
        self.final_norm = nn.LayerNorm(config.width)
        self.readout = nn.Linear(config.width, features)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map tokens ``[batch, position, D + 1]`` to outputs of the same shape.

        Column 0 of the output at an ``x`` token is the prediction of that pair's ``y``.
        """
        return self.readout(self.trunk(tokens))

    def trunk(self, tokens: Tensor) -> Tensor:
        """Map tokens to the final norm's output, ``[batch, position, width]``."""
        x = self.embed(tokens) + self.positions.weight[: tokens.shape[-2]]
        for block in self.blocks:
            x = block(x)
        return self.final_norm(x)

    def attention_patterns(self, tokens: Tensor) -> Tensor:
        """Return every head's attention, layer by layer, ``[heads, batch, query, key]``."""
        x = self.embed(tokens) + self.positions.weight[: tokens.shape[-2]]
        patterns = []
        for block in self.blocks:
            assert isinstance(block, RegressionBlock)
            patterns.append(block.attention.pattern(block.attention_norm(x)).transpose(0, 1))
            x = block(x)
        return torch.cat(patterns)

    def predictions(self, tokens: Tensor) -> Tensor:
        """Return the predicted ``y`` of every pair, ``[batch, pairs]``."""
        return self(tokens)[..., 0::2, 0]


def squared_error(model: RegressionTransformer, tokens: Tensor) -> Tensor:
    """Return the squared error of every prediction, ``[batch, pairs]``, in squared units of y."""
    return (model.predictions(tokens) - tokens[..., 1::2, 0]).square()


def draw_sequences(
    config: RegressionConfig,
    sequences: int,
    *,
    generator: torch.Generator,
    noise_variance: float = 0.125,
) -> Tensor:
    """Draw in-context regression sequences, ``[sequences, 2 * pairs, D + 1]``.

    A task ``t ~ N(0, I)`` is drawn for each sequence, then pairs ``x ~ N(0, I)`` and
    ``y = t.x + N(0, noise_variance)``; an x token is ``(0, x)``, a y token ``(y, 0, .., 0)``.
    """
    shape = (sequences, config.pairs, config.task_dimension)
    tasks = torch.randn(sequences, 1, config.task_dimension, generator=generator)
    xs = torch.randn(shape, generator=generator)
    noise = torch.randn(sequences, config.pairs, generator=generator) * noise_variance**0.5
    ys = (xs * tasks).sum(-1) + noise
    tokens = torch.zeros(sequences, config.context, config.task_dimension + 1)
    tokens[:, 0::2, 1:] = xs
    tokens[:, 1::2, 0] = ys
    return tokens
