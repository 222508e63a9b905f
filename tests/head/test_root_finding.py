import torch
from torch import Tensor

from facetalk.head.root_finding import Field, Roots, find_roots, follow_roots, start_at, value_and_jacobian

TOLERANCE = 1e-5


def swirl(points: Tensor) -> Tensor:
    """A smooth map with an inverse: every coordinate pushed by the next."""
    return points + 0.3 * torch.sin(2 * points.roll(1, dims=1))


def opened_mouth(opening: Tensor) -> Field:
    """What is below the gap of a mouth, open by ``opening`` [1], belongs that much higher; steep within the gap."""

    def field(points: Tensor) -> Tensor:
        below = torch.sigmoid(-(points[:, 1] + opening / 2) / 0.003)
        return points + torch.stack([torch.zeros_like(below), opening * below, torch.zeros_like(below)], dim=1)

    return field


def scattered(count: int, seed: int = 0) -> Tensor:
    return torch.rand(count, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) - 0.5


def cold(points: Tensor) -> Roots:
    unit = torch.eye(3, dtype=points.dtype).expand(len(points), 3, 3)
    return Roots(points, points.new_full((len(points),), torch.inf), unit)


def test_it_inverts_a_smooth_map() -> None:
    points = scattered(500)
    roots = find_roots(swirl, swirl(points), cold(swirl(points)), TOLERANCE)
    assert float(roots.errors.max()) <= TOLERANCE
    assert float((roots.points - points).norm(dim=1).max()) < 5 * TOLERANCE


def test_jacobians_are_those_of_finite_differences() -> None:
    points = scattered(20)
    values, jacobians = value_and_jacobian(swirl, points)
    assert torch.equal(values, swirl(points))
    for axis in range(3):
        step = torch.zeros(3, dtype=points.dtype)
        step[axis] = 1e-6
        slope = (swirl(points + step) - swirl(points - step)) / 2e-6
        torch.testing.assert_close(jacobians[:, :, axis], slope, atol=1e-8, rtol=0)


def test_a_warm_start_needs_few_evaluations() -> None:
    evaluated = 0

    def counted(points: Tensor) -> Tensor:
        nonlocal evaluated
        evaluated += len(points)
        return swirl(points)

    targets = swirl(scattered(500))
    there = find_roots(swirl, targets, start_at(swirl, targets), TOLERANCE)
    find_roots(counted, targets + 0.001, there, TOLERANCE)
    assert evaluated <= 3 * len(targets)


def test_what_has_no_root_keeps_the_best_and_says_so() -> None:
    def folded(points: Tensor) -> Tensor:
        return torch.cat([points[:, :1] ** 2, points[:, 1:]], dim=1)

    targets = torch.tensor([[0.04, 0.1, 0.0], [-0.01, 0.1, 0.0]], dtype=torch.float64)
    roots = find_roots(folded, targets, start_at(folded, targets.abs() + 0.1), TOLERANCE)
    assert float(roots.errors[0]) <= TOLERANCE
    torch.testing.assert_close(folded(roots.points)[0], targets[0], atol=TOLERANCE, rtol=0)
    assert float(roots.errors[1]) > TOLERANCE
    torch.testing.assert_close(roots.errors[1:], (folded(roots.points) - targets).norm(dim=1)[1:])
    assert float(roots.errors[1]) < 0.0102  # the nearest that the fold comes is 0.01
    assert bool(roots.points.isfinite().all())


def test_lips_part_and_each_follows_its_own_side() -> None:
    heights = torch.tensor([-0.2, -0.03, -0.01, -0.004, 0.004, 0.01, 0.03], dtype=torch.float64)
    targets = torch.stack([torch.zeros_like(heights), heights, torch.zeros_like(heights)], dim=1)
    shut, wide = torch.zeros(1, dtype=torch.float64), torch.full((1,), 0.08, dtype=torch.float64)  # 2 cm
    rest = find_roots(opened_mouth(shut), targets, cold(targets), TOLERANCE)
    roots = follow_roots(opened_mouth, targets, rest, shut, wide, TOLERANCE)
    assert float(roots.errors.max()) <= TOLERANCE
    lower = heights < 0
    torch.testing.assert_close(roots.points[~lower, 1], heights[~lower], atol=1e-4, rtol=0)
    torch.testing.assert_close(roots.points[lower, 1], heights[lower] - 0.08, atol=1e-4, rtol=0)
