"""Takes: expression codes for a clip of any length, from one seed.

A clip is sampled window by window. A window starts with the last frames of the one before, as known frames,
and ends with a look-ahead that is thrown away, so that no emitted frame lacks the speech that follows it. The
noise of a frame depends on the seed and on the frame's place in the clip alone.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from facetalk.bundle import Bundle, read_bundle
from facetalk.errors import UserError
from facetalk.motion.denoiser import DenoiserConfig, GuidedDenoiser, MotionDenoiser
from facetalk.motion.samplers import KnownFrames, SamplingStep, dpm_solver_2m
from facetalk.motion.schedule import sampling_times

MOTION_RATE = 50  # codes per second
NOISE_BLOCK = 64  # frames drawn from one generator


@dataclass(frozen=True)
class SamplingSettings:
    """How takes are sampled unless the caller says otherwise; part of the bundle.

    Attributes:
        steps: denoising steps per window.
        guidance: weight of the speech: 0 ignores it, 1 follows it as trained, above 1 exaggerates it.
        window: frames sampled at once, context and look-ahead included.
        context: frames of the window before that a window starts with.
        look_ahead: frames at a window's end that the next window samples again.
    """

    steps: int = 12
    guidance: float = 1.5
    window: int = 200
    context: int = 25
    look_ahead: int = 15


class Window(NamedTuple):
    """Frames ``start`` to ``stop`` are sampled, ``emit_from`` to ``emit_to`` of them are new and kept."""

    start: int
    stop: int
    emit_from: int
    emit_to: int


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
    """

    def __init__(
        self,
        denoiser: MotionDenoiser,
        code_mean: Tensor,
        code_deviation: Tensor,
        rig_controls: Sequence[str],
        rig_to_code: Tensor,
        settings: SamplingSettings,
    ) -> None:
        self.denoiser = denoiser.eval()
        self.code_mean = code_mean
        self.code_deviation = code_deviation
        self.rig_controls = tuple(rig_controls)
        self.rig_to_code = rig_to_code
        self.settings = settings

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
        return cls(denoiser.to(device), mean.to(device), deviation.to(device), controls, rig_to_code, settings)

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
        known: KnownFrames | None = None,
        callback: TakeCallback | None = None,
    ) -> Tensor:
        """A whole take: codes ``[T, E]``; arguments as for ``stream``."""
        chunks = self.stream(features, seed=seed, guidance=guidance, steps=steps, known=known, callback=callback)
        return torch.cat(list(chunks))

    def stream(
        self,
        features: Tensor | Iterable[Tensor],
        *,
        frames: int | None = None,
        seed: int,
        guidance: float | None = None,
        steps: int | None = None,
        known: KnownFrames | None = None,
        callback: TakeCallback | None = None,
    ) -> Iterator[Tensor]:
        """Sample a take and hand out its codes window by window.

        Args:
            features: ``[T, D]`` at 50 Hz, or consecutive pieces ``[t, D]`` of it; pieces are asked for when a
                window needs them and forgotten behind it, so that memory does not grow with the clip.
            frames: T; needed where ``features`` come in pieces.
            seed: which take; the same seed gives bit-equal codes on the same machine.
            guidance: weight of the speech, ``None`` for the bundle's.
            steps: denoising steps per window, ``None`` for the bundle's.
            known: frames to keep, codes ``[T, E]`` and mask ``[T]``; they come out bit-equal.
            callback: called after every denoising step; may raise to stop.

        Yields:
            Consecutive codes ``[t, E]`` float32 on the model's device, all in all ``[T, E]``.

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
        pieces = _FeatureReader(iter(features), self.denoiser.config.feature_size)
        return self._windows(pieces, frames, seed, guidance, sampling_times(steps), known, callback)

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

    def _windows(
        self,
        features: "_FeatureReader",
        frames: int,
        seed: int,
        guidance: float,
        times: Tensor,
        known: KnownFrames | None,
        callback: TakeCallback | None,
    ) -> Iterator[Tensor]:
        plan = list(plan_windows(frames, self.settings))
        context = self.code_mean.new_empty(0, len(self.code_mean))
        for index, window in enumerate(plan):
            kept = self._known_in(window, context, known)
            report = _window_callback(callback, index, len(plan))
            with torch.no_grad():
                codes = self._sample_window(features, window, kept, seed, guidance, times, report)
            context = codes[: window.emit_to - window.start][-self.settings.context :]
            emitted = codes[window.emit_from - window.start : window.emit_to - window.start]
            emitted = emitted * self.code_deviation + self.code_mean
            if known is not None:
                span = slice(window.emit_from, window.emit_to)
                mask = known.mask[span].to(emitted.device)
                emitted = torch.where(mask[:, None], known.codes[span].to(emitted), emitted)
            yield emitted

    def _known_in(self, window: Window, context: Tensor, known: KnownFrames | None) -> KnownFrames:
        """A window's normalised known frames: the caller's, and those that the window before emitted."""
        frames = window.stop - window.start
        codes = context.new_zeros(frames, len(self.code_mean))
        mask = torch.zeros(frames, dtype=torch.bool, device=context.device)
        if known is not None:
            span = slice(window.start, window.stop)
            codes = (known.codes[span].to(codes) - self.code_mean) / self.code_deviation
            mask = known.mask[span].to(mask.device).clone()
        overlap = window.emit_from - window.start
        codes[:overlap] = context[len(context) - overlap :]
        mask[:overlap] = True
        return KnownFrames(codes[None], mask[None])

    def _sample_window(
        self,
        features: "_FeatureReader",
        window: Window,
        known: KnownFrames,
        seed: int,
        guidance: float,
        times: Tensor,
        callback: Callable[[SamplingStep], None] | None,
    ) -> Tensor:
        """Normalised codes ``[window, E]``."""
        heard = self.denoiser.audio(features.read(window.start, window.stop)[None].to(self.code_mean))
        noise = frame_noise(seed, window.start, window.stop, len(self.code_mean)).to(self.code_mean.device)
        guided = GuidedDenoiser(self.denoiser, heard, guidance)
        return dpm_solver_2m(guided, noise[None], times, known=known, callback=callback)[0]


class _FeatureReader:
    """Frames of features that come in pieces, read forward; what lies before the last read is forgotten."""

    def __init__(self, pieces: Iterator[Tensor], size: int) -> None:
        self.pieces = pieces
        self.size = size
        self.first = 0
        self.held: Tensor | None = None

    def read(self, start: int, stop: int) -> Tensor:
        """Frames ``[stop - start, D]``; ``start`` must not fall.

        Raises:
            ValueError: a piece is of another size, or the pieces end too early.
        """
        while self.held is None or self.first + len(self.held) < stop:
            piece = next(self.pieces, None)
            if piece is None or piece.ndim != 2 or piece.shape[1] != self.size:
                found = "nothing" if piece is None else f"features of shape {tuple(piece.shape)}"
                raise ValueError(f"{found} where features [t, {self.size}] up to frame {stop} are needed")
            self.held = piece if self.held is None else torch.cat([self.held, piece])
        self.held = self.held[start - self.first :]
        self.first = start
        return self.held[: stop - start]


def plan_windows(frames: int, settings: SamplingSettings) -> Iterator[Window]:
    """Cover ``frames`` frames with windows of at most ``settings.window``, in order."""
    emitted = 0
    while emitted < frames:
        start = max(0, emitted - settings.context)
        stop = min(frames, start + settings.window)
        emit_to = frames if stop == frames else stop - settings.look_ahead
        yield Window(start, stop, emitted, emit_to)
        emitted = emit_to


def frame_noise(seed: int, start: int, stop: int, size: int) -> Tensor:
    """Unit normal noise ``[stop - start, size]`` that depends on the seed and each frame's number alone."""
    first = start // NOISE_BLOCK
    blocks = [_noise_block(seed, block, size) for block in range(first, (stop - 1) // NOISE_BLOCK + 1)]
    return torch.cat(blocks)[start - first * NOISE_BLOCK : stop - first * NOISE_BLOCK]


def _noise_block(seed: int, block: int, size: int) -> Tensor:
    # Seeds of neighbouring blocks and takes must not be neighbours themselves: a hash spreads them.
    mixed = np.random.SeedSequence([seed & 0xFFFFFFFFFFFFFFFF, block]).generate_state(1)
    generator = torch.Generator().manual_seed(int(mixed[0]))
    return torch.randn(NOISE_BLOCK, size, generator=generator)


def _window_callback(callback: TakeCallback | None, window: int, windows: int) -> Callable[[SamplingStep], None] | None:
    if callback is None:
        return None
    return lambda step: callback(TakeProgress(window, windows, step))


def _in_float32(bundle: Bundle) -> dict[str, Tensor]:
    return {name: tensor.float() for name, tensor in bundle.section("denoiser").items()}
