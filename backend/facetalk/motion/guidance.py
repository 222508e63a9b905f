"""Guidance: how much a take follows the speech that it hears."""

import torch
from torch import Tensor

from facetalk.motion.denoiser import MotionDenoiser


class GuidedDenoiser:
    """A denoiser that hears given speech, with classifier-free guidance (Ho and Salimans, 2022).

    The answer is ``without + guidance * (with - without)``, both in the same style. At guidance 1 only the answer with
    speech is needed, and only that is computed. A network with an expectation is guided in that alone, where speech
    speaks: that is done once, and the decoder's correction, of which a share is kept, is added as it is.
    """

    def __init__(
        self,
        network: MotionDenoiser,
        heard: Tensor,
        guidance: float,
        style: Tensor | None = None,
        variety: Tensor | None = None,
        gestures: Tensor | None = None,
    ) -> None:
        """Hear some speech.

        Args:
            network: what answers.
            heard: ``[B, T, W]`` from its ``audio``.
            guidance: weight of the speech.
            style: one for all, ``[1, style_size]``.
            variety: what is kept of the decoder's correction, ``[E, E]``; ``None``: all.
            gestures: ``[B, T, G]`` from its ``hear_gestures``.
        """
        self.network = network
        self.guidance = guidance
        self.style = style
        self.variety = variety
        self.heard = heard
        self.silence = network.audio.silence(heard)
        self.expected = network.expect(heard, style, gestures)
        unheard = None if guidance == 1.0 else network.expect(self.silence, style)
        self.guided = self.expected
        if self.expected is not None and unheard is not None:
            self.guided = self._guide(self.expected, unheard)

    def __call__(self, noisy: Tensor, time: Tensor) -> Tensor:
        """Predict the clean codes ``[B, T, E]``; the contract of ``samplers.Denoiser``."""
        if self.expected is not None and self.guided is not None:
            correction = self.network(noisy, time, self.heard, self.expected, self.style) - self.expected
            return self.guided + (correction if self.variety is None else correction @ self.variety)
        if self.guidance == 1.0:
            return self.network(noisy, time, self.heard, style=self.style)
        both_heard = torch.cat([self.heard, self.silence])
        both = self.network(noisy.repeat(2, 1, 1), time.repeat(2, 1), both_heard, style=self.style)
        with_speech, without = both.chunk(2)
        return self._guide(with_speech, without)

    def _guide(self, with_speech: Tensor, without: Tensor) -> Tensor:
        return torch.lerp(without, with_speech, self.guidance)
