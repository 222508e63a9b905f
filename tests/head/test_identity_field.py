import torch

from facetalk.head.identity_field import HAIR_LATTICE, HAIR_MARGIN, NO_HAIR, PART_MARGIN, IdentityField
from facetalk.head.identity_warp import IdentityWarp


def small_field() -> IdentityField:
    """Three parts, the last of which moves with the first, and two hair styles."""
    torch.manual_seed(0)
    warp = IdentityWarp(torch.rand(6, 3), shape_size=4, parts=2, hidden=16)
    boxes = torch.tensor([[[-1.0] * 3, [1.0] * 3], [[0.0] * 3, [0.1] * 3], [[0.3] * 3, [0.4] * 3]])
    field = IdentityField(
        warp,
        torch.rand(6, 3),
        boxes,
        (0, 1, 0),
        boxes[:1].expand(2, 2, 3),
        shape_hidden=16,
    )
    # The distances to the planes x = 0 and z = 0.5.
    axis = torch.linspace(-1.0 - HAIR_MARGIN, 1.0 + HAIR_MARGIN, HAIR_LATTICE)
    field.hair_lattice[0], field.hair_lattice[1] = axis, axis[:, None, None] - 0.5
    return field


def test_small_parts_are_evaluated_near_their_boxes_and_bounded_elsewhere() -> None:
    field, shape, bald = small_field(), torch.zeros(4), torch.zeros(2)
    points = torch.tensor([[0.05, 0.05, 0.05], [0.9, 0.05, 0.05]])
    values = field(points, shape, bald)
    assert torch.allclose(values[0, 1], field.shape(points[:1])[0, 1])
    beyond = 0.9 - (0.1 + PART_MARGIN)
    assert beyond < values[1, 1] < 0.9 - 0.1


def test_parts_follow_the_part_they_move_with() -> None:
    field, shape, bald = small_field(), torch.randn(4), torch.zeros(2)
    point = torch.tensor([[0.35, 0.35, 0.35]])
    with torch.no_grad():
        source = field.warp.backward_warp(point, torch.zeros(1, dtype=torch.long), shape)
        assert torch.allclose(field(point, shape, bald)[0, 2], field.shape(source)[0, 2], atol=1e-6)


def test_hair_is_blended_by_weights_and_a_bald_head_has_none() -> None:
    field, shape = small_field(), torch.zeros(4)
    points = torch.rand(5, 3)
    styles = torch.stack([points[:, 0], points[:, 2] - 0.5], dim=1)
    assert torch.allclose(field(points, shape, torch.zeros(2))[:, -1], torch.full((5,), NO_HAIR))
    assert torch.allclose(field(points, shape, torch.tensor([0.0, 1.0]))[:, -1], styles[:, 1], atol=1e-5)
    far = field(torch.tensor([[1.5, 0.0, 0.0]]), shape, torch.tensor([0.0, 1.0]))[:, -1]
    assert 0.4 < far < 0.6  # beyond the style's box no hair can be
    half = field(points, shape, torch.tensor([0.5, 0.5]))[:, -1]
    assert torch.allclose(half, styles.mean(dim=1), atol=1e-5)


def test_only_wanted_distances_are_given() -> None:
    field, shape, hair = small_field(), torch.randn(4), torch.tensor([0.0, 1.0])
    points = torch.rand(40, 3)
    wanted = torch.rand(40, 4) < 0.4
    every, some = field(points, shape, hair), field(points, shape, hair, wanted)
    assert torch.allclose(some[wanted], every[wanted], atol=1e-6)
    assert bool(some[~wanted].isposinf().all())


def test_distances_are_the_same_by_a_prepared_way_back() -> None:
    field, shape, hair = small_field(), 0.3 * torch.randn(4), torch.tensor([0.0, 1.0])
    points = torch.rand(40, 3)
    with torch.no_grad():
        inverses = field.inverses(shape, torch.tensor([[0.0] * 3, [1.0] * 3]))
        expected = field(points, shape, hair)
        assert torch.allclose(field(points, shape, hair, inverses=inverses), expected, atol=1e-3)
    assert field.inverses(torch.zeros(4), torch.tensor([[0.0] * 3, [1.0] * 3])) == {}
