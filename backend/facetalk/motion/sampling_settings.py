"""How takes are sampled."""

from dataclasses import dataclass
from pathlib import Path

from facetalk.errors import UserError
from facetalk.motion.samplers import SAMPLERS, SamplerName


@dataclass(frozen=True)
class SamplingSettings:
    """How takes are sampled unless the caller says otherwise; part of the bundle.

    Attributes:
        steps: denoising steps per window.
        guidance: weight of the speech: 0 ignores it, 1 follows it as trained, above 1 exaggerates it. With an
            expectation it costs nothing; without, every step costs twice as much at any other weight than 1.
        window: frames sampled at once, context and look-ahead included.
        context: frames of the window before that a window starts with.
        look_ahead: frames at a window's end that the next window samples again.
        sampler: one of ``samplers.SAMPLERS``.
        mouth_variety: how far takes of a model with an expectation differ in what speech demands of jaw, lips, cheeks
            and tongue: 1 as far as in training, 0 not at all. What the decoder adds to the expectation there is mostly
            noise of its own, while brows, lids and gaze are its to invent.
    """

    steps: int = 12
    guidance: float = 1.5
    window: int = 200
    context: int = 25
    look_ahead: int = 15
    sampler: SamplerName = "dpm-solver++"
    mouth_variety: float = 1.0

    def require_sensible(self, source: Path) -> None:
        """Raise a `UserError` that names the file they come from where these settings cannot be followed."""
        if self.sampler not in SAMPLERS:
            raise UserError(f"{source} asks for the sampler {self.sampler!r}: there are {', '.join(SAMPLERS)}.")
        if not 0.0 <= self.mouth_variety <= 1.0:
            raise UserError(f"{source} asks for a mouth variety of {self.mouth_variety}: choose a value from 0 to 1.")
        new = self.window - self.context - self.look_ahead
        if min(new, self.steps) < 1 or min(self.context, self.look_ahead) < 0:
            raise UserError(f"{source} asks for windows without new frames, or for no steps: raise window or steps.")
