import torch

from facetalk.head.identity_field import IdentityField, fourier, nearest_anchors


def small_field(pairs: int = 2) -> IdentityField:
    torch.manual_seed(0)
    side = torch.rand(pairs, 3) * 0.3
    mirrored = side * torch.tensor([-1.0, 1.0, 1.0])
    middle = torch.rand(3, 3) * torch.tensor([0.0, 0.4, 0.4])
    anchors = torch.cat([torch.stack([side, mirrored], dim=1).flatten(0, 1), middle])
    return IdentityField(6, anchors, pairs, parts=2, hidden=16, local_size=4)


def test_blend_weights_sum_to_one_even_far_away() -> None:
    anchors = torch.rand(1, 9, 3)
    points = torch.cat([torch.rand(1, 40, 3), 50.0 + torch.rand(1, 10, 3)], dim=1)
    chosen, weight = nearest_anchors(points, anchors, 3, 0.1)
    assert torch.allclose(weight.sum(dim=-1), torch.ones(1, 50), atol=1e-5)
    assert weight.isfinite().all()
    assert (chosen.sort(dim=-1).values.diff(dim=-1) > 0).all()


def test_the_field_has_no_jump_where_the_nearest_anchors_change() -> None:
    field = small_field()
    line = torch.linspace(-0.4, 0.4, 20_001)[None, :, None] * torch.tensor([1.0, 0.3, 0.2]) + 0.1
    codes = torch.randn(1, 6)
    with torch.no_grad():
        values = field(line, codes)[0]
    # Neighbours on the line are 0.00004 apart: a jump would stand out among the differences.
    steps = values.diff(dim=0).abs()
    assert steps.max() < 0.01
    assert values.std() > 0.001


def test_mirrored_anchors_share_a_network_that_sees_x_negated() -> None:
    field = small_field()
    points = torch.rand(1, 30, 3) - 0.3
    zero = torch.zeros(1, 6)  # with the zero code, left and right latents are the same
    with torch.no_grad():
        there = field(points, zero)
        mirrored = field(points * torch.tensor([-1.0, 1.0, 1.0]), zero)
    off_middle = ~(nearest_anchors(points, field.anchors(zero), 3, field.radius)[0] >= 4).any(dim=-1)
    assert torch.allclose(there[off_middle], mirrored[off_middle], atol=1e-5)


def test_every_point_is_evaluated_alone() -> None:
    field = small_field()
    points, codes = torch.rand(2, 25, 3), torch.randn(2, 6)
    with torch.no_grad():
        together = field(points, codes)
        alone = field(points[1:, 7:8], codes[1:])
    assert torch.allclose(together[1, 7], alone[0, 0], atol=1e-6)


def test_fourier_features_keep_the_values_and_double_in_frequency() -> None:
    values = torch.tensor([[0.3, -0.2]])
    features = fourier(values, 3)
    assert features.shape == (1, 14)
    assert torch.equal(features[:, :2], values)
    assert torch.allclose(features[0, 2:8].reshape(3, 2), torch.sin(values * torch.tensor([[1.0], [2.0], [4.0]])))
