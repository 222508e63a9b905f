"""Making a reduced basis out of poses, and certifying it on poses it has not seen."""

import logging
from dataclasses import replace

import torch
from scipy.linalg import qr
from torch import Tensor

from facetalk.errors import UserError
from facetalk.head.head import MILLIMETRES
from facetalk.head.parametric_head import PreparedPoints
from facetalk.topology.reduced_basis import Basis, Certificate, ForeseeablePoints

TOLERANCE = 0.1 / MILLIMETRES  # head units
MODES = (24, 40, 60, 90, 130)  # tried one after the other
FOLLOWED = 0.5  # of the tolerance: the head is asked for points that modes do not follow as closely
ROUNDS = 2  # of finding modes without these points, and these points
CHOOSING = 4  # every so many poses choose points and checks; the others make modes
CLOSE = 0.8  # of the tolerance: a bound beyond it may be beyond the whole of it in other frames
GAIN = 0.8  # of the points asked: a basis of more modes must do with so many
SAMPLINGS = (1, 2)  # of points, tried one after the other: more are steadier where the head's points are not exact
RANK = 1e-4  # of the largest singular value of codes: what is less is no direction that they go
CHECKS = 40
COVERED = 0.5  # of a frame's largest error: a check that sees so much stands for the frame
SAFETY = 1.75  # on what was seen of errors between probes
FOLLOWED_LEAST = 0.7  # of the points: if modes follow fewer, one might as well ask for all
REFERRED_LIMIT = 0.05  # of the frames that may be left to the head itself
MEMORY_LIMIT = 1 << 30  # bytes of poses; making a basis takes some three times as much

log = logging.getLogger(__name__)


@torch.no_grad()
def build_basis(
    points: PreparedPoints, codes: Tensor, held_out: Tensor, always: Tensor, tolerance: float = TOLERANCE
) -> Basis | None:
    """Make the smallest basis that keeps a tolerance, or, where points are dear, one that asks for the fewest.

    Args:
        points: N points as the head itself poses them.
        codes: expression codes ``[S, E]`` of all kinds that will be posed.
        held_out: others of the same kinds ``[T, E]``; half of them tell probes from errors, half certify.
        always: points that the head is asked for in any case, such as rims that must meet ``[R]``.
        tolerance: how far off a point may be, head units.

    Returns:
        The basis, or None if no basis of few modes keeps the tolerance: then the head itself must be asked.

    Raises:
        UserError: the poses do not fit into memory.
    """
    whole, trials, asked = _pose(points, codes, held_out, always)
    choosing = torch.arange(len(whole)) % CHOOSING == CHOOSING - 1
    middle = whole[~choosing].mean(dim=0)
    poses = whole - middle
    best: Basis | None = None
    least = torch.inf
    dear = isinstance(points, ForeseeablePoints)  # each is found by many evaluations of networks
    for count in MODES:
        if 2 * count > int((~choosing).sum()) or (best is not None and not dear):
            break
        followed, modes = _followed(poses, choosing, ~asked, count, tolerance)
        log.info("%d modes follow %.1f %% of the points", count, 100.0 * len(followed) / len(middle))
        if len(followed) < FOLLOWED_LEAST * len(middle):
            continue
        for samplings in SAMPLINGS if dear else SAMPLINGS[-1:]:
            basis = _interpolating(middle, poses[choosing], followed, modes, tolerance, samplings)
            few = points.subset(basis.asked)
            if isinstance(few, ForeseeablePoints):
                basis = replace(basis, foresight=_foresight(codes, whole[:, basis.asked]))
            found = basis.ask(few, held_out).points
            basis = _certified(basis, found, trials)
            price = _asked_a_frame(basis, found)
            if _keeps(basis) and price < GAIN * least:
                best, least = basis, price
    return best


def _keeps(basis: Basis) -> bool:
    """Whether a basis keeps its tolerance without the head's help in most frames."""
    certificate = basis.certificate
    off, referred = certificate.maximum * MILLIMETRES, 100.0 * certificate.referred
    log.info("%d points asked: %.3f mm off at most, %.1f %% of frames referred", len(basis.asked), off, referred)
    return certificate.maximum <= basis.tolerance and certificate.referred <= REFERRED_LIMIT


def _asked_a_frame(basis: Basis, found: Tensor) -> float:
    """How many points the head is asked for in a frame on average, if it poses those itself whose bound is close.

    Args:
        basis: with its factor.
        found: where the head puts the points that it is asked for, in frames that made no modes ``[T, A, 3]``.
    """
    close = basis.interpolate(found)[1] > CLOSE * basis.tolerance
    return len(basis.asked) + float(close.float().mean()) * len(basis.middle)


def _foresight(codes: Tensor, found: Tensor) -> Tensor:
    """The linear map ``[E + 1, 3 A]`` from codes ``[S, E]``, and a 1, to points ``[S, A, 3]`` by least squares."""
    told = torch.cat([codes, torch.ones_like(codes[:, :1])], dim=1).double()
    return (torch.linalg.pinv(told, rtol=RANK) @ found.flatten(1).double()).to(found)


def _pose(points: PreparedPoints, codes: Tensor, held_out: Tensor, always: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Poses ``[S, N, 3]``, trials ``[T, N, 3]``, and which points are always asked for ``[N]``, bool."""
    first = points.pose(codes[:1]).points
    if (len(codes) + len(held_out)) * first.nbytes > MEMORY_LIMIT:
        raise UserError(f"{first.shape[1]} points are too many for a reduced basis: use a template with fewer.")
    posed, tried = points.pose(codes), points.pose(held_out)
    # What root finding loses now and then must not be a sample.
    asked = ~(posed.converged.all(dim=0) & tried.converged.all(dim=0))
    asked[always] = True
    return posed.points, tried.points, asked


def _followed(poses: Tensor, choosing: Tensor, free: Tensor, count: int, tolerance: float) -> tuple[Tensor, Tensor]:
    """Indices of the points that so many modes follow ``[n]``, of those that are ``free [N]``; and the modes there."""
    followed = free.nonzero()[:, 0]
    for _ in range(ROUNDS):
        moved = poses[:, followed].flatten(1)
        modes = principal_modes(moved[~choosing], count)
        off = (moved - moved @ modes.T @ modes).view(len(moved), -1, 3).norm(dim=2).amax(dim=0)
        close = off <= FOLLOWED * tolerance
        followed, modes = followed[close], modes.view(count, -1, 3)[:, close].flatten(1)
    return followed, modes


def _interpolating(
    middle: Tensor, chosen: Tensor, followed: Tensor, modes: Tensor, tolerance: float, samplings: int
) -> Basis:
    """A basis that still lacks its certificate.

    Args:
        middle: mean pose ``[N, 3]``.
        chosen: displacements from it that choose points and checks ``[T, N, 3]``.
        followed: indices of the points that the modes follow ``[n]``.
        modes: ``[M, 3 n]``.
        tolerance: head units.
        samplings: see ``sample_points``.
    """
    samples = sample_points(modes, samplings)
    coefficients = torch.linalg.pinv(_at(modes, samples).double()).to(modes)
    moved = chosen[:, followed]
    guess = moved[:, samples].flatten(1) @ coefficients @ modes
    probes = torch.cat([samples, _checks((moved - guess.view_as(moved)).norm(dim=2), samples)])
    others = torch.ones_like(middle[:, 0], dtype=torch.bool).index_fill(0, followed, False)
    asked = torch.cat([followed[probes], others.nonzero()[:, 0]])
    everywhere = torch.zeros(len(modes), *middle.shape).to(modes).index_copy(1, followed, modes.view(len(modes), -1, 3))
    return Basis(
        middle=middle,
        modes=everywhere.index_fill(1, asked, 0.0).flatten(1),
        coefficients=coefficients,
        asked=asked,
        probe_modes=_at(modes, probes),
        foresight=modes.new_empty(0, 3 * len(asked)),
        factor=1.0,
        tolerance=tolerance,
        certificate=Certificate(0.0, 0.0, 0.0, 0.0, 0),
    )


def principal_modes(displacements: Tensor, count: int) -> Tensor:
    """Orthonormal principal modes ``[M, D]`` of displacements ``[S, D]``, by the eigenvectors of their Gram matrix."""
    strength, vectors = torch.linalg.eigh((displacements @ displacements.T).double())
    strength, vectors = strength[-count:], vectors[:, -count:]
    return (vectors / strength.clamp(min=1e-12).sqrt()).T.to(displacements) @ displacements


def sample_points(modes: Tensor, samplings: int) -> Tensor:
    """Points at which modes ``[M, 3 n]`` are told apart best ``[S]``: pivoted QR, so many times among what is left.

    Three coordinates of twice as many points as a basis needs make it the steadier.
    """
    chosen, left = [], torch.arange(modes.shape[1] // 3, device=modes.device)
    for _ in range(samplings):
        pivots = qr(_at(modes, left).cpu().numpy(), mode="r", pivoting=True)[1][: len(modes)]
        best = torch.zeros_like(left, dtype=torch.bool)
        best[torch.from_numpy(pivots // 3).long().to(left.device)] = True
        chosen.append(left[best])
        left = left[~best]
    return torch.cat(chosen)


def _checks(off: Tensor, samples: Tensor) -> Tensor:
    """Points that show in what frames a basis fails ``[C]``, from how far off every point of a frame is ``[T, n]``.

    The point that is farthest off comes first; frames that it shows are left out until others have had their turn.
    """
    chosen: list[int] = []
    off = off.index_fill(1, samples, 0.0)
    worst = off.amax(dim=1)
    left = off.clone()
    while len(chosen) < CHECKS and float(worst.max()) > 0.0:
        point = int(left.amax(dim=0).argmax())
        chosen.append(point)
        left[off[:, point] >= COVERED * worst] = 0.0
        if float(left.max()) == 0.0:
            off[:, chosen] = 0.0
            worst, left = off.amax(dim=1), off.clone()
    return torch.tensor(chosen, dtype=torch.long, device=off.device)


def _certified(basis: Basis, found: Tensor, trials: Tensor) -> Basis:
    """The basis with its factor, by every other of some trials ``[T, N, 3]``, and its certificate, by those between.

    ``found [T, A, 3]`` is where the head puts the points that it is asked for.
    """
    points, least = basis.interpolate(found)
    off = (points - trials).norm(dim=2)
    factor = SAFETY * float((off[::2].amax(dim=1) / least[::2]).max())
    off, bounds = off[1::2], factor * least[1::2]
    kept = bounds <= basis.tolerance
    certificate = Certificate(
        maximum=float((off.amax(dim=1) * kept).max()),
        mean=float((off.mean(dim=1) * kept).mean()),
        referred=1.0 - float(kept.float().mean()),
        bounded=float((off.amax(dim=1) <= bounds).float().mean()),
        frames=len(off),
    )
    return replace(basis, factor=factor, certificate=certificate)


def _at(modes: Tensor, points: Tensor) -> Tensor:
    """Modes ``[M, 3 n]`` at some of their points: ``[M, 3 S]``."""
    return modes.view(len(modes), -1, 3)[:, points].flatten(1)
