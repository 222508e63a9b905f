"""Generated lines to look at while reading the sound: mouths under their phones, spectrogram, lips and lids.

    python -m training.line_pictures --corpus work/speech_corpus --output work/line_pictures
    python -m training.line_pictures --prompts SOUNDS TEXTS --output work/line_pictures

Lines are of voices that no training has heard, takes are those of seed 0 of the embedded models.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facetalk.animate import Animator
from facetalk.clip import SAMPLE_RATE, Clip
from facetalk.errors import UserError
from facetalk.evaluation.measures import CLOSED, CURVE_RATE, LEFT_EYE, LIP_HEIGHT, face_curves
from facetalk.output_file import written_whole
from facetalk.take import TakeSettings
from facetalk.topology.template import FaceMesh
from training.closure_check import held_out_lines
from training.phone_prominence import spelling
from training.picture_sheet import Shot, Sitting, take_pictures
from training.prompt_recordings import aligned_prompts
from training.voices import SILENCE, Alphabet, Segment, Speech

MOUTHS = 14  # in a picture: about 1.5 s of speech
SHORTEST = 0.03  # seconds: of what is over sooner there is no mouth to see
TILE = 150  # pixels
MOUTH = "lip_upper"  # the vertex group that is looked at
BEFORE = 0.15  # seconds of sound shown before the first phone and after the last


@dataclass(frozen=True)
class Line:
    """A line and the voice that speaks it."""

    name: str
    speech: Speech
    alphabet: Alphabet


def shown_segments(speech: Speech) -> list[Segment]:
    """The first `MOUTHS` phones of a line that are long enough to see.

    Raises:
        UserError: nothing is spoken.
    """
    spoken = [each for each in speech.segments if each.symbol != SILENCE and each.end - each.start >= SHORTEST]
    if not spoken:
        raise UserError("Nothing is spoken in this line: choose another.")
    return spoken[:MOUTHS]


def generate(animator: Animator, line: Line) -> tuple[FaceMesh, NDArray[np.float32]]:
    """The face, and the posed vertices ``[T, V, 3]`` of a take at ``CURVE_RATE``."""
    settings = TakeSettings(fps=float(CURVE_RATE))
    frames = animator.frames(Clip(line.speech.samples), settings)
    return animator.mesh(settings.identity), np.concatenate([batch.vertices for batch in frames])


def draw(animator: Animator, line: Line, path: Path) -> None:
    """Write the picture of one line as PNG.

    Raises:
        UserError: nothing is spoken in it, or Blender cannot render.
    """
    segments = shown_segments(line.speech)
    face, vertices = generate(animator, line)
    middles = [round((each.start + each.end) / 2 * CURVE_RATE) for each in segments]
    poses = vertices[np.minimum(middles, len(vertices) - 1)]
    shots = tuple(Shot(each.symbol, place, "front", MOUTH) for place, each in enumerate(segments))
    mouths = take_pictures(Sitting(face, poses, shots), TILE)
    with written_whole(path) as staged:
        _compose(line, segments, mouths, face_curves(vertices, face), staged)


def _compose(
    line: Line, segments: list[Segment], mouths: list[Image.Image], curves: NDArray[np.float32], path: Path
) -> None:
    from matplotlib.figure import Figure

    start, end = max(segments[0].start - BEFORE, 0.0), segments[-1].end + BEFORE
    figure = Figure(figsize=(18, 9), layout="constrained")
    strip, sound, lips = figure.subplots(3, 1, height_ratios=(1.1, 2, 1.2))
    strip.imshow(np.concatenate([np.asarray(mouth) for mouth in mouths], axis=1))
    middles = [(place + 0.5) * TILE for place in range(len(mouths))]
    names = ["".join(spelling(each.symbol, line.alphabet).names) for each in segments]
    strip.set_xticks(middles, [f"{name}  {each.start:.2f}" for name, each in zip(names, segments, strict=True)])
    strip.set(yticks=[], title=line.name)
    quiet = 1e-5 * np.random.default_rng(0).standard_normal(len(line.speech.samples))
    sound.specgram(line.speech.samples + quiet, NFFT=320, Fs=SAMPLE_RATE, noverlap=256, cmap="magma", vmin=-110)
    for axes in (sound, lips):
        for each in segments:
            axes.axvline(each.start, color="teal", linewidth=0.8)
    for name, each in zip(names, segments, strict=True):
        sound.text((each.start + each.end) / 2, 7500, name, color="white", ha="center", fontsize=13)
    sound.set(xlim=(start, end), ylim=(0, 8000), ylabel="Hz")
    times = np.arange(len(curves)) / CURVE_RATE
    lips.plot(times, curves[:, LIP_HEIGHT], label="inner-lip height")
    lips.plot(times, curves[:, LEFT_EYE], label="left eye")
    lips.axhline(CLOSED, color="grey", linestyle=":", label="touch")
    lips.set(xlim=(start, end), xlabel="s")
    lips.legend(loc="upper right", ncols=3)
    figure.savefig(path, dpi=60, format="png")


def lines(corpus: Path | None, prompts: tuple[Path, Path] | None, count: int) -> Iterator[Line]:
    """At most ``count`` lines of every held-out voice, and of recorded prompts."""
    for voice, spoken in [] if corpus is None else held_out_lines(corpus):
        for number, (speech, alphabet) in enumerate(spoken[:count]):
            yield Line(f"{voice}-{number}", speech, alphabet)
    if prompts is not None:
        for name, speech in islice(aligned_prompts(*prompts), count):
            yield Line(f"{prompts[0].name}-{name.replace('/', '-')}", speech, "arpabet")


def main(arguments: list[str] | None = None) -> int:
    """Draw from the command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.line_pictures", description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, help="corpus whose held-out voices speak")
    parser.add_argument("--prompts", type=Path, nargs=2, metavar=("SOUNDS", "TEXTS"), help="recorded prompts")
    parser.add_argument("--lines", type=int, default=3, help="of every voice")
    parser.add_argument("--output", type=Path, required=True, help="folder for the pictures")
    options = parser.parse_args(arguments)
    if options.corpus is None and options.prompts is None:
        parser.error("say --corpus FOLDER, or --prompts SOUNDS TEXTS")
    try:
        options.output.mkdir(parents=True, exist_ok=True)
        animator = Animator.load()
        for line in lines(options.corpus, options.prompts, options.lines):
            draw(animator, line, options.output / f"{line.name}.png")
            sys.stdout.write(f"{line.name}\n")
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
