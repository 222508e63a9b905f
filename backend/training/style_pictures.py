"""A picture of the styles that feel something: ``python -m training.style_pictures --output docs/pictures``.

One line is spoken in each by one face, from one seed, and shown at the same two moments: where the plain mouth is
widest open, and in the quiet after the words, where only the feeling is left.
"""

import argparse
import logging
from pathlib import Path

import numpy as np

from facetalk.animate import Animator
from facetalk.clip import SAMPLE_RATE, Clip, load_clip
from facetalk.evaluation.measures import LEFT_EYE, LIP_HEIGHT, face_curves
from facetalk.motion.style import NEUTRAL
from facetalk.motion.style_preset import list_styles, load_style
from facetalk.presets import presets_folder
from facetalk.take import TakeSettings
from training.picture_sheet import Shot, Sitting, write_sheet

ACTOR = "bela"  # nothing hangs into the face
SAMPLE = "samples/librivox_sense_and_sensibility.flac"
SHEET, COLUMNS, TILE = "styles", 4, 320
PLAIN = "neutral"
QUIET = 1.0  # seconds appended: the face comes to rest in them

log = logging.getLogger(__name__)


def performed(animator: Animator, clip: Clip) -> Sitting:
    """The actor in every style with a feeling, at the widest mouth and after the words.

    Raises:
        UserError: a style cannot be read.
    """
    rate = animator.motion.speech.rate
    names = [PLAIN, *(name for name in list_styles() if load_style(name).style.emotion not in (None, NEUTRAL))]
    settings = {name: TakeSettings(identity=ACTOR, fps=float(rate), style=name) for name in names}
    takes = {
        name: np.concatenate([batch.vertices for batch in animator.frames(clip, settings[name])]) for name in names
    }
    face = animator.mesh(ACTOR)
    widest = int(face_curves(takes[PLAIN], face)[:, LIP_HEIGHT].argmax())
    poses, captions = [], []
    for name, vertices in takes.items():
        # In the last second, where no blink hides the eyes.
        after = len(vertices) - rate + int(face_curves(vertices[-rate:], face)[:, LEFT_EYE].argmax())
        poses += [vertices[widest], vertices[after]]
        captions += [name, f"{name}, after"]
    return Sitting(face, np.stack(poses), tuple(Shot(caption, pose, "front") for pose, caption in enumerate(captions)))


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Render a picture of the styles that feel something.")
    parser.add_argument("--output", type=Path, default=Path("docs/pictures"), help="the folder it goes to")
    parser.add_argument("--speech", type=Path, default=presets_folder() / SAMPLE, help="the line that is spoken")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    options.output.mkdir(parents=True, exist_ok=True)
    line = load_clip(options.speech)
    quiet = np.zeros(round(QUIET * SAMPLE_RATE), np.float32)
    sitting = performed(Animator.load(), Clip(np.concatenate([line.samples, quiet])))
    count = write_sheet(options.output / f"{SHEET}.png", [sitting], COLUMNS, TILE)
    log.info("%s: %d pictures", SHEET, count)


if __name__ == "__main__":
    main()
