"""Join the sample line from three consecutive LibriVox recordings that Debian ships::

apt-get download pocketsphinx-testdata
dpkg -x pocketsphinx-testdata_*.deb testdata
python -m training.make_sample_line testdata/usr/share/pocketsphinx/test/data/librivox
"""

import argparse
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from facetalk.presets import presets_folder

SAMPLE_RATE = 16000
SENTENCES = ("0870", "0880", "0890")
CROSS_FADE = 160  # samples; the recordings begin and end in the room's tone, 10 ms of it hide the joint

NOTICE = """\
librivox_sense_and_sensibility.flac

"And Mister John Dashwood had then leisure to consider how much there might be prudently in his power
to do for them. He was not an ill disposed young man, unless to be rather cold hearted and rather selfish
is to be ill disposed."

Text: Jane Austen, Sense and Sensibility (1811), chapter 1; public domain.
Recording: read by a volunteer for LibriVox (https://librivox.org), whose recordings are in the public domain.
Source: the files sense_and_sensibility_01_austen_64kb-0870.wav, -0880.wav and -0890.wav of the Debian
package pocketsphinx-testdata 0.8+5prealpha+1-15, which states for all its files:
    Copyright 1995-2014 Carnegie Mellon University, 2014-2015 Alpha Cephei Inc.; BSD-2-Clause.
Changes: joined in order with cross-fades of 10 ms, stored as FLAC (backend/training/make_sample_line.py).
"""


def join(pieces: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Join sounds ``[S]`` end to end, cross-faded over ``CROSS_FADE`` samples."""
    fade_in = (np.arange(CROSS_FADE) + 0.5) / CROSS_FADE
    line = pieces[0]
    for piece in pieces[1:]:
        seam = line[-CROSS_FADE:] * (1 - fade_in) + piece[:CROSS_FADE] * fade_in
        line = np.concatenate([line[:-CROSS_FADE], seam, piece[CROSS_FADE:]])
    return line


def make_sample_line(recordings: Path, folder: Path) -> None:
    """Write the sample line and its notice.

    Args:
        recordings: folder of the LibriVox files of ``pocketsphinx-testdata``, 16 kHz mono.
        folder: where the FLAC and the text file go.
    """
    paths = [recordings / f"sense_and_sensibility_01_austen_64kb-{sentence}.wav" for sentence in SENTENCES]
    line = join([soundfile.read(path)[0] for path in paths])
    folder.mkdir(parents=True, exist_ok=True)
    soundfile.write(folder / "librivox_sense_and_sensibility.flac", line, SAMPLE_RATE, "PCM_16")
    (folder / "librivox_sense_and_sensibility.txt").write_text(NOTICE, encoding="utf-8")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Join the sample line from Debian's pocketsphinx-testdata.")
    parser.add_argument("recordings", type=Path, help="its folder usr/share/pocketsphinx/test/data/librivox")
    parser.add_argument("--out", type=Path, default=presets_folder() / "samples")
    arguments = parser.parse_args()
    make_sample_line(arguments.recordings, arguments.out)


if __name__ == "__main__":
    main()
