"""The identity field: signed distance to every part of a canonical head, by anchored local networks.

The scheme is NPHM's (Giebenhain et al., CVPR 2023): small networks in the coordinates of facial anchors, blended by
distance; mirrored anchors share one network that sees x negated. Ours differs in two ways: only the nearest anchors
of a point are evaluated, with weights that reach zero where an anchor leaves that set (so the blend is continuous),
and one network returns the distances to all parts at once.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

OCTAVES = 4  # of Fourier features; the lowest spans an anchor's neighbourhood


class IdentityField(nn.Module):
    """Signed distances of canonical points, negative inside, in head units.

    Args:
        identity_size: I, size of the identity code.
        anchors: mean anchors ``[A, 3]``; the first ``2 * pairs`` are mirrored pairs, interleaved.
        pairs: number of mirrored pairs.
        parts: P, number of parts.
        hidden: width of the local networks.
        local_size: size of the latent each anchor reads off the identity code.
        nearest: anchors evaluated per point.
        radius: blend width and unit of local coordinates, head units.
    """

    def __init__(
        self,
        identity_size: int,
        anchors: Tensor,
        pairs: int,
        parts: int,
        hidden: int = 96,
        local_size: int = 24,
        nearest: int = 3,
        radius: float = 0.12,
    ) -> None:
        super().__init__()
        count = len(anchors)
        self.nearest = nearest
        self.radius = radius
        self.pairs = pairs
        sets = count - pairs
        self.anchor_mean = nn.Parameter(anchors.clone(), requires_grad=False)
        self.anchor_modes = nn.Parameter(torch.zeros(identity_size, count, 3), requires_grad=False)
        self.local_codes = nn.Parameter(torch.randn(count, identity_size, local_size) * identity_size**-0.5)
        features = 3 * (1 + 2 * OCTAVES)
        widths = [features + local_size, hidden, hidden, hidden, hidden]
        self.weights = nn.ParameterList(
            nn.Parameter(torch.randn(sets, before, after) * (2.0 / before) ** 0.5) for before, after in pairwise(widths)
        )
        self.biases = nn.ParameterList(nn.Parameter(torch.zeros(sets, after)) for after in widths[1:])
        self.output_weight = nn.Parameter(torch.randn(sets, hidden, parts) * (0.1 / hidden) ** 0.5)
        self.output_bias = nn.Parameter(torch.full((sets, parts), 0.5))

    def anchors(self, codes: Tensor) -> Tensor:
        """Anchors ``[B, A, 3]`` of identity codes ``[B, I]``: linear in the code, as the training heads are."""
        return self.anchor_mean + torch.einsum("bi,iac->bac", codes, self.anchor_modes)

    def forward(self, points: Tensor, codes: Tensor) -> Tensor:
        """Signed distances.

        Args:
            points: canonical points ``[B, N, 3]``, head units.
            codes: identity codes ``[B, I]``.

        Returns:
            ``[B, N, P]``.
        """
        anchors = self.anchors(codes)
        chosen, blend = nearest_anchors(points, anchors, self.nearest, self.radius)
        batch = torch.arange(len(points), device=points.device)[:, None, None]
        local = (points[:, :, None] - anchors[batch, chosen]) / self.radius
        mirrored = (chosen < 2 * self.pairs) & (chosen % 2 == 1)
        local = torch.where(mirrored[..., None], local * local.new_tensor([-1.0, 1.0, 1.0]), local)
        latent = torch.einsum("bi,ail->bal", codes, self.local_codes)[batch, chosen]
        inputs = torch.cat([fourier(local, OCTAVES), latent], dim=-1)
        sets = torch.where(chosen < 2 * self.pairs, chosen // 2, chosen - self.pairs)
        values = self._evaluate(inputs.flatten(0, 2), sets.flatten())
        return (values.view(*chosen.shape, -1) * blend[..., None]).sum(dim=2)

    def _evaluate(self, inputs: Tensor, sets: Tensor) -> Tensor:
        """Run every row through the network of its set; rows are sorted by set so that each runs as one product."""
        order = torch.argsort(sets)
        counts = torch.bincount(sets, minlength=len(self.output_bias)).tolist()
        outputs = [self._network(index, rows) for index, rows in enumerate(inputs[order].split(counts)) if len(rows)]
        return torch.cat(outputs)[torch.argsort(order)]

    def _network(self, index: int, rows: Tensor) -> Tensor:
        for weight, bias in zip(self.weights, self.biases, strict=True):
            rows = functional.silu(torch.addmm(bias[index], rows, weight[index]))
        return torch.addmm(self.output_bias[index], rows, self.output_weight[index])


def fourier(values: Tensor, octaves: int) -> Tensor:
    """Values ``[..., C]`` with sines and cosines at ``octaves`` doubling frequencies: ``[..., C (1 + 2 octaves)]``."""
    scales = 2.0 ** torch.arange(octaves, device=values.device, dtype=values.dtype)
    angles = (values[..., None, :] * scales[:, None]).flatten(-2)
    return torch.cat([values, angles.sin(), angles.cos()], dim=-1)


def nearest_anchors(points: Tensor, anchors: Tensor, nearest: int, radius: float) -> tuple[Tensor, Tensor]:
    """The nearest anchors of points and their blend weights, which sum to 1 and are continuous in the point.

    Args:
        points: ``[B, N, 3]``.
        anchors: ``[B, A, 3]``.
        nearest: M, how many.
        radius: blend width.

    Returns:
        Anchor indices ``[B, N, M]`` and weights ``[B, N, M]``.
    """
    squared = torch.cdist(points, anchors).square()
    distance, index = squared.topk(nearest + 1, dim=-1, largest=False)
    # Measured from the nearest, so that far from all anchors nothing underflows.
    affinity = torch.exp(-(distance - distance[..., :1]) / radius**2)
    weight = affinity[..., :-1] - affinity[..., -1:]
    return index[..., :-1], (weight + 1e-9) / (weight + 1e-9).sum(dim=-1, keepdim=True)
