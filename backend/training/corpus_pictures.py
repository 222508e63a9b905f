"""Look at the corpus: spectrograms of its lines with the phones on them, and what the lips do meanwhile.

    python -m training.corpus_pictures work/speech_corpus --output out/corpus

One picture per engine and language, and one each of whispered, shouted and sung speech. A boundary that does not sit
on a change of the spectrogram is a wrong time.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facetalk.clip import SAMPLE_RATE
from facetalk.errors import UserError
from training.face_layer import face
from training.feature_layer import FACE_RATE, part_lines, read_lines
from training.files import read_json
from training.phone_prominence import prominent_phones
from training.phones import PAUSE, Phone
from training.rig import RIG_CONTROLS
from training.voices import Alphabet, Segment

SHOWN_SECONDS = 4.0
CURVES = ("jawOpen", "mouthClose", "mouthPucker", "mouthStretch_L", "mouthRollLower")


@dataclass(frozen=True)
class Picture:
    """A line to draw: the sound as it was encoded, its phones and the face's weights ``[F, R]``."""

    title: str
    samples: NDArray[np.float32]
    phones: tuple[Phone, ...]
    weights: NDArray[np.float16]


def pictures(folder: Path) -> Iterator[Picture]:
    """The first spoken line of every engine and language, and the first of every other manner.

    Raises:
        UserError: the folder holds no corpus, or one that is damaged.
    """
    manifest = read_json(folder / "manifest.json")
    seen: set[tuple[str, ...]] = {("no speech",)}
    for name, number, copy in manifest["parts"]:
        voice = manifest["voices"][name]
        lines = read_lines(folder / "features" / name, number, copy)
        for index, line in enumerate(lines):
            manner = line["manner"]
            kind = (voice["engine"], voice["language"]) if manner == "spoken" else (manner,)
            if kind in seen:
                continue
            seen.add(kind)
            sound = part_lines(folder / "speech" / name, number, copy, manifest["seed"])[index].samples
            yield _picture(line, name, voice["alphabet"], manifest["seed"], sound)


def _picture(line: dict[str, Any], voice: str, alphabet: Alphabet, seed: int, sound: NDArray[np.float32]) -> Picture:
    segments = [Segment(symbol, start, end) for symbol, start, end, _ in line["segments"]]
    phones = prominent_phones(segments, [level for *_, level in line["segments"]], alphabet)
    # Matplotlib's font has no Devanagari.
    text = line["text"][:90] if not any(character >= "\u0900" for character in line["text"]) else ""
    title = f"{voice}, {line['manner']}, {line['emotion']} {line['strength']:.1f}: {text}"
    return Picture(title, sound, phones, face(line, alphabet, seed)[0])


def draw(picture: Picture, path: Path) -> None:
    """Write the beginning of a line, from shortly before it speaks, as PNG."""
    from matplotlib.figure import Figure

    first = next((phone.start for phone in picture.phones if phone.name != PAUSE), 0.0)
    start = max(first - 0.2, 0.0)
    figure = Figure(figsize=(18, 8), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    quiet = 1e-5 * np.random.default_rng(0).standard_normal(len(picture.samples))
    above.specgram(picture.samples + quiet, NFFT=320, Fs=SAMPLE_RATE, noverlap=256, cmap="magma", vmin=-110)
    for phone in picture.phones:
        if start <= phone.start < start + SHOWN_SECONDS:
            above.axvline(phone.start, color="cyan", linewidth=0.8)
            middle = (phone.start + phone.end) / 2
            above.text(middle, 7600, phone.name, color="white", ha="center", clip_on=True, fontsize=13)
    times = np.arange(len(picture.weights)) / FACE_RATE
    for name in CURVES:
        below.plot(times, picture.weights[:, RIG_CONTROLS.index(name)], label=name)
    above.set(title=picture.title, xlim=(start, start + SHOWN_SECONDS), ylim=(0, 8000), ylabel="Hz")
    below.set(ylim=(0, 1), xlabel="s")
    below.legend(loc="upper right", ncols=len(CURVES))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=60)


def main() -> None:
    """Draw from the command line."""
    parser = argparse.ArgumentParser(prog="python -m training.corpus_pictures", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="of the corpus")
    parser.add_argument("--output", type=Path, required=True, help="folder for the pictures")
    options = parser.parse_args()
    try:
        for picture in pictures(options.folder):
            draw(
                picture, options.output / f"{picture.title.partition(':')[0].replace(', ', '-').replace(' ', '-')}.png"
            )
    except UserError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
