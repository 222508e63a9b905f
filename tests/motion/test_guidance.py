"""How much a take follows the speech that it hears."""

import torch

from facetalk.motion.guidance import GuidedDenoiser
from tests.motion.test_denoiser import CODES, denoiser, drawn


def test_guidance_leads_on_from_the_answer_without_speech() -> None:
    network, noisy, heard = denoiser(), drawn(1, 20, CODES), drawn(1, 20, 16)
    time = torch.full((1, 20), 0.6)
    with_speech, without = network(noisy, time, heard), network(noisy, time, network.audio.silence(heard))
    assert torch.equal(GuidedDenoiser(network, heard, 1.0)(noisy, time), with_speech)
    for guidance in (0.0, 0.5, 2.5):
        guided = without + guidance * (with_speech - without)
        assert torch.allclose(GuidedDenoiser(network, heard, guidance)(noisy, time), guided, atol=1e-5)


def test_an_expectation_is_guided_and_a_share_of_its_correction_kept() -> None:
    network, noisy, heard = denoiser(True), drawn(1, 20, CODES), drawn(1, 20, 16)
    time = torch.full((1, 20), 0.6)
    expected, unheard = network.expect(heard), network.expect(network.audio.silence(heard))
    assert expected is not None
    assert unheard is not None
    answer = network(noisy, time, heard, expected)
    assert torch.allclose(GuidedDenoiser(network, heard, 1.0)(noisy, time), answer, atol=1e-6)
    variety = torch.diag(torch.tensor([0.0, 1.0, 0.5, 1.0, 1.0, 1.0]))
    guided = unheard + 1.5 * (expected - unheard) + (answer - expected) * variety.diagonal()
    told = GuidedDenoiser(network, heard, 1.5, variety=variety)(noisy, time)
    assert torch.allclose(told, guided, atol=1e-5)


def test_null_is_deaf() -> None:
    network, noisy, time = denoiser(), drawn(1, 20, CODES), torch.full((1, 20), 0.6)
    one, other = drawn(1, 20, 16), drawn(1, 20, 16, seed=9)
    answers = [GuidedDenoiser(network, heard, 0.0)(noisy, time) for heard in (one, other)]
    assert torch.equal(*answers)
    assert not torch.allclose(network(noisy, time, one), network(noisy, time, other))
