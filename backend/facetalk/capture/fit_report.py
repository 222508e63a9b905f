"""How well a performance shows what was seen."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from facetalk.capture.fitted_head import FittedHead
from facetalk.capture.performance import Performance
from facetalk.capture.speaker import SHUT

TOLERANCE = 2  # frames of 50 Hz: one of a 25 fps camera

FloatArray = NDArray[np.float64]


class RegionError(NamedTuple):
    """Reprojection error of a region's landmarks, root mean square over points, mean over frames."""

    percent: float  # of the distance of the outer eye corners
    pixels: float  # of the picture


class FitReport(NamedTuple):
    """Quality over recordings, frames without a face left out.

    Attributes:
        regions: by name.
        lip_correlation: of the inner-lip height with the tracked one, median over recordings.
        worst_lip_correlation: of the worst recording.
        closure_recall: share of the frames with tracked lips shut near which the head's are shut.
        closure_precision: share of the frames with the head's lips shut near which the tracked ones are shut.
        bridged: share of frames without a face.
    """

    regions: dict[str, RegionError]
    lip_correlation: float
    worst_lip_correlation: float
    closure_recall: float
    closure_precision: float
    bridged: float


def report_fit(performances: Sequence[Performance], head: FittedHead) -> FitReport:
    """Measure performances on the head they were fitted to.

    Definitions are those of ``docs/measures.md``; the inner-lip height is the head's, as it is posed.
    """
    heights = [head.curves(each.weights)[:, 0] for each in performances]
    correlations = [
        _correlation(height[~each.bridged], each.tracked_height[~each.bridged])
        for height, each in zip(heights, performances, strict=True)
    ]
    ours, theirs, seen = [], [], []
    for height, each in zip(heights, performances, strict=True):
        ours.append((height < SHUT, _near(height < SHUT)))
        theirs.append((each.tracked_height < SHUT, _near(each.tracked_height < SHUT)))
        seen.append(~each.bridged)
    known = np.concatenate(seen)
    (shut, near_shut), (tracked, near_tracked) = (
        tuple(np.concatenate(each)[known] for each in zip(*flags, strict=True)) for flags in (ours, theirs)
    )
    return FitReport(
        regions={name: _region(performances, name) for name in performances[0].errors},
        lip_correlation=float(np.nanmedian(correlations)),
        worst_lip_correlation=float(np.nanmin(correlations)),
        closure_recall=_share(near_shut[tracked]),
        closure_precision=_share(near_tracked[shut]),
        bridged=float(np.mean(~known)),
    )


def _region(performances: Sequence[Performance], name: str) -> RegionError:
    percent = np.concatenate([each.errors[name][~each.bridged] for each in performances])
    pixels = np.concatenate([(each.errors[name] * each.pixels)[~each.bridged] for each in performances])
    return RegionError(float(percent.mean()), float(pixels.mean()))


def _correlation(first: FloatArray, second: FloatArray) -> float:
    if len(first) < 2 or min(first.std(), second.std()) < 1e-9:
        return float("nan")
    return float(np.corrcoef(first, second)[0, 1])


def _near(flags: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.convolve(flags, np.ones(2 * TOLERANCE + 1), mode="same") > 0


def _share(flags: NDArray[np.bool_]) -> float:
    return float(flags.mean()) if len(flags) else float("nan")
