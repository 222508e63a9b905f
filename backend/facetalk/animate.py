"""The flow from a clip to posed vertices. Nothing else knows all the parts."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facetalk import presets
from facetalk.clip import Clip
from facetalk.device import choose_device
from facetalk.errors import UserError
from facetalk.head.head import Head, to_blender
from facetalk.head.head_points import HeadPoints
from facetalk.head.identity_preset import list_identities, load_identity
from facetalk.head.named_identity import preset_code
from facetalk.keyed_take import keyed_take
from facetalk.motion.style import ANY_STYLE, NEUTRAL, Style
from facetalk.motion.style_preset import list_styles, load_style
from facetalk.motion.takes import MotionModel, TakeProgress
from facetalk.speech.speech_encoder import SpeechEncoder, encoder_for
from facetalk.take import BALD, FrameBatch, KeyedTake, TakeSettings, require_hair, require_style
from facetalk.topology.complexion import Color, complexion
from facetalk.topology.rigid_parts import RigidPart, make_rigid, rigid_parts
from facetalk.topology.template import FaceMesh, HairMesh, Template
from facetalk.topology.wrap import wrap

Progress = Callable[[str, float], None]
"""Called with a stage (``speech``, ``motion``, ``decode``) and the fraction of it that is done; may raise to cancel."""

Pose = Callable[[Tensor], NDArray[np.float32]]
"""Vertices ``[T, V, 3]`` for expression codes ``[T, E]``."""

FRAMES_PER_BATCH = 25
MAXIMUM_FPS = 240.0
CAPTURED_RATE = 50  # codes per second that `facetalk fit` finds


@dataclass(frozen=True)
class _Actor:
    """An identity wearing the template."""

    code: Tensor
    colors: Mapping[str, Color]
    mesh: FaceMesh
    points: HeadPoints
    bodies: list[RigidPart]

    def pose(self, codes: Tensor) -> NDArray[np.float32]:
        """Vertices ``[T, V, 3]`` in Blender's metres, for codes ``[T, E]``."""
        return _in_blender(make_rigid(self.points.pose(codes).points, self.bodies))


class Animator:
    """Speech in, posed vertices out, with the models loaded once.

    Attributes:
        device: where the models run.
        models: names of the bundles in use.
    """

    def __init__(
        self,
        encoder: SpeechEncoder,
        motion: MotionModel,
        head: Head,
        template: Template,
        motion_name: str = presets.MOTION,
    ) -> None:
        self._translation = motion.translation(head.config["rig_controls"], head.rig_to_code().cpu()).to(head.device)
        self.encoder, self.motion, self.head, self.template = encoder, motion, head, template
        self.device = head.device
        self.models = (f"speech/{motion.speech.encoder}", motion_name, presets.HEAD, f"topologies/{template.name}")
        self._actors: dict[str, _Actor] = {}

    @classmethod
    def load(cls, device: str = "auto", motion: Path | None = None) -> "Animator":
        """Load the embedded bundles, and the speech encoder that the motion model was trained with.

        Args:
            device: auto, cpu, cuda or mps.
            motion: the bundle of another motion model than the embedded one; of whatever head its codes are, its rig
                says what they mean.

        Raises:
            UserError: the device, a bundle or the encoder is missing, or one is damaged.
        """
        chosen = choose_device(device)
        model = MotionModel.load(presets.preset(presets.MOTION) if motion is None else motion, chosen)
        return cls(
            encoder_for(model.speech, chosen),
            model,
            Head.load(presets.preset(presets.HEAD), chosen),
            Template.load(presets.preset(presets.TOPOLOGY)),
            presets.MOTION if motion is None else motion.resolve().name,
        )

    def wearing(self, template: Template) -> "Animator":
        """The same models with another template."""
        return Animator(self.encoder, self.motion, self.head, template, self.models[1])

    def identities(self) -> list[str]:
        """Names of the faces: the mean one and the identity presets; ``random-N`` works too."""
        return ["average", *list_identities()]

    def hair_styles(self) -> tuple[str, ...]:
        """Names of the hair styles."""
        return self.head.hair_styles

    def styles(self) -> tuple[str, ...]:
        """Names of the ways to perform; none if the motion model knows none."""
        return list_styles() if self.motion.knows_styles else ()

    def mesh(self, identity: str, hair: str | None = None) -> FaceMesh:
        """The mesh of an identity at rest.

        Args:
            identity: one of ``identities``, or ``random-N``.
            hair: a hair style, or bald; None for the identity's own.

        Raises:
            UserError: no such identity or hair style.
        """
        require_hair(hair, self.head.hair_styles)
        actor = self._actor(identity)
        return replace(actor.mesh, hair=self._hair(actor, hair))

    def frame_count(self, clip: Clip, fps: float) -> int:
        """Frames of a take: enough to cover the clip.

        Raises:
            UserError: the frame rate is not between 1 and 240.
        """
        return _covering(clip.seconds, fps)

    def codes(self, clip: Clip, settings: TakeSettings, progress: Progress | None = None) -> Tensor:
        """The take as expression codes ``[T, E]`` at the motion model's rate, intensity applied."""
        return torch.cat(list(self._code_chunks(clip, settings, progress or _silent)))

    def frames(self, clip: Clip, settings: TakeSettings, progress: Progress | None = None) -> Iterator[FrameBatch]:
        """Pose a take, handing out frames as soon as their codes are sampled.

        Args:
            clip: the speech.
            settings: the take.
            progress: told how far every stage is; may raise to cancel, as may closing the iterator.

        Yields:
            Consecutive frames; all in all ``frame_count(clip, settings.fps)``.

        Raises:
            UserError: a setting is out of range.
        """
        return self.perform(self._actor(settings.identity).pose, clip, settings, progress)

    def perform(
        self, pose: Pose, clip: Clip, settings: TakeSettings, progress: Progress | None = None
    ) -> Iterator[FrameBatch]:
        """``frames`` of whatever can be posed by codes; the settings' identity and hair do not count."""
        report = progress or _silent
        self._style(settings.style)
        timeline = _FrameClock(self.frame_count(clip, settings.fps), settings.fps, self.motion.speech.rate)
        return self._pose_chunks(pose, self._code_chunks(clip, settings, report), timeline, report)

    def poses(
        self,
        codes: Tensor,
        settings: TakeSettings,
        progress: Progress | None = None,
        *,
        rate: int = CAPTURED_RATE,
        frame_count: int | None = None,
    ) -> Iterator[FrameBatch]:
        """Pose expression codes that no speech was needed for, such as captured ones.

        Args:
            codes: ``[T, E]`` in the head's own space.
            settings: identity, frame rate and intensity count.
            progress: as for ``frames``.
            rate: of the codes, per second.
            frame_count: how many frames to make; None for as many as cover the codes.

        Yields:
            Consecutive frames.

        Raises:
            UserError: a setting is out of range.
        """
        pose = self._actor(settings.identity).pose
        return self.perform_codes(pose, codes, settings, progress, rate=rate, frame_count=frame_count)

    def perform_codes(
        self,
        pose: Pose,
        codes: Tensor,
        settings: TakeSettings,
        progress: Progress | None = None,
        *,
        rate: int,
        frame_count: int | None = None,
    ) -> Iterator[FrameBatch]:
        """``poses`` of whatever can be posed by codes; the settings' identity does not count."""
        covered = _covering(len(codes) / rate, settings.fps)
        chunks = iter([codes.to(self.device) * settings.intensity])
        timeline = _FrameClock(covered if frame_count is None else frame_count, settings.fps, rate)
        return self._pose_chunks(pose, chunks, timeline, progress or _silent)

    @property
    def code_rate(self) -> int:
        """Codes per second that speech becomes."""
        return self.motion.speech.rate

    def keyed(self, clip: Clip, settings: TakeSettings, progress: Progress | None = None) -> KeyedTake:
        """A take as shape keys with curves, as ``keyed_take`` makes it."""
        return keyed_take(self, clip, settings, progress or _silent)

    def identity_code(self, identity: str) -> Tensor:
        """The code ``[I]`` of a face.

        Raises:
            UserError: there is no such face.
        """
        return self._face(identity)[0]

    def _code_chunks(self, clip: Clip, settings: TakeSettings, report: Progress) -> Iterator[Tensor]:
        def sampled(step: TakeProgress) -> None:
            report("motion", step.fraction)

        chunks = self.motion.stream(
            self._heard(clip, report),
            frames=self.encoder.kind.count(len(clip.samples)),
            seeds=[settings.seed],
            guidance=settings.guidance,
            steps=settings.steps,
            style=self._style(settings.style),
            callback=sampled,
        )
        for chunk in chunks:
            yield chunk[0] @ self._translation * settings.intensity

    def _style(self, name: str | None) -> Style:
        """The style of a name; plain speech without one.

        Raises:
            UserError: no such style, or the motion model knows none.
        """
        require_style(name, self.styles())
        return load_style(name or NEUTRAL).style if self.motion.knows_styles else ANY_STYLE

    def _heard(self, clip: Clip, report: Progress) -> Iterator[Tensor]:
        """Speech features piece by piece: a long clip is never held encoded as a whole."""
        report("speech", 0.0)
        done, count = 0, self.encoder.kind.count(len(clip.samples))
        for piece in self.encoder.stream(clip.samples, clip.let_go):
            done += len(piece)
            report("speech", done / count)
            yield piece

    def _pose_chunks(
        self, pose: Pose, chunks: Iterator[Tensor], timeline: "_FrameClock", report: Progress
    ) -> Iterator[FrameBatch]:
        for chunk in chunks:
            codes = timeline.codes_of(chunk, last=False)
            yield from self._batches(pose, timeline, codes, report)
        yield from self._batches(pose, timeline, timeline.codes_of(None, last=True), report)

    def _batches(self, pose: Pose, timeline: "_FrameClock", codes: Tensor, report: Progress) -> Iterator[FrameBatch]:
        for batch in codes.split(FRAMES_PER_BATCH):
            if not len(batch):
                continue
            posed = pose(batch)
            first = timeline.delivered
            timeline.delivered += len(batch)
            report("decode", timeline.delivered / timeline.count)
            yield FrameBatch(first, posed)

    def _actor(self, identity: str) -> _Actor:
        if identity not in self._actors:
            code, colors = self._face(identity)
            vertices = torch.from_numpy(wrap(self.head, code, self.template)).to(self.device)
            parts = torch.from_numpy(self.template.parts.astype(np.int64))
            points = self.head.prepare(vertices, parts, code, torch.from_numpy(self.template.mobility))
            mesh = replace(_face_mesh(self.template), colors=complexion(self.template, colors))
            actor = _Actor(code, colors, mesh, points, rigid_parts(self.template, vertices))
            rest = actor.pose(torch.zeros(1, self.head.expression_size, device=self.device))[0]
            self._actors[identity] = replace(actor, mesh=replace(mesh, vertices=rest))
        return self._actors[identity]

    def _face(self, identity: str) -> tuple[Tensor, Mapping[str, Color]]:
        """Identity code and colours of a name."""
        if identity not in list_identities():
            return self.head.identity(identity), {}
        preset = load_identity(identity)
        return preset_code(self.head, presets.HEAD.rpartition("/")[2], preset), preset.colors

    def _hair(self, actor: _Actor, wish: str | None) -> HairMesh | None:
        """The hair that is wished for, or the identity's own, on its head."""
        style = self.head.hair_style(actor.code) if wish is None else wish
        if style is None or style == BALD:
            return None
        hair = self.template.hair[style]
        parts = torch.full((len(hair.vertices),), len(self.head.parts) - 1)
        worn = self.head.carry(torch.from_numpy(hair.vertices), parts, actor.code)
        red, green, blue = actor.colors.get("hair", hair.color[:3])
        return replace(hair, vertices=_in_blender(worn), color=(red, green, blue, 1.0))


def _covering(seconds: float, fps: float) -> int:
    """Frames that cover so many seconds.

    Raises:
        UserError: the frame rate is not between 1 and 240.
    """
    if not (math.isfinite(fps) and 1.0 <= fps <= MAXIMUM_FPS):
        raise UserError(f"A frame rate of {fps:g} cannot be used: choose one between 1 and {MAXIMUM_FPS:g}.")
    return max(1, math.ceil(round(seconds * fps, 6)))


class _FrameClock:
    """Resamples codes to scene frames while they arrive, holding only what the next frame may need."""

    def __init__(self, count: int, fps: float, rate: int) -> None:
        self.count = count
        self.codes_per_frame = rate / fps
        self.delivered = 0
        self._next = 0
        self._start = 0  # motion frame of the first code held
        self._held: Tensor | None = None

    def codes_of(self, chunk: Tensor | None, last: bool) -> Tensor:
        """Codes ``[n, E]`` of the frames that can be interpolated once ``chunk`` is there; at the end, of all."""
        parts = [part for part in (self._held, chunk) if part is not None]
        held = torch.cat(parts)
        end = self._start + len(held) - 1
        times = torch.arange(self._next, self.count, dtype=torch.float64) * self.codes_per_frame
        ready = times if last else times[times <= end]
        position = (ready.clamp(max=end) - self._start).to(held.device)
        below = position.floor().long()
        above = (below + 1).clamp(max=len(held) - 1)
        fraction = (position - below).to(held.dtype)[:, None]
        codes = held[below] * (1.0 - fraction) + held[above] * fraction
        self._next += len(ready)
        needed = int(self._next * self.codes_per_frame) - self._start
        keep = min(max(needed, 0), len(held) - 1)
        self._held, self._start = held[keep:], self._start + keep
        return codes


def _face_mesh(template: Template) -> FaceMesh:
    return FaceMesh(
        vertices=template.vertices,
        quads=template.quads,
        uv=template.uv,
        materials=template.materials,
        material_index=template.material_index,
        colors=template.colors,
        groups=template.groups,
        landmarks=template.landmarks,
    )


def _in_blender(points: Tensor) -> NDArray[np.float32]:
    return np.ascontiguousarray(to_blender(points).cpu().numpy(), dtype=np.float32)


def _silent(stage: str, fraction: float) -> None:
    del stage, fraction
