"""A take: what it is asked to be, and the frames it becomes.

Free of torch, so that the service can answer before the models are loaded.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facetalk.errors import UserError

BALD = "bald"  # the hair of a head without any


@dataclass(frozen=True)
class TakeSettings:
    """What is asked of a take. The same settings and clip give the same take on the same machine.

    Attributes:
        identity: name of the face, one of ``Animator.identities()``.
        seed: which of the many possible performances.
        fps: frames per second of the result; Blender's ``fps / fps_base``.
        guidance: how strictly the motion follows the speech; ``None`` for the model's own value.
        steps: denoising steps; ``None`` for the model's own value.
        intensity: factor on the expression; 0 keeps the face neutral, 1 is as sampled.
        hair: one of ``Animator.hair_styles()``, or ``BALD``; ``None`` for the identity's own.
        style: how to perform, one of ``Animator.styles()``; ``None`` for the plain one.
    """

    identity: str = "average"
    seed: int = 0
    fps: float = 25.0
    guidance: float | None = None
    steps: int | None = None
    intensity: float = 1.0
    hair: str | None = None
    style: str | None = None


@dataclass(frozen=True)
class FrameBatch:
    """Consecutive frames of a take.

    Attributes:
        first: index of the first frame; frame ``i`` belongs to ``i / fps`` seconds after the clip's start.
        vertices: float32 ``[n, V, 3]`` metres, z up, looking along -Y.
    """

    first: int
    vertices: NDArray[np.float32]


def require_style(style: str | None, styles: Sequence[str]) -> None:
    """Check a wish for a style.

    Args:
        style: as in ``TakeSettings.style``.
        styles: the styles there are.

    Raises:
        UserError: there is no such style.
    """
    if style is not None and style not in styles:
        known = f"choose one of {', '.join(styles)}" if styles else "this motion model knows none, leave it out"
        raise UserError(f"There is no style {style}: {known}.")


def require_hair(hair: str | None, styles: Sequence[str]) -> None:
    """Check a wish for hair.

    Args:
        hair: as in ``TakeSettings.hair``.
        styles: the hair styles there are.

    Raises:
        UserError: there is no such style.
    """
    if hair is not None and hair not in (BALD, *styles):
        raise UserError(f"There is no hair style {hair}: choose one of {', '.join((BALD, *styles))}.")
