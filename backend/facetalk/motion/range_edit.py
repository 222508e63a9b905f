"""Range edits: some frames of a take sampled again, all others kept bit by bit, with poses held where they are set."""

from collections.abc import Mapping

import torch
from torch import Tensor

from facetalk.errors import UserError
from facetalk.motion.samplers import KnownFrames
from facetalk.motion.style import ANY_STYLE, Style
from facetalk.motion.takes import MotionModel, TakeCallback

BORDER = 10  # frames over which the new frames lead to those that stay, and to a pose that is held
NO_POSES: Mapping[int, Tensor] = {}


def edit_range(
    model: MotionModel,
    features: Tensor,
    codes: Tensor,
    edited: range,
    *,
    seed: int,
    poses: Mapping[int, Tensor] = NO_POSES,
    guidance: float | None = None,
    steps: int | None = None,
    style: Style = ANY_STYLE,
    callback: TakeCallback | None = None,
) -> Tensor:
    """Sample some frames of a take again.

    The new frames know those around them, and the poses. Some of the frames around are sampled again too, though not
    kept: where they differ from the old ones, the difference fades out into the new frames, so that no border jumps.

    Args:
        model: what samples.
        features: ``[T, D]``.
        codes: the take ``[T, E]``.
        edited: the frames to sample again.
        seed: of the new frames.
        poses: codes ``[E]`` by frame of the take, within ``edited``: the face has exactly this pose in this frame.
        guidance, steps, style, callback: as for ``MotionModel.stream``.

    Returns:
        Codes ``[T, E]``, bit-equal outside ``edited`` and in the poses.

    Raises:
        UserError: the range is empty or not within the take, a pose is not within the range, or a setting is out of
            range.
    """
    _require_inside(edited, len(codes), poses)
    reach = 2 * model.settings.context
    first, last = max(0, edited.start - reach), min(len(codes), edited.stop + reach)
    place = torch.arange(first, last, device=codes.device)
    kept = (place < edited.start - BORDER) | (place >= edited.stop + BORDER)
    around = codes[first:last].clone()
    held = [frame - first for frame in sorted(poses)]
    for frame in held:
        around[frame] = poses[frame + first].to(around)
    kept[held] = True
    fresh = model.sample(
        features[first:last],
        seed=seed,
        guidance=guidance,
        steps=steps,
        style=style,
        known=KnownFrames(around, kept),
        callback=callback,
    )
    inside = slice(edited.start - first, edited.stop - first)
    offsets = _border_offsets(around - fresh, inside) + _pose_offsets(fresh, held)
    offsets[held] = 0.0
    result = codes.clone()
    result[edited.start : edited.stop] = (fresh + offsets)[inside]
    return result


def _require_inside(edited: range, frames: int, poses: Mapping[int, Tensor]) -> None:
    if not 0 <= edited.start < edited.stop <= frames:
        raise UserError(
            f"The frames {edited.start} to {edited.stop} are not within a take of {frames}: choose a range inside."
        )
    outside = [frame for frame in poses if frame not in edited]
    if outside:
        raise UserError(
            f"The pose at frame {outside[0]} is not within the frames {edited.start} to {edited.stop} that are sampled "
            "again: move it, or widen the range."
        )


def _border_offsets(error: Tensor, inside: slice) -> Tensor:
    """What fades the error of ``[T, E]`` at the last frames before and after a range out into it, ``[T, E]``.

    It leaves as fast as it was changing (a cubic Hermite spline): a border is seen by its jerk before its jump.
    """
    frame = torch.arange(len(error), device=error.device)
    offsets = torch.zeros_like(error)
    sides = ((inside.start - 1, -1, frame - inside.start), (inside.stop, 1, inside.stop - 1 - frame))
    for border, outwards, distance in sides:
        if not 0 <= border < len(error):
            continue
        before = min(max(border + outwards, 0), len(error) - 1)
        share = ((distance + 1.0) / (BORDER + 1.0)).clamp(0.0, 1.0)[:, None]
        speed = (BORDER + 1.0) * (error[border] - error[before])
        offsets += error[border] * _fading(distance + 1.0)[:, None] + speed * share * (1.0 - share) ** 2
    return offsets


def _pose_offsets(codes: Tensor, held: list[int]) -> Tensor:
    """What leads the frames ``[T, E]`` around every held one to it, ``[T, E]``.

    The sampled neighbours need not have come all the way: a pose may be one that this speech would never have.
    """
    frame = torch.arange(len(codes), device=codes.device)
    offsets = torch.zeros_like(codes)
    for pose in held:
        beside = [each for each in (pose - 1, pose + 1) if 0 <= each < len(codes) and each not in held]
        if beside:
            missing = codes[pose] - codes[beside].mean(dim=0)
            offsets += missing * _fading((frame - pose).abs() - 1.0)[:, None]
    return offsets


def _fading(distance: Tensor) -> Tensor:
    """1 at a distance of 0 frames and less, 0 from one more than `BORDER` on, smooth between."""
    share = (distance / (BORDER + 1.0)).clamp(0.0, 1.0)
    return 1.0 - share * share * (3.0 - 2.0 * share)
