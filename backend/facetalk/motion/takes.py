"""Takes: expression codes for a clip of any length, from one seed.

A clip is sampled window by window. A window starts with the last frames of the one before, as known frames,
and ends with a look-ahead, so that no emitted frame lacks the speech that follows it; the next window samples
these frames again and fades from the one to the other. The noise of a frame depends on the seed and on the
frame's place in the clip alone.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Self

import torch
from torch import Tensor

from facetalk.bundle import Bundle, read_bundle
from facetalk.errors import UserError
from facetalk.motion.denoiser import DenoiserConfig, MotionDenoiser
from facetalk.motion.frame_noise import frame_noise
from facetalk.motion.guidance import GuidedDenoiser
from facetalk.motion.samplers import KnownFrames, SamplingStep, sample
from facetalk.motion.sampling_settings import SamplingSettings
from facetalk.motion.style import ANY_STYLE, NEUTRAL, Style
from facetalk.motion.windows import FeatureReader, Window, plan_windows
from facetalk.speech.feature_kind import FeatureKind

# Beginnings of the names of rig controls that speech rules, and of those among them that feelings rule.
MOUTH = ("jaw", "mouth", "tongue", "cheekPuff")
FELT = ("mouthSmile", "mouthFrown", "mouthDimple")


class TakeProgress(NamedTuple):
    """What a take's callback gets after every denoising step; a callback that raises stops the take."""

    window: int  # the window being sampled, from 0
    windows: int
    step: SamplingStep

    @property
    def fraction(self) -> float:
        """The share of the take's steps that is done, 0 to 1."""
        return (self.window + self.step.done / self.step.steps) / self.windows


TakeCallback = Callable[[TakeProgress], None]


class MotionModel:
    """Samples expression codes from speech features.

    Attributes:
        denoiser: the trained network, over normalised codes.
        code_mean, code_deviation: ``[E]``, the training codes' statistics.
        rig_controls: names of the rig controls that codes stand for.
        rig_to_code: ``[R, E]``, what the codes mean: the head's map from rig weights, as in training.
        settings: the defaults of ``sample`` and ``stream``.
        speech: the features that it was trained with; its codes have their rate.
    """

    def __init__(
        self,
        denoiser: MotionDenoiser,
        code_mean: Tensor,
        code_deviation: Tensor,
        rig_controls: Sequence[str],
        rig_to_code: Tensor,
        settings: SamplingSettings,
        speech: FeatureKind,
    ) -> None:
        self.denoiser = denoiser.eval()
        self.code_mean = code_mean
        self.code_deviation = code_deviation
        self.rig_controls = tuple(rig_controls)
        self.rig_to_code = rig_to_code
        self.settings = settings
        self.speech = speech

    @classmethod
    def load(cls, folder: Path, device: torch.device) -> Self:
        """Read a motion bundle.

        Raises:
            UserError: the bundle is missing, damaged or of another kind.
        """
        bundle = read_bundle(folder, "motion")
        config = DenoiserConfig(**bundle.config["denoiser"])
        denoiser = MotionDenoiser(config)
        try:
            denoiser.load_state_dict(_in_float32(bundle))
        except RuntimeError as error:
            raise UserError(f"{folder}: the weights do not fit the manifest's sizes: get the bundle again.") from error
        mean = bundle.tensor("code_mean", (config.code_size,)).float()
        deviation = bundle.tensor("code_deviation", (config.code_size,)).float()
        controls = tuple(bundle.config["rig_controls"])
        rig_to_code = bundle.tensor("rig_to_code", (len(controls), config.code_size)).float()
        settings = SamplingSettings(**bundle.config["sampling"])
        settings.require_sensible(folder / "manifest.json")
        speech = FeatureKind.read(bundle.config.get("speech"), folder / "manifest.json")
        if speech.size != config.feature_size:
            raise UserError(
                f"{folder}: the network hears other features than the manifest names: get the bundle again."
            )
        return cls(denoiser.to(device), mean.to(device), deviation.to(device), controls, rig_to_code, settings, speech)

    @property
    def knows_styles(self) -> bool:
        """Whether the network was trained with styles."""
        return self.denoiser.config.style_size > 0

    def translation(self, rig_controls: Sequence[str], rig_to_code: Tensor) -> Tensor:
        """What turns this model's codes into another head's: ``codes @ translation``.

        Both are linear in the weights of a rig; a control that the model never learned rests.

        Args:
            rig_controls: names of the head's rig controls.
            rig_to_code: the head's map ``[R, E]`` from their weights to its codes.

        Returns:
            ``[E of the model, E of the head]``.

        Raises:
            UserError: the head lacks controls that the model moves.
        """
        missing = [name for name in self.rig_controls if name not in rig_controls]
        if missing:
            raise UserError(
                f"The motion model moves controls that this head does not have ({', '.join(missing[:3])}): choose the "
                "bundle that belongs to the head, or train one with training.train_motion."
            )
        rows = [list(rig_controls).index(name) for name in self.rig_controls]
        return torch.linalg.pinv(self.rig_to_code.double()).float() @ rig_to_code[rows].float()

    def sample(
        self,
        features: Tensor,
        *,
        seed: int,
        guidance: float | None = None,
        steps: int | None = None,
        style: Style = ANY_STYLE,
        known: KnownFrames | None = None,
        callback: TakeCallback | None = None,
    ) -> Tensor:
        """A whole take: codes ``[T, E]``; arguments as for ``stream``."""
        chunks = self.stream(
            features, seeds=[seed], guidance=guidance, steps=steps, style=style, known=known, callback=callback
        )
        return torch.cat([chunk[0] for chunk in chunks])

    def stream(
        self,
        features: Tensor | Iterable[Tensor],
        *,
        frames: int | None = None,
        seeds: Sequence[int],
        guidance: float | None = None,
        steps: int | None = None,
        style: Style = ANY_STYLE,
        known: KnownFrames | None = None,
        callback: TakeCallback | None = None,
    ) -> Iterator[Tensor]:
        """Sample takes of one clip together and hand out their codes window by window.

        Args:
            features: ``[T, D]``, of the kind ``speech``, or consecutive pieces ``[t, D]`` of it; pieces are asked for
                when a window needs them and forgotten behind it, so that memory does not grow with the clip.
            frames: T; needed where ``features`` come in pieces.
            seeds: K takes; the same seed gives bit-equal codes on the same machine, alone or among others.
            guidance: weight of the speech, ``None`` for the bundle's.
            steps: denoising steps per window, ``None`` for the bundle's.
            style: how the face performs.
            known: frames to keep, codes ``[T, E]`` and mask ``[T]``; they come out bit-equal.
            callback: called after every denoising step; may raise to stop.

        Yields:
            Consecutive codes ``[K, t, E]`` float32 on the model's device, all in all ``[K, T, E]``.

        Raises:
            UserError: there is no frame of speech, or a setting is out of range.
        """
        if isinstance(features, Tensor):
            features, frames = [features], len(features)
        if frames is None:
            raise ValueError("features in pieces need their number of frames")
        guidance = self.settings.guidance if guidance is None else guidance
        steps = self.settings.steps if steps is None else steps
        self._check(frames, guidance, steps, known)
        self._check_style(style)
        pieces = FeatureReader(iter(features), self.denoiser.config.feature_size)
        sampling = _Sampling(tuple(seeds), guidance, steps, style, self._variety(style), known, callback)
        return self._windows(pieces, frames, sampling)

    def _check(self, frames: int, guidance: float, steps: int, known: KnownFrames | None) -> None:
        size = self.denoiser.config.code_size
        if known is not None and (known.codes.shape != (frames, size) or known.mask.shape != (frames,)):
            raise ValueError(f"known frames do not cover the {frames} frames of {size} codes")
        if frames == 0:
            raise UserError("The clip holds no sound: choose one of at least 0.02 seconds.")
        if steps < 1:
            raise UserError(f"A take needs at least 1 denoising step, not {steps}: raise the steps.")
        if not math.isfinite(guidance) or guidance < 0:
            raise UserError(f"Guidance {guidance} is out of range: choose a value of 0 or more.")

    def _check_style(self, style: Style) -> None:
        style.require_sensible()
        if style != ANY_STYLE and not self.knows_styles:
            raise UserError("This motion model knows no styles: leave the style out, or choose a model that does.")

    def _windows(self, features: FeatureReader, frames: int, sampling: "_Sampling") -> Iterator[Tensor]:
        settings = self.settings
        plan = list(plan_windows(frames, settings.window, settings.context, settings.look_ahead))
        context = self.code_mean.new_empty(len(sampling.seeds), 0, len(self.code_mean))
        foreseen = context
        for index, window in enumerate(plan):
            kept = self._known_in(window, context, sampling.known)
            report = _window_callback(sampling.callback, index, len(plan))
            with torch.no_grad():
                codes = self._sample_window(features, window, kept, sampling, report)
            new = slice(window.emit_from - window.start, window.emit_to - window.start)
            codes[:, new] = _cross_fade(foreseen, codes[:, new])
            context = codes[:, : new.stop][:, -settings.context :]
            foreseen = codes[:, new.stop :]
            emitted = codes[:, new] * self.code_deviation + self.code_mean
            if sampling.known is not None:
                span = slice(window.emit_from, window.emit_to)
                mask = sampling.known.mask[span].to(emitted.device)
                emitted = torch.where(mask[:, None], sampling.known.codes[span].to(emitted), emitted)
            yield emitted

    def _known_in(self, window: Window, context: Tensor, known: KnownFrames | None) -> KnownFrames:
        """A window's normalised known frames: the caller's, and those that the window before emitted."""
        takes, _, size = context.shape
        frames = window.stop - window.start
        codes = context.new_zeros(takes, frames, size)
        mask = torch.zeros(takes, frames, dtype=torch.bool, device=context.device)
        if known is not None:
            span = slice(window.start, window.stop)
            codes[:] = (known.codes[span].to(codes) - self.code_mean) / self.code_deviation
            mask[:] = known.mask[span].to(mask.device)
        overlap = window.emit_from - window.start
        codes[:, :overlap] = context[:, context.shape[1] - overlap :]
        mask[:, :overlap] = True
        return KnownFrames(codes, mask)

    def _sample_window(
        self,
        features: FeatureReader,
        window: Window,
        known: KnownFrames,
        sampling: "_Sampling",
        callback: Callable[[SamplingStep], None] | None,
    ) -> Tensor:
        """Normalised codes ``[K, window, E]``."""
        speech = features.read(window.start, window.stop)[None].to(self.code_mean)
        heard, gestures = self.denoiser.audio(speech), self.denoiser.hear_gestures(speech)
        size = len(self.code_mean)

        def noise(step: int | None = None) -> Tensor:
            drawn = [frame_noise(seed, window.start, window.stop, size, step) for seed in sampling.seeds]
            return torch.stack(drawn).to(self.code_mean.device)

        style = None
        if self.knows_styles:
            # One row for all takes: a take must not depend on how many are sampled beside it.
            style = sampling.style.vector().to(self.code_mean)[None]
        every = heard.expand(len(sampling.seeds), -1, -1)
        guided = GuidedDenoiser(self.denoiser, every, sampling.guidance, style, sampling.variety, gestures)
        name, steps = self.settings.sampler, sampling.steps
        return sample(name, guided, noise(), steps, fresh=noise, known=known, callback=callback)

    def _variety(self, style: Style) -> Tensor | None:
        """What takes keep of their difference from the expectation, ``[E, E]`` of normalised codes; ``None``: all.

        A feeling that is asked for shows in full.
        """
        if self.settings.mouth_variety == 1.0:
            return None
        free = FELT if style.emotion not in (None, NEUTRAL) else ()
        ruled = [name.startswith(MOUTH) and not name.startswith(free) for name in self.rig_controls]
        share = torch.where(torch.tensor(ruled), self.settings.mouth_variety, 1.0).double()
        to_code = self.rig_to_code.cpu().double()
        # What of a code is of no rig control is kept.
        lessened = torch.linalg.pinv(to_code) @ ((share - 1.0)[:, None] * to_code)
        deviation = self.code_deviation.cpu().double()
        kept = torch.eye(len(deviation)) + deviation[:, None] * lessened / deviation
        return kept.to(self.code_mean)


class _Sampling(NamedTuple):
    """What holds for all windows of some takes."""

    seeds: tuple[int, ...]
    guidance: float
    steps: int
    style: Style
    variety: Tensor | None
    known: KnownFrames | None
    callback: TakeCallback | None


def _cross_fade(foreseen: Tensor, codes: Tensor) -> Tensor:
    """Codes ``[K, t, E]`` that begin as the window before ``[K, s, E]`` foresaw them, s at most t."""
    frames = foreseen.shape[1]
    share = (torch.arange(frames, device=codes.device) + 1.0) / (frames + 1.0)
    share = (share * share * (3.0 - 2.0 * share))[:, None]
    return torch.cat([torch.lerp(foreseen, codes[:, :frames], share), codes[:, frames:]], dim=1)


def _window_callback(callback: TakeCallback | None, window: int, windows: int) -> Callable[[SamplingStep], None] | None:
    if callback is None:
        return None
    return lambda step: callback(TakeProgress(window, windows, step))


def _in_float32(bundle: Bundle) -> dict[str, Tensor]:
    return {name: tensor.float() for name, tensor in bundle.section("denoiser").items()}
