import pytest
import torch

from facetalk.motion.denoiser import DenoiserConfig, MotionDenoiser, rotary_angles, rotate

CODES, FEATURES = 6, 10


def denoiser(expects: bool = False, causal: bool = False, **sizes: int) -> MotionDenoiser:
    sizes = {"width": 16, "layers": 2, "heads": 2, "time_width": 8, **sizes}
    config = DenoiserConfig(CODES, FEATURES, expects=expects, causal=causal, **sizes)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = MotionDenoiser(config).eval()
        for parameter in network.parameters():  # FiLM and null start at zero: move them, or nothing depends on them
            parameter.data += 0.1 * torch.randn_like(parameter)
    return network


def drawn(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("half_width", [0, 3])
def test_alignment_mask_blocks_distant_speech(half_width: int) -> None:
    # One layer: its self-attention comes before its ear, so that nothing heard can travel along the motion.
    network = denoiser(layers=1, alignment_half_width=half_width)
    heard = drawn(1, 40, 16).requires_grad_()
    answer = network(drawn(1, 40, CODES, seed=2), torch.full((1, 40), 0.5), heard)
    (slope,) = torch.autograd.grad(answer[0, 20].square().sum(), heard)
    reached = slope[0].abs().sum(-1).nonzero().flatten().tolist()
    assert reached == list(range(20 - half_width, 20 + half_width + 1))


def test_audio_context_is_local() -> None:
    network = denoiser()
    features = drawn(1, 40, FEATURES).requires_grad_()
    (slope,) = torch.autograd.grad(network.audio(features)[0, 20].square().sum(), features)
    assert slope[0].abs().sum(-1).nonzero().flatten().tolist() == list(range(16, 25))


def test_every_frame_has_its_own_time() -> None:
    network, noisy, heard = denoiser(layers=1), drawn(1, 12, CODES), drawn(1, 12, 16)
    same = network(noisy, torch.full((1, 12), 0.5), heard)
    mixed = torch.full((1, 12), 0.5)
    mixed[0, :4] = 0
    assert not torch.allclose(network(noisy, mixed, heard)[0, :4], same[0, :4])


def test_padding_changes_nothing() -> None:
    # Frames within the alignment mask's reach of the padding hear it; with a diagonal mask none do.
    network = denoiser(alignment_half_width=0)
    noisy, heard, time = drawn(2, 20, CODES), drawn(2, 20, 16), torch.full((2, 20), 0.3)
    present = torch.arange(20).expand(2, 20) < 12
    padded = network(noisy, time, heard, present=present)[:, :12]
    assert torch.allclose(padded, network(noisy[:, :12], time[:, :12], heard[:, :12]), atol=1e-5)


def test_a_causal_network_sees_nothing_of_what_comes_later() -> None:
    time, heard = torch.full((1, 20), 0.3), drawn(1, 20, 16)
    for causal, expected in ((True, range(13)), (False, range(20))):
        network = denoiser(alignment_half_width=0, causal=causal)
        noisy = drawn(1, 20, CODES).requires_grad_()
        (slope,) = torch.autograd.grad(network(noisy, time, heard)[0, 12].square().sum(), noisy)
        assert slope[0].abs().sum(-1).nonzero().flatten().tolist() == list(expected)


def test_rotary_products_depend_on_distance_alone() -> None:
    rotation = rotary_angles(50, 8, torch.device("cpu"))
    query, key = drawn(8), drawn(8, seed=3)
    products = rotate(query.expand(1, 1, 50, 8), rotation) @ rotate(key.expand(1, 1, 50, 8), rotation).mT
    for distance in (0, 1, 7):
        band = products[0, 0].diagonal(distance)
        assert torch.allclose(band, band[0].expand_as(band), atol=1e-4)


def test_a_new_network_answers_with_the_expectation() -> None:
    network, noisy, heard = (
        MotionDenoiser(DenoiserConfig(CODES, FEATURES, width=16, expects=True)),
        drawn(1, 9, CODES),
        drawn(1, 9, 16),
    )
    expected = network.expect(heard)
    assert expected is not None
    assert expected.std() > 0
    assert torch.equal(network(noisy, torch.full((1, 9), 0.6), heard, expected), expected)


@pytest.mark.parametrize("styled", [0, 5])
def test_the_expectation_hears_its_surroundings_and_its_style(styled: int) -> None:
    network, heard = denoiser(True, style_size=styled), drawn(1, 40, 16).requires_grad_()
    style = drawn(1, styled).requires_grad_() if styled else None
    expected = network.expect(heard, style)
    assert expected is not None
    assert expected.shape == (1, 40, CODES)
    expected[0, 20].square().sum().backward()
    assert heard.grad is not None
    assert heard.grad[0].abs().sum(-1).nonzero().flatten().tolist() == list(range(18, 23))
    if style is not None:
        assert style.grad is not None
        assert style.grad.abs().min() > 0
