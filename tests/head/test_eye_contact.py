import torch

from facetalk.head.eye_contact import LID_FILM, EyeContact, eye_contact, sphere


def ball(centre: torch.Tensor, radius: float) -> torch.Tensor:
    directions = torch.randn(60, 3, generator=torch.Generator().manual_seed(0))
    return centre + radius * directions / directions.norm(dim=1, keepdim=True)


def contact(points: torch.Tensor) -> EyeContact:
    return eye_contact(ball(torch.tensor([0.1, 0.2, 0.0]), 0.05), torch.ones(len(points), dtype=torch.bool), points)


def test_a_sphere_is_found() -> None:
    centre, radius = sphere(ball(torch.tensor([0.1, 0.2, 0.3]), 0.05))
    assert torch.allclose(centre, torch.tensor([0.1, 0.2, 0.3]), atol=1e-5)
    assert torch.allclose(radius, torch.tensor(0.05), atol=1e-5)


def test_a_lid_in_the_eyeball_comes_to_its_front_and_keeps_its_height() -> None:
    lid = torch.tensor([[0.11, 0.21, 0.03]])
    posed = lid[None].clone()
    contact(lid).keep_out(posed)
    assert torch.equal(posed[0, 0, :2], lid[0, :2])
    assert torch.allclose(
        (posed[0, 0] - torch.tensor([0.1, 0.2, 0.0])).norm(), torch.tensor(0.05 + LID_FILM), atol=1e-5
    )


def test_what_is_outside_or_behind_is_left_alone() -> None:
    points = torch.tensor([[0.1, 0.2, 0.06], [0.1, 0.2, -0.02], [0.5, 0.2, 0.0]])
    posed = points[None].clone()
    contact(points).keep_out(posed)
    assert torch.equal(posed[0], points)


def test_only_skin_touches() -> None:
    inside = torch.tensor([[0.11, 0.21, 0.03]])
    eye = eye_contact(ball(torch.tensor([0.1, 0.2, 0.0]), 0.05), torch.zeros(1, dtype=torch.bool), inside)
    assert not len(eye.lids)
