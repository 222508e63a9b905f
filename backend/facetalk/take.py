"""A take: what it is asked to be, and the frames it becomes.

Free of torch, so that the service can answer before the models are loaded.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facetalk.errors import UserError

BALD = "bald"  # the hair of a head without any
FRAMES, CACHE, COMPACT, RIG = "frames", "cache", "compact", "rig"
FORMS = (FRAMES, CACHE, COMPACT, RIG)  # that a take may come in
LARGEST_KEYS = 4 * 10**9  # bytes of shape keys: Blender holds them all, and twice while it saves them
VERTEX_BYTES = 12
FINEST_MM, COARSEST_MM = 0.01, 10.0  # that a compact take may be held to


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
        template: a mesh of the user's own that performs; ``None`` for the default one.
        head: an imported head that performs in place of the embedded one; ``None`` for that.
        form: what comes of it: ``FRAMES`` as they are, a shape key each, or in a file beside the .blend (``CACHE``); or
            keys with curves, as few as keep a tolerance (``COMPACT``) or by the names of a rig (``RIG``).
        tolerance_mm: millimetres that a vertex may be off in the compact form; those of lips and lids half as far.
    """

    identity: str = "average"
    seed: int = 0
    fps: float = 25.0
    guidance: float | None = None
    steps: int | None = None
    intensity: float = 1.0
    hair: str | None = None
    style: str | None = None
    template: str | None = None
    head: str | None = None
    form: str = FRAMES
    tolerance_mm: float = 0.1


@dataclass(frozen=True)
class FrameBatch:
    """Consecutive frames of a take.

    Attributes:
        first: index of the first frame; frame ``i`` belongs to ``i / fps`` seconds after the clip's start.
        vertices: float32 ``[n, V, 3]`` metres, z up, looking along -Y.
    """

    first: int
    vertices: NDArray[np.float32]


@dataclass(frozen=True)
class KeyedTake:
    """A take as relative shape keys, each with a curve.

    Attributes:
        names: of the N keys, all different.
        lowest: the least weight that each is made for ``[N]``: 0, or -1 for keys that work both ways. The most is 1.
        offsets: what a weight of 1 moves ``[N, V, 3]``, in the mesh's units and axes.
        curves: weights in every frame ``[F, N]``.
        error_mm: millimetres that no vertex of any frame is farther off than.
    """

    names: tuple[str, ...]
    lowest: tuple[float, ...]
    offsets: NDArray[np.float32]
    curves: NDArray[np.float32]
    error_mm: float


def require_style(style: str | None, styles: Sequence[str]) -> None:
    """Check a wish for a style.

    Args:
        style: as in ``TakeSettings.style``.
        styles: the styles there are.

    Raises:
        UserError: there is no such style.
    """
    _require_one_of("style", style, styles, "this motion model knows none, leave it out")


def require_hair(hair: str | None, styles: Sequence[str]) -> None:
    """Check a wish for hair.

    Args:
        hair: as in ``TakeSettings.hair``.
        styles: the hair styles there are.

    Raises:
        UserError: there is no such style.
    """
    _require_one_of("hair style", hair, (BALD, *styles))


def require_template(template: str | None, templates: Sequence[str]) -> None:
    """Check a wish for a template.

    Args:
        template: as in ``TakeSettings.template``.
        templates: the names there are.

    Raises:
        UserError: there is no such template.
    """
    _require_one_of("template", template, templates, "make it first", besides=", or make it")


def require_head(head: str | None, heads: Sequence[str]) -> None:
    """Check a wish for an imported head.

    Args:
        head: as in ``TakeSettings.head``.
        heads: the names there are.

    Raises:
        UserError: there is no such head.
    """
    _require_one_of("imported head", head, heads, "import one first")


def _require_one_of(what: str, wish: str | None, names: Sequence[str], if_none: str = "", besides: str = "") -> None:
    """Check a wish for one of the ``names``; ``if_none`` says what to do where there are none."""
    if wish is not None and wish not in names:
        known = f"choose one of {', '.join(names)}{besides}" if names else if_none
        raise UserError(f"There is no {what} {wish}: {known}.")


def require_form(form: str) -> None:
    """Check a wish for a form.

    Raises:
        UserError: there is no such form.
    """
    if form not in FORMS:
        raise UserError(f"A take cannot come as {form}: choose one of {', '.join(FORMS)}.")


def frame_bytes(frame_count: int, vertex_count: int) -> int:
    """What the vertices of so many frames take."""
    return frame_count * vertex_count * VERTEX_BYTES


def require_keys_fit(frame_count: int, vertex_count: int) -> None:
    """Check that every frame may become a shape key.

    Raises:
        UserError: Blender would hold more than ``LARGEST_KEYS`` of them.
    """
    size = frame_bytes(frame_count, vertex_count)
    if size > LARGEST_KEYS:
        raise UserError(
            f"{frame_count:,} frames are {size / 1e9:.1f} GB of shape keys, which Blender holds all at once: ask for "
            "the compact form, for a point cache, or for less of the sound."
        )


def require_tolerance(millimetres: float) -> None:
    """Check how closely a compact take is to be held.

    Raises:
        UserError: it is too little for single precision, or more than a face bears.
    """
    if not FINEST_MM <= millimetres <= COARSEST_MM:
        raise UserError(
            f"A compact take cannot be held to {millimetres:g} mm: choose from {FINEST_MM:g} to {COARSEST_MM:g} mm."
        )
