import torch

from facetalk.head.anchored_networks import AnchoredNetworks, Readout, fourier, nearest_anchors


def small_networks(extra: int = 0) -> AnchoredNetworks:
    torch.manual_seed(0)
    return AnchoredNetworks(torch.rand(7, 3) * 0.4, extra, outputs=5, hidden=16, scale=0.5)


def test_blend_weights_sum_to_one_even_far_away() -> None:
    anchors = torch.rand(9, 3)
    points = torch.cat([torch.rand(40, 3), 50.0 + torch.rand(10, 3)])
    chosen, weight = nearest_anchors(points, anchors, 3, torch.tensor(0.1))
    assert torch.allclose(weight.sum(dim=-1), torch.ones(50), atol=1e-5)
    assert weight.isfinite().all()
    assert (chosen.sort(dim=-1).values.diff(dim=-1) > 0).all()


def test_there_is_no_jump_where_the_nearest_anchors_change() -> None:
    networks = small_networks()
    line = torch.linspace(-0.4, 0.4, 20_001)[:, None] * torch.tensor([1.0, 0.3, 0.2]) + 0.1
    with torch.no_grad():
        values = networks(line)
    # Neighbours on the line are 0.00004 apart: a jump would stand out among the differences.
    assert values.diff(dim=0).abs().max() < 0.01 * values.std() * 10
    assert values.std() > 0.001


def test_every_point_is_evaluated_alone() -> None:
    networks = small_networks(extra=2)
    points, extra = torch.rand(25, 3), torch.randn(25, 2)
    with torch.no_grad():
        together, alone = networks(points, extra), networks(points[7:8], extra[7:8])
    assert torch.allclose(together[7], alone[0], atol=1e-6)


def test_no_points_are_no_trouble() -> None:
    assert small_networks()(torch.zeros(0, 3)).shape == (0, 5)


def test_a_readout_takes_the_place_of_the_last_layer() -> None:
    networks = small_networks()
    points, mix = torch.rand(9, 3), torch.randn(5, 2)
    readout = Readout(networks.output_weight @ mix, networks.output_bias @ mix)
    assert torch.allclose(networks(points, readout=readout), networks(points) @ mix, atol=1e-5)


def test_fourier_features_keep_the_values_and_double_in_frequency() -> None:
    values = torch.tensor([[0.3, -0.2]])
    features = fourier(values, 3)
    assert features.shape == (1, 14)
    assert torch.equal(features[:, :2], values)
    assert torch.allclose(features[0, 2:8].reshape(3, 2), torch.sin(values * torch.tensor([[1.0], [2.0], [4.0]])))
