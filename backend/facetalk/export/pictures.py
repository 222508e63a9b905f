"""The pictures of README.md: ``python -m facetalk.export.pictures SPEECH FOLDER``."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from facetalk.animate import Animator
from facetalk.clip import load_clip
from facetalk.evaluation.measures import CLOSED, LEFT_EYE, LIP_HEIGHT, RIGHT_EYE, Curve, face_curves
from facetalk.export.blend_file import write_take
from facetalk.export.blender_process import BlenderProcess
from facetalk.take import TakeSettings

FPS = 25.0
RESOLUTION = "640x640"
NEIGHBOURHOOD = 6  # frames: a shut mouth belongs to m, p or b if it is open this close before and after


def telling_frames(curves: Curve) -> dict[str, int]:
    """Choose the frames that show what a face must be able to do.

    Args:
        curves: [F, 4] as ``face_curves`` measures them.

    Returns:
        Frame indices of "open" (the widest mouth), "shut" (lips closed between two openings, as on m, p and
        b; the most tightly closed frame if there is none) and "blink" (the narrowest eyes).
    """
    lips = curves[:, LIP_HEIGHT]
    eyes = curves[:, LEFT_EYE] + curves[:, RIGHT_EYE]
    openness = [
        min(lips[max(0, i - NEIGHBOURHOOD) : i + 1].max(), lips[i : i + NEIGHBOURHOOD + 1].max())
        if lip < CLOSED
        else -lip
        for i, lip in enumerate(lips)
    ]
    return {"open": int(lips.argmax()), "shut": int(np.argmax(openness)), "blink": int(eyes.argmin())}


def render_pictures(speech: Path, folder: Path) -> None:
    """Animate a line and render its telling frames with Cycles.

    Args:
        speech: a sound file.
        folder: receives front, side, open, shut, blink and wires, all .png.

    Raises:
        UserError: the speech cannot be used, or a model or Blender is missing.
    """
    animator, clip, settings = Animator.load(), load_clip(speech), TakeSettings(fps=FPS)
    landmarks = animator.mesh(settings.identity).landmarks
    curves = np.concatenate([face_curves(batch.vertices, landmarks) for batch in animator.frames(clip, settings)])
    at = {name: index + 1 for name, index in telling_frames(curves).items()}  # the scene begins at frame 1
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="facetalk-pictures-") as scratch:
        blend = Path(scratch) / "line.blend"
        write_take(
            animator,
            clip,
            settings,
            sound=speech,
            blend=blend,
            video=None,
            progress=lambda stage, fraction: None,
        )
        views = {
            "front": (at["open"], "three_quarter"),
            "side": (at["open"], "side"),
            **{name: (frame, "front") for name, frame in at.items()},
        }
        _render(blend, {folder / f"{name}.png": view for name, view in views.items()})
        _render(blend, {folder / "wires.png": (at["open"], "three_quarter")}, "--wires")


def _render(blend: Path, stills: dict[Path, tuple[int, str]], *options: str) -> None:
    arguments = [f"--still={frame}:{view}:{path}" for path, (frame, view) in stills.items()]
    command: list[str | Path] = [
        "render",
        "--blend",
        blend,
        "--engine",
        "CYCLES",
        "--resolution",
        RESOLUTION,
        *options,
        *arguments,
    ]
    with BlenderProcess(command) as blender:
        for _ in blender.finish():
            pass


if __name__ == "__main__":
    render_pictures(Path(sys.argv[1]), Path(sys.argv[2]))
