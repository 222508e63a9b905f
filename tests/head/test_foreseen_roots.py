"""Roots of many frames at once, in fields whose inverse is known."""

import torch
from torch import Tensor

from facetalk.head.foreseen_roots import FARTHEST, foreseen_roots

TOLERANCE = 1e-5
TARGETS = torch.rand(30, 3, generator=torch.Generator().manual_seed(0)) - 0.5
CODES = torch.linspace(-1.0, 1.0, 12)[:, None]
IDENTITY = torch.eye(3).expand(30, 3, 3)


def bent(points: Tensor, codes: Tensor) -> Tensor:
    """A field that bends space a little more from frame to frame."""
    return points + 0.05 * codes[:, None] * torch.sin(3.0 * points.roll(1, dims=-1))


def true_roots() -> Tensor:
    """By as many fixed-point steps as doubles need."""
    points = TARGETS.double().expand(len(CODES), -1, -1)
    for _ in range(60):
        points = points - (bent(points, CODES.double()) - TARGETS.double())
    return points.float()


def test_all_frames_are_found_from_about_where_they_are() -> None:
    wanted = true_roots()
    noise = 0.003 * torch.randn(wanted.shape, generator=torch.Generator().manual_seed(1))
    points, found = foreseen_roots(bent, CODES, TARGETS, wanted + noise, IDENTITY, TOLERANCE)
    assert bool(found.all())
    assert float((points - wanted).norm(dim=2).max()) <= 3 * TOLERANCE


def test_what_is_foreseen_well_costs_two_evaluations() -> None:
    asked: list[int] = []

    def counted(points: Tensor, codes: Tensor) -> Tensor:
        asked.append(len(points))
        return bent(points, codes)

    foreseen_roots(counted, CODES, TARGETS, true_roots() + 0.0001, IDENTITY, TOLERANCE)
    assert sum(asked) == 2 * len(CODES)


def test_a_root_far_from_where_it_was_foreseen_is_marked() -> None:
    wanted = true_roots()
    foreseen = wanted.clone()
    foreseen[3, 7] += 2.0 * FARTHEST
    found = foreseen_roots(bent, CODES, TARGETS, foreseen, IDENTITY, TOLERANCE)[1]
    assert not bool(found[3, 7])
    assert int((~found).sum()) == 1


def test_a_target_that_no_point_reaches_is_marked() -> None:
    def flat(points: Tensor, codes: Tensor) -> Tensor:
        return torch.cat([points[..., :2], 0.0 * points[..., 2:]], dim=-1)

    targets = TARGETS.clone()
    targets[:, 2] = 0.0
    targets[4, 2] = 1.0
    start = targets.expand(len(CODES), -1, -1)
    found = foreseen_roots(flat, CODES, targets, start, IDENTITY, TOLERANCE)[1]
    assert not bool(found[:, 4].any())
    assert bool(found[:, :4].all())
