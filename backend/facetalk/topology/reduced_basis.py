"""Posing by a small linear basis: the head is asked at a few hundred points, one matrix product gives the rest.

A basis belongs to one identity wearing one template. Its modes come from poses of all points; its sample points are
chosen by discrete empirical interpolation (Chaturantabut and Sorensen, SIAM Journal on Scientific Computing 32, 2010)
through pivoted QR (Drmac and Gugercin, the same journal 38, 2016). Points that no few modes follow, such as lids that
slide and lips that meet, are asked of the head in every frame, so that contact stays as exact as it was. Check points,
which the basis does not use, say in every frame how far it is off; a frame that may be too far off is posed by the
head itself. ``basis_building`` makes a basis.
"""

from dataclasses import astuple, dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from facetalk.head.parametric_head import Posed, PreparedPoints

FRAMES_PER_CHUNK = 64
PROBE_FLOOR = 0.1  # of the tolerance: what probes are off counts for no less

ARRAYS = ("middle", "modes", "coefficients", "asked", "probe_modes", "foresight")  # of a basis


@runtime_checkable
class ForeseeablePoints(PreparedPoints, Protocol):
    """Points that are found the faster, the better one knows where they will be."""

    def pose_near(self, expressions: Tensor, foreseen: Tensor) -> Posed:
        """``pose``, from about where the points are ``[T, N, 3]``; those that are not near there are marked."""
        ...


@dataclass(frozen=True)
class Certificate:
    """How far a basis was off in poses that it was not made of, frames handed to the head itself included.

    Attributes:
        maximum: the largest distance of a point from where the head puts it, head units.
        mean: of all points in all frames, head units.
        referred: share of the frames that the head itself posed.
        bounded: share of the frames that were no farther off than their bound said.
        frames: how many there were.
    """

    maximum: float
    mean: float
    referred: float
    bounded: float
    frames: int


@dataclass(frozen=True)
class Basis:
    """A basis of N points.

    Attributes:
        middle: where the points are on average ``[N, 3]``, head units.
        modes: displacements ``[M, 3 N]``, zero where ``asked``.
        coefficients: maps displacements of the samples to those of the modes ``[3 S, M]``.
        asked: indices of the points that the head is asked for ``[A]``: first the S samples, then the checks, then
            those that modes do not follow.
        probe_modes: the modes at samples and checks ``[M, 3 P]``.
        foresight: maps codes, and a 1, to about where the points are that the head is asked for ``[E + 1, 3 A]``; empty
            for heads that need not know.
        factor: no point of a frame is farther off than so many times the farthest of its probes, or than so many times
            ``PROBE_FLOOR`` of the tolerance.
        tolerance: how far off a point may be, head units.
        certificate: how well it does.
    """

    middle: Tensor
    modes: Tensor
    coefficients: Tensor
    asked: Tensor
    probe_modes: Tensor
    foresight: Tensor
    factor: float
    tolerance: float
    certificate: Certificate

    @property
    def probes(self) -> int:
        """How many points tell how far off a frame is: samples and checks, the first of ``asked``."""
        return self.probe_modes.shape[1] // 3

    def tensors(self) -> dict[str, Tensor]:
        """All of it as tensors, to be kept on disk."""
        arrays = {name: getattr(self, name) for name in ARRAYS}
        numbers = [self.factor, self.tolerance, *astuple(self.certificate)]
        return {**arrays, "numbers": torch.tensor(numbers, dtype=torch.float64)}

    @classmethod
    def of_tensors(cls, tensors: dict[str, Tensor], device: torch.device) -> "Basis":
        """A basis from its ``tensors``."""
        arrays = {name: tensors[name].to(device) for name in ARRAYS}
        factor, tolerance, maximum, mean, referred, bounded, frames = tensors["numbers"].tolist()
        certificate = Certificate(maximum, mean, referred, bounded, int(frames))
        return cls(**arrays, factor=factor, tolerance=tolerance, certificate=certificate)

    def ask(self, few: PreparedPoints, codes: Tensor) -> Posed:
        """Where a head puts the points that it is asked for, in the frames of codes ``[T, E]``."""
        if not len(self.foresight):
            return few.pose(codes)
        return _near(few, codes, (codes @ self.foresight[:-1] + self.foresight[-1]).view(len(codes), -1, 3))

    def interpolate(self, found: Tensor) -> tuple[Tensor, Tensor]:
        """All points from those that were asked for.

        Args:
            found: where the head puts the points that it is asked for ``[T, A, 3]``.

        Returns:
            All points ``[T, N, 3]``, and how far off a point of each frame may be ``[T]``, head units.
        """
        samples = len(self.coefficients) // 3
        moved = found[:, : self.probes] - self.middle[self.asked[: self.probes]]
        weights = moved[:, :samples].flatten(1) @ self.coefficients
        points = torch.addmm(self.middle.flatten(), weights, self.modes).view(len(found), -1, 3)
        points.index_copy_(1, self.asked, found)
        off = (moved.flatten(1) - weights @ self.probe_modes).view(len(found), -1, 3).norm(dim=2).amax(dim=1)
        return points, self.factor * off.clamp(min=PROBE_FLOOR * self.tolerance)


@dataclass(frozen=True)
class Decoded:
    """Frames with what is known about their error.

    Attributes:
        posed: the points.
        bounds: how far off a point of each frame may be ``[T]``, head units: an estimate that held for the frames of
            the certificate; 0 in frames that the head posed itself.
    """

    posed: Posed
    bounds: Tensor


@dataclass(frozen=True)
class ReducedPoints:
    """Prepared points that are posed by a basis: ``PreparedPoints`` like any others.

    Attributes:
        whole: the same points, posed by the head itself.
        few: those that the head is asked for.
        basis: the rest.
    """

    whole: PreparedPoints
    few: PreparedPoints
    basis: Basis

    @classmethod
    def of(cls, whole: PreparedPoints, basis: Basis) -> "ReducedPoints":
        """Points ``whole`` with their basis."""
        return cls(whole, whole.subset(basis.asked), basis)

    def pose(self, expressions: Tensor) -> Posed:
        """Pose the points by expression codes ``[T, E]``, consecutive frames of one motion."""
        return self.decode(expressions).posed

    def subset(self, indices: Tensor) -> PreparedPoints:
        """Some of the points, at different indices ``[M]``; few points need no basis."""
        return self.whole.subset(indices)

    @torch.no_grad()
    def decode(self, expressions: Tensor) -> Decoded:
        """Pose the points by expression codes ``[T, E]``, and say how far off they may be."""
        chunks = [self._decode(codes) for codes in expressions.to(self.basis.middle.device).split(FRAMES_PER_CHUNK)]
        points, converged, bounds = (torch.cat(each) for each in zip(*chunks, strict=True))
        return Decoded(Posed(points, converged), bounds)

    def _decode(self, codes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        basis, found = self.basis, self.basis.ask(self.few, codes)
        points, bounds = basis.interpolate(found.points)
        converged = torch.ones(points.shape[:2], dtype=torch.bool, device=points.device)
        converged.index_copy_(1, basis.asked, found.converged)
        doubtful = ~((bounds <= basis.tolerance) & found.converged[:, : basis.probes].all(dim=1))
        if bool(doubtful.any()):
            exact = _near(self.whole, codes[doubtful], points[doubtful])
            points[doubtful], converged[doubtful] = exact.points, exact.converged
            bounds = bounds.masked_fill(doubtful, 0.0)
        return points, converged, bounds


def _near(points: PreparedPoints, codes: Tensor, foreseen: Tensor) -> Posed:
    """Points posed by codes ``[T, E]``, from where they are foreseen ``[T, N, 3]`` if that helps them."""
    if not isinstance(points, ForeseeablePoints):
        return points.pose(codes)
    found = points.pose_near(codes, foreseen)
    lost = ~found.converged.all(dim=1)
    if bool(lost.any()):
        followed = points.pose(codes[lost])
        found.points[lost], found.converged[lost] = followed.points, followed.converged
    return found
