"""The LLC of linear networks of any depth against Aoyagi's closed forms.

The loss is that of x ~ N(0, I) in the limit of all data, ``|W_L .. W_1 - B|^2 / 2``, so that
minibatches add nothing. The centre is the most singular true parameter, to which the closed forms
belong: every layer carries the rank of ``B`` by an identity block (a balanced factorisation) and is
zero elsewhere. A true parameter with weights outside of the blocks has a smaller lambda.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor

from compute.llc_records import LLCEstimate
from compute.measure.coordinates import Params
from compute.measure.llc import llc_from_traces
from compute.measure.sampling import Traces
from tests.toy_losses import DIMENSIONS, estimate, origin, quadratic

# One rule for every network. n beta / gamma^2, which sets how near the chains come to the limit
# where two layers multiply, is 12; a step is a tenth of 1 / n beta, so that the stiffest directions
# (curvature about the depth) stay well below instability; burn-in is the time in which the centre
# is forgotten, 2 / (step_size gamma).
NBETA, GAMMA = 300.0, 5.0
STEP_SIZE = 0.1 / NBETA
RULE = {
    "step_size": STEP_SIZE,
    "nbeta": NBETA,
    "gamma": GAMMA,
    "burn_in": round(2 / (STEP_SIZE * GAMMA)),
    "draws": 1200,
}
REPEATS, CHAINS = 10, 20


class Network(NamedTuple):
    """Widths from the input to the output, and the rank of the true map."""

    widths: tuple[int, ...]
    rank: int


# Reduced-rank regression: the four cases, the balanced one with either parity. Then depths 3 and 4.
NETWORKS = [
    Network((6, 4, 5), 2),
    Network((4, 4, 3), 1),
    Network((5, 2, 8), 1),
    Network((8, 2, 5), 1),
    Network((3, 6, 3), 1),
    Network((4, 2, 2, 4), 1),
    Network((5, 3, 3, 5), 2),
    Network((4, 2, 3, 2, 4), 1),
]


def reduced_rank(inputs: int, hidden: int, outputs: int, rank: int) -> tuple[float, int]:
    """Return lambda and its multiplicity by Aoyagi & Watanabe (2005), Neural Networks 18:924."""
    m, h, n, r = inputs, hidden, outputs, rank
    if _balanced(m, h, n, r):
        odd = (m + h + n + r) % 2
        square = -((h + r) ** 2) - m**2 - n**2 + 2 * (h + r) * (m + n) + 2 * m * n
        return (square + odd) / 8, 1 + odd
    if m + h < n + r:
        return (h * m - h * r + n * r) / 2, 1
    if n + h < m + r:
        return (h * n - h * r + m * r) / 2, 1
    return m * n / 2, 1


def _balanced(m: int, h: int, n: int, r: int) -> bool:
    """Say whether the first case holds, its bounds included."""
    return n + r <= m + h and m + r <= n + h and h + r <= m + n


def deep_linear(network: Network) -> tuple[float, int]:
    """Return lambda and its multiplicity by Aoyagi (2024), Neural Networks 172:106132.

    The excess of each width over the rank decides: the few smallest that keep each other in
    balance make up a core, and what is wider than the core adds nothing but a regular part.
    """
    widths, rank = network
    excess = sorted(width - rank for width in widths)
    for size in range(2, len(excess) + 1):
        core, others = excess[:size], excess[size:]
        edges, total = size - 1, sum(core)
        if total >= edges * core[-1] and all(total < edges * other for other in others):
            break
    remainder = total - (math.ceil(total / edges) - 1) * edges
    regular = rank * (widths[0] + widths[-1] - rank) / 2
    pairs = sum(a * b for a, b in itertools.combinations(core, 2)) / 2
    steps = remainder * (edges - remainder)
    singular = steps / (4 * edges) - (edges - 1) * total**2 / (4 * edges) + pairs
    return regular + singular, steps + 1


def center(network: Network) -> list[Tensor]:
    """Return the layers: an identity block of the rank, zero elsewhere."""
    layers = [torch.zeros(b, a).double() for a, b in itertools.pairwise(network.widths)]
    for layer in layers:
        layer[: network.rank, : network.rank] = torch.eye(network.rank)
    return layers


def product(layers: list[Tensor], width: int) -> Tensor:
    """Return the map of layers, the first of which acts first; the identity if there are none."""
    return functools.reduce(lambda below, layer: layer @ below, layers, torch.eye(width).double())


class Exact(NamedTuple):
    """Expectations under the localised posterior itself.

    Attributes
    ----------
    llc
        ``n beta`` times the mean loss: what chains of infinitely small steps tend to.
    heat
        What steps of finite size add to that, to first order and as if the loss were quadratic:
        ``step_size n beta / 8`` times the trace of the Hessian's positive part.
    """

    llc: float
    heat: float


def exactly(
    network: Network, nbeta: float, gamma: float, *, sweeps: int = 300, chains: int = 60
) -> Exact:
    """Sample the posterior without Langevin steps: given all others, each layer is Gaussian."""
    generator = torch.Generator().manual_seed(3)
    anchor = center(network)
    truth = product(anchor, network.widths[0])
    layers = [layer.repeat(chains, 1, 1) for layer in anchor]
    losses, traces = [], []
    for _ in range(sweeps):
        trace = torch.zeros(chains).double()
        for i, layer in enumerate(anchor):
            before = product(layers[:i], network.widths[0]).expand(chains, -1, -1)
            after = product(layers[i + 1 :], len(layer)).expand(chains, -1, -1)
            left, u = torch.linalg.eigh(after.mT @ after)
            right, v = torch.linalg.eigh(before @ before.mT)
            curvature = left.clamp(min=0)[..., :, None] * right.clamp(min=0)[..., None, :]
            pull = nbeta * after.mT @ truth @ before.mT + gamma * layer
            noise = torch.randn(curvature.shape, generator=generator).double()
            precision = nbeta * curvature + gamma
            layers[i] = u @ ((u.mT @ pull @ v) / precision + noise / precision.sqrt()) @ v.mT
            trace += curvature.sum((1, 2))
        error = product(layers, network.widths[0]) - truth
        losses.append(error.square().sum((1, 2)) / 2)
        traces.append(trace)
    kept = slice(sweeps // 4, None)
    return Exact(
        llc=nbeta * float(torch.stack(losses)[kept].mean()),
        heat=STEP_SIZE * nbeta / 8 * float(torch.stack(traces)[kept].mean()),
    )


@functools.cache
def estimated(network: Network) -> LLCEstimate:
    """Return the estimate of all repeats' chains together."""
    truth = product(center(network), network.widths[0]).float()

    def loss(params: Params, batch: Tensor) -> Tensor:
        layers = [params[f"layer{i}"] for i in range(len(network.widths) - 1)]
        below = layers[0]
        for layer in layers[1:]:
            below = layer @ below
        return (below - truth).square().sum() / 2

    params = {f"layer{i}": layer.float() for i, layer in enumerate(center(network))}
    return estimate(loss, params, chains=REPEATS * CHAINS, **RULE)


def repeats(whole: LLCEstimate, count: int) -> list[LLCEstimate]:
    """Return the estimates of chains in groups: their noise is independent, so these repeat."""
    spec = dataclasses.replace(whole.spec, chains=whole.spec.chains // count)
    nothing = np.full((1, spec.chains), np.nan)
    parts = [
        np.split(trace, count)
        for trace in (whole.loss_trace, whole.baseline_trace, whole.distance_trace)
    ]
    return [
        llc_from_traces(
            Traces(losses[None], baselines, distances[None], nothing, nothing),
            0,
            initial_loss=whole.initial_loss,
            spec=spec,
        )
        for losses, baselines, distances in zip(*parts, strict=True)
    ]


class TestClosedForms:
    def test_both_agree_wherever_both_apply(self) -> None:
        for widths in itertools.product(range(1, 7), repeat=3):
            for rank in range(min(widths) + 1):
                assert deep_linear(Network(widths, rank)) == pytest.approx(
                    reduced_rank(*widths, rank)
                )

    @pytest.mark.parametrize("depth", [2, 3, 4, 7])
    def test_a_product_of_scalars_is_a_normal_crossing(self, depth: int) -> None:
        """``(w1 .. wL)^2 / 2`` has lambda 1/2, L times over."""
        assert deep_linear(Network((1,) * (depth + 1), 0)) == pytest.approx((1 / 2, depth))

    def test_full_rank_is_regular(self) -> None:
        """Half of the number of entries of B."""
        assert deep_linear(Network((3, 4, 5, 3), 3)) == pytest.approx((9 / 2, 1))

    def test_one_layer_inserted_that_is_wide_changes_nothing(self) -> None:
        assert deep_linear(Network((4, 3, 50, 5), 1)) == deep_linear(Network((4, 3, 5), 1))

    @pytest.mark.parametrize("network", NETWORKS)
    def test_reversal_and_order_of_hidden_layers_do_not_matter(self, network: Network) -> None:
        widths, rank = network
        swapped = (widths[-1], *sorted(widths[1:-1]), widths[0])
        assert deep_linear(Network(swapped, rank)) == deep_linear(network)

    @pytest.mark.parametrize("network", NETWORKS)
    def test_exact_sampling_tends_to_them(self, network: Network) -> None:
        """As n beta grows, without any Langevin step."""
        truth, _ = deep_linear(network)
        assert exactly(network, 1e6, 1.0).llc == pytest.approx(truth, rel=0.05)


class TestEstimates:
    def test_errors_are_small(self) -> None:
        errors = [abs(estimated(n).llc / deep_linear(n)[0] - 1) for n in NETWORKS]
        assert np.mean(errors) <= 0.05
        assert max(errors) <= 0.15

    def test_intervals_cover_the_truth(self) -> None:
        """Widened by what is computed: below by the heat of steps, above by finite n beta."""
        covered = []
        for network in NETWORKS:
            truth, _ = deep_linear(network)
            exact = exactly(network, NBETA, GAMMA)
            for got in repeats(estimated(network), REPEATS):
                margin = 1.96 * got.standard_error
                covered.append(
                    got.llc - margin - exact.heat
                    <= truth
                    <= got.llc + margin + max(0.0, truth - exact.llc)
                )
        assert np.mean(covered) >= 0.9

    @pytest.mark.parametrize("network", NETWORKS)
    def test_the_posterior_itself_is_met(self, network: Network) -> None:
        """No limit in it: between exact sampling and that plus the heat of steps."""
        exact, got = exactly(network, NBETA, GAMMA), estimated(network)
        assert got.llc > exact.llc - 3 * got.standard_error
        assert got.llc < exact.llc + 1.5 * exact.heat + 3 * got.standard_error


@pytest.mark.parametrize(("nbeta", "gamma"), [(100.0, 10.0), (400.0, 50.0)])
def test_intervals_cover_the_quadratics_closed_form(nbeta: float, gamma: float) -> None:
    step_size, count = 1e-3, 100
    whole = estimate(
        quadratic,
        origin(),
        step_size=step_size,
        nbeta=nbeta,
        gamma=gamma,
        chains=8 * count,
        burn_in=150,
        draws=200,
    )
    stiffness = nbeta + gamma
    truth = DIMENSIONS / 2 * nbeta / stiffness / (1 - step_size * stiffness / 4)
    covered = [abs(got.llc - truth) <= 1.96 * got.standard_error for got in repeats(whole, count)]
    assert np.mean(covered) >= 0.9
