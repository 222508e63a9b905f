"""How well a motion model follows held-out utterances: mouth and lids, through the real sampler."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from facetalk.motion.takes import MotionModel
from training.motion_corpus import MEASURES, CodeSpace, MotionCorpus, Utterance

TOUCH = 0.02  # of the outer eye corners' distance: an inner-lip height below it is a closed mouth
BLINKED = 0.5  # of the neutral lid opening: below it an eye counts as shut


@dataclass(frozen=True)
class Curves:
    """``MEASURES`` over time ``[T, 4]`` of one utterance, generated and true."""

    name: str
    generated: Tensor
    true: Tensor


def held_out_lines(corpora: Sequence[MotionCorpus], limit: int) -> list[tuple[MotionCorpus, Utterance]]:
    """At most ``limit`` held-out utterances, evenly spread over the corpora."""
    lines = [(corpus, line) for corpus in corpora for line in corpus.utterances if line.held_out]
    chosen = np.linspace(0, len(lines) - 1, min(limit, len(lines))).round().astype(int)
    return [lines[index] for index in chosen]


def generate_curves(
    model: MotionModel,
    space: CodeSpace,
    lines: Sequence[tuple[MotionCorpus, Utterance]],
    *,
    guidance: float | None = None,
    steps: int | None = None,
    seed: int = 0,
) -> list[Curves]:
    """One take of every utterance beside the truth."""
    curves = []
    for number, (corpus, line) in enumerate(lines):
        features, weights = corpus.read(line, 0, line.frames)
        codes = model.sample(features, seed=seed + number, guidance=guidance, steps=steps).cpu()
        curves.append(Curves(line.name, space.measures(codes), space.measures(weights @ space.rig_to_code)))
    return curves


def scores(curves: Sequence[Curves], space: CodeSpace, rate: int) -> dict[str, float]:
    """What the curves say of a model.

    Args:
        curves: at least one.
        space: of the codes.
        rate: of the curves, per second.

    Returns:
        ``*_correlation``: median over utterances of Pearson's r at lag 0; ``closure_recall``,
        ``closure_precision``: over all frames, lips closed as in the truth; ``lip_jitter``: root mean square
        of the lip height's second difference over the truth's; ``lip_deviation``: its standard deviation over
        the truth's (below 1: mumbled); ``blinks_per_minute`` and ``true_blinks_per_minute``.
    """
    height, eye = MEASURES.index("lip_height"), MEASURES.index("left_eye")
    generated = torch.cat([each.generated for each in curves])
    true = torch.cat([each.true for each in curves])
    closed, truly = generated[:, height] < TOUCH, true[:, height] < TOUCH
    both = (closed & truly).sum().item()
    lid = BLINKED * space.measures_at_rest[eye]
    return {
        "lip_height_correlation": _median_correlation(curves, height),
        "mouth_width_correlation": _median_correlation(curves, MEASURES.index("mouth_width")),
        "closure_recall": both / max(truly.sum().item(), 1),
        "closure_precision": both / max(closed.sum().item(), 1),
        "lip_jitter": _jitter([each.generated[:, height] for each in curves])
        / _jitter([each.true[:, height] for each in curves]),
        "lip_deviation": (generated[:, height].std() / true[:, height].std()).item(),
        "blinks_per_minute": _blinks(generated[:, eye], lid, rate),
        "true_blinks_per_minute": _blinks(true[:, eye], lid, rate),
    }


def _median_correlation(curves: Sequence[Curves], measure: int) -> float:
    pairs = [torch.stack([each.generated[:, measure], each.true[:, measure]]) for each in curves]
    return float(np.median([torch.corrcoef(pair)[0, 1].item() for pair in pairs if pair[1].std() > 0]))


def _jitter(heights: list[Tensor]) -> float:
    return torch.cat([height.diff(n=2) for height in heights]).square().mean().sqrt().item()


def _blinks(opening: Tensor, limit: Tensor, rate: int) -> float:
    shut = opening < limit
    starts = (shut[1:] & ~shut[:-1]).sum().item()
    return starts * 60 * rate / len(opening)
