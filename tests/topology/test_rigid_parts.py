import torch

from facetalk.topology.rigid_parts import RigidPart, make_rigid


def rotation(degrees: float) -> torch.Tensor:
    angle = torch.tensor(degrees).deg2rad()
    return torch.tensor([[angle.cos(), -angle.sin(), 0.0], [angle.sin(), angle.cos(), 0.0], [0.0, 0.0, 1.0]])


def body() -> tuple[torch.Tensor, RigidPart]:
    points = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
    pivot = points[:30].mean(dim=0)
    return points, RigidPart(torch.arange(30), points[:30] - pivot)


def test_a_rigid_motion_passes_unchanged_and_the_rest_is_left_alone() -> None:
    points, part = body()
    moved = torch.stack([points @ rotation(degrees).T + degrees / 100 for degrees in (0.0, 20.0, -50.0)])
    assert torch.allclose(make_rigid(moved, [part]), moved, atol=1e-5)


def test_dents_are_taken_out() -> None:
    points, part = body()
    dented = (points @ rotation(15.0).T + 0.3)[None].clone()
    dented[0, :30] += 0.02 * torch.randn(30, 3, generator=torch.Generator().manual_seed(1))
    rigid = make_rigid(dented, [part])[0]
    assert torch.allclose(torch.pdist(rigid[:30]), torch.pdist(points[:30]), atol=1e-4)
    assert torch.equal(rigid[30:], dented[0, 30:])
    assert (rigid[:30] - (points[:30] @ rotation(15.0).T + 0.3)).abs().max() < 0.05
