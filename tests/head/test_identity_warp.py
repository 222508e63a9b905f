import torch

from facetalk.head.identity_warp import IdentityWarp, InverseWarp


def small_warp() -> IdentityWarp:
    torch.manual_seed(0)
    return IdentityWarp(torch.rand(8, 3) * 0.5, shape_size=6, parts=2, correctives=3, hidden=16)


def test_the_mean_head_stays_where_it_is() -> None:
    points = torch.rand(10, 3)
    assert torch.equal(small_warp()(points, torch.zeros(10, dtype=torch.long), torch.zeros(6)), points)


def test_there_and_back() -> None:
    warp = small_warp()
    points, parts, shape = torch.rand(50, 3) * 0.5, torch.randint(2, (50,)), 0.8 * torch.randn(6)
    with torch.no_grad():
        there = warp(points, parts, shape)
        back = warp.backward_warp(there, parts, shape, steps=12)
    assert (there - points).norm(dim=1).min() > 1e-4
    assert (back - points).norm(dim=1).max() < 1e-4


def test_the_way_back_is_differentiable_in_point_and_code() -> None:
    warp = small_warp()
    points, shape = (torch.rand(4, 3) * 0.5).double(), torch.randn(6).double()
    warp.double()
    parts = torch.zeros(4, dtype=torch.long)

    def back(points: torch.Tensor, shape: torch.Tensor) -> torch.Tensor:
        return warp.backward_warp(points, parts, shape)

    assert torch.autograd.gradcheck(back, (points.requires_grad_(), shape.requires_grad_()), fast_mode=True)


def test_a_prepared_way_back_leads_to_the_same_place_in_fewer_steps() -> None:
    warp = small_warp()
    points, parts, shape = torch.rand(200, 3) * 0.5, torch.ones(200, dtype=torch.long), 0.8 * torch.randn(6)
    asked: list[int] = []
    with torch.no_grad():
        inverse = InverseWarp(warp, 1, shape, torch.tensor([[0.0] * 3, [0.5] * 3]))
        warp.field.trunk.register_forward_pre_hook(lambda _, inputs: asked.append(len(inputs[0])))
        warp.backward_warp(points, parts, shape)
        from_nowhere = sum(asked)
        asked.clear()
        found = inverse(points)
        prepared = sum(asked)
        settled = warp.backward_warp(points, parts, shape, steps=40)
    assert 200 <= prepared < 0.8 * from_nowhere
    assert (found - settled).norm(dim=1).max() < 1e-4


def test_where_slopes_lead_away_the_way_back_is_found_without_them() -> None:
    warp = small_warp()
    points, shape = torch.rand(50, 3) * 0.5, 0.8 * torch.randn(6)
    with torch.no_grad():
        inverse = InverseWarp(warp, 1, shape, torch.tensor([[0.0] * 3, [0.5] * 3]))
        inverse._known[:, 3:] = 3.0  # no slopes of this warp: chords along them overshoot ever further
        parts = torch.ones(50, dtype=torch.long)
        off = inverse(points) - warp.backward_warp(points, parts, shape)
    assert off.norm(dim=1).max() < 1e-3
