"""The pictures of README.md: ``python -m facetalk.export.pictures SPEECH FOLDER``."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from facetalk.animate import Animator
from facetalk.clip import load_clip
from facetalk.evaluation.measures import LEFT_EYE, LIP_HEIGHT, RIGHT_EYE, Curve, face_curves
from facetalk.export.blend_file import write_take
from facetalk.export.blender_process import BlenderProcess
from facetalk.take import TakeSettings

FPS = 25.0
IDENTITY = "ines"
RESOLUTION = "640x640"
NEIGHBOURHOOD = 6  # frames: a shut mouth belongs to m, p or b if it is open this close before and after
TOUCHING = 0.005  # lip heights below it, over the distance of the eyes' outer corners, all look shut


def telling_frames(curves: Curve) -> dict[str, int]:
    """Choose the frames that show what a face must be able to do.

    Args:
        curves: [F, 4] as ``face_curves`` measures them.

    Returns:
        Frame indices of "speaking" (a mouth as open as in one frame of five, the eyes open), "open" (the widest
        mouth), "shut" (where the mouth opens on both sides many times wider than it is, as on m, p and b) and
        "blink" (the narrowest eyes).
    """
    lips = curves[:, LIP_HEIGHT]
    eyes = curves[:, LEFT_EYE] + curves[:, RIGHT_EYE]
    before = [lips[max(0, i - NEIGHBOURHOOD) : i + 1].max() for i in range(len(lips))]
    after = [lips[i : i + NEIGHBOURHOOD + 1].max() for i in range(len(lips))]
    closure = np.minimum(before, after) / np.maximum(lips, TOUCHING)
    from_typical = np.abs(lips - np.quantile(lips, 0.8))
    return {
        "speaking": int(np.where(eyes >= np.median(eyes), from_typical, np.inf).argmin()),
        "open": int(lips.argmax()),
        "shut": int(closure.argmax()),
        "blink": int(eyes.argmin()),
    }


def render_pictures(speech: Path, folder: Path) -> None:
    """Animate a line and render its telling frames with Cycles.

    Args:
        speech: a sound file.
        folder: receives front, side, open, shut, blink and wires, all .png.

    Raises:
        UserError: the speech cannot be used, or a model or Blender is missing.
    """
    animator, clip, settings = Animator.load(), load_clip(speech), TakeSettings(identity=IDENTITY, fps=FPS)
    face = animator.mesh(settings.identity)
    curves = np.concatenate([face_curves(batch.vertices, face) for batch in animator.frames(clip, settings)])
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
            "front": (at["speaking"], "front"),
            "side": (at["speaking"], "side"),
            **{name: (at[name], "front") for name in ("open", "shut", "blink")},
        }
        _render(blend, {folder / f"{name}.png": view for name, view in views.items()})
        _render(blend, {folder / "wires.png": (at["speaking"], "three_quarter")}, "--wires")


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
