"""Turn recordings with tracked landmarks into a corpus: speech features and the rig weights of a real face.

    python -m training.fit_recordings --data GRID_S1 --output work/grid_corpus

The face is captured as `facetalk fit` does it. The tongue, which no camera sees, and what lips do for it and on the
teeth, which landmarks do not show, follow the articulation model for the phones that are heard. See "Real lips" in
``docs/training.md``.
"""

import argparse
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from facetalk import presets
from facetalk.capture.fit_report import report_fit
from facetalk.capture.fitted_head import FittedHead
from facetalk.capture.performance import MAPPED, RATE, capture
from facetalk.clip import SAMPLE_RATE
from facetalk.errors import UserError
from facetalk.head.head import Head
from facetalk.topology.template import Template
from training import augmentation, tongue_motion
from training.aligned_recordings import load_sentences
from training.corpus_writer import Recorded, require_new, write_corpus
from training.lip_contact import contact
from training.phones import Phone
from training.rig import RIG_CONTROLS
from training.rounded_lips import round_further
from training.speech_option import add_speech_option, chosen_encoder
from training.thinned_blinks import thin_blinks
from training.tracked_recordings import Recordings, load_recordings
from training.unseen_lips import bite, make_room

log = logging.getLogger(__name__)

FloatArray = NDArray[np.float64]

VOICE = "grid_s1"
SOURCES = [
    "sound and lips of speaker s1 of the GRID audiovisual sentence corpus, M. Cooke, J. Barker, S. Cunningham, "
    "X. Shao, J. Acoust. Soc. Am. 120, 2006, https://doi.org/10.5281/zenodo.3625687, CC BY 4.0; tracked, fitted "
    "to this head, joined and altered in sound",
]
HELD_OUT = 100
COPIES = 3
SINGLE_SHARE = 0.12  # of the lines: one sentence, as recorded; the others join some
CLEAN_SHARE = 0.2  # of the lines: the sound as recorded
LINE_SECONDS = 8.0  # a line is complete with the sentence that takes it beyond: mostly one window of the encoder
MARGIN = (0.2, 0.6)  # seconds kept around what is spoken in a joined sentence
GAP = (0.1, 0.6)  # seconds of silence between two
FADE = 80  # samples
PRECISION = 1.0  # of the tongue
SAMPLES_PER_FRAME = SAMPLE_RATE // RATE


class Piece(NamedTuple):
    """Sound ``[S]`` and rig weights ``[frames, R]`` of the same stretch, S = frames * 320."""

    samples: NDArray[np.float32]
    weights: FloatArray


class Line(NamedTuple):
    """One utterance of the corpus; ``recording`` says what was done to its sound."""

    piece: Piece
    name: str
    text: str
    split: str
    recording: dict[str, float | str]


def fit_faces(recordings: Recordings, head: FittedHead) -> FloatArray:
    """Rig weights ``[clips, frames at 50 Hz, R]`` of all recordings; the tongue, which nobody sees, is at rest."""
    frames = recordings.samples.shape[1] // SAMPLES_PER_FRAME
    performances = capture(recordings.landmarks, head)
    report = report_fit(performances, head)
    log.info("lip height r %.3f (worst %.3f)", report.lip_correlation, report.worst_lip_correlation)
    log.info("closures: recall %.3f, precision %.3f", report.closure_recall, report.closure_precision)
    for name, error in report.regions.items():
        log.info("%s: %.2f %% of the eyes' distance, %.2f pixels", name, error.percent, error.pixels)
    # A camera's last picture may end before the sound.
    return np.stack([each.weights[np.minimum(np.arange(frames), len(each.weights) - 1)] for each in performances])


def move_unseen(weights: FloatArray, names: list[str], sentences: Mapping[str, Sequence[Phone]]) -> int:
    """Let tongues, and lips on teeth and about tongues, do what the articulation model has them do, in place.

    Args:
        weights: ``[clips, frames, R]``.
        names: of the clips.
        sentences: the phones of each clip that could be aligned; in others tongues rest and lips stay as tracked.

    Returns:
        how many clips were aligned.
    """
    times = np.arange(weights.shape[1]) / RATE
    aligned = [place for place, name in enumerate(names) if name in sentences]
    for place in aligned:
        phones = sentences[names[place]]
        weights[place] = bite(weights[place], contact(phones, times).bite)
        for control, curve in tongue_motion.weights(phones, times, PRECISION).items():
            weights[place, :, RIG_CONTROLS.index(control)] = np.clip(curve, 0.0, 1.0)
        weights[place] = make_room(weights[place], phones, times)
    return len(aligned)


def lines(recordings: Recordings, weights: FloatArray, copies: int, seed: int) -> Iterator[Line]:
    """The corpus' utterances: held-out sentences as recorded, then ``copies`` of the others, joined and altered.

    Whisper's features depend on what is said before and after and on how a sentence begins, so that features of
    lone sentences are not those of long takes. Every copy has its own order and its own sounds.
    """
    clips = [Piece(samples, curves) for samples, curves in zip(recordings.samples, weights, strict=True)]
    training = len(clips) - HELD_OUT
    for clip in range(training, len(clips)):
        yield Line(clips[clip], recordings.names[clip], recordings.texts[clip], "held_out", {})
    for copy in range(copies):
        generator = np.random.default_rng([seed, copy])
        for number, group in enumerate(_groups(recordings, clips[:training], generator)):
            chosen, piece = group
            altered, recording = _altered(piece, generator)
            text = " ".join(recordings.texts[clip] for clip in chosen)
            yield Line(altered, f"copy{copy}_{number:04d}", text, "train", recording)


def _groups(
    recordings: Recordings, clips: list[Piece], generator: np.random.Generator
) -> Iterator[tuple[list[int], Piece]]:
    """All clips in a random order, alone or joined: which, and the piece they make."""
    waiting = [int(clip) for clip in generator.permutation(len(clips))]
    while waiting:
        if generator.random() < SINGLE_SHARE:
            clip = waiting.pop()
            yield [clip], clips[clip]
            continue
        chosen: list[int] = []
        pieces: list[Piece] = []
        while waiting and sum(len(piece.weights) for piece in pieces) < LINE_SECONDS * RATE:
            chosen.append(waiting.pop())
            pieces.append(_trimmed(clips[chosen[-1]], recordings.speech[chosen[-1]], generator))
        yield chosen, join(pieces, generator)


def _trimmed(piece: Piece, speech: tuple[float, float], generator: np.random.Generator) -> Piece:
    """What is spoken, and some of the silence around it."""
    first = max(0, round((speech[0] - generator.uniform(*MARGIN)) * RATE))
    last = min(len(piece.weights), round((speech[1] + generator.uniform(*MARGIN)) * RATE))
    samples = piece.samples[first * SAMPLES_PER_FRAME : last * SAMPLES_PER_FRAME].copy()
    ramp = np.linspace(0.0, 1.0, FADE, dtype=np.float32)
    samples[:FADE] *= ramp
    samples[-FADE:] *= ramp[::-1]
    return Piece(samples, piece.weights[first:last])


def join(pieces: list[Piece], generator: np.random.Generator) -> Piece:
    """Pieces one after the other, in the silences between them the face goes from one to the next."""
    samples, weights = [pieces[0].samples], [pieces[0].weights]
    for piece in pieces[1:]:
        frames = round(generator.uniform(*GAP) * RATE)
        share = (1.0 - np.cos(np.pi * (np.arange(frames) + 0.5) / frames))[:, None] / 2.0
        weights += [(1.0 - share) * weights[-1][-1] + share * piece.weights[0], piece.weights]
        samples += [np.zeros(frames * SAMPLES_PER_FRAME, np.float32), piece.samples]
    return Piece(np.concatenate(samples), np.concatenate(weights))


def _altered(piece: Piece, generator: np.random.Generator) -> tuple[Piece, dict[str, float | str]]:
    """The piece as another vocal tract, room and microphone would have it; sometimes as it is."""
    if generator.random() < CLEAN_SHARE:
        return piece, {}
    factor = float(np.exp(generator.normal(0.0, 0.11)))
    samples, recording = augmentation.record(augmentation.change_vocal_tract(piece.samples, factor), generator)
    frames = -(-len(samples) // SAMPLES_PER_FRAME)
    known = np.arange(len(piece.weights))
    times = np.arange(frames) * factor
    weights = np.stack([np.interp(times, known, curve) for curve in piece.weights.T], axis=1)
    return Piece(samples, weights), {"vocal_tract": factor, **recording}


def recorded(utterances: Iterator[Line]) -> Iterator[Recorded]:
    """The utterances as a corpus has them."""
    for line in utterances:
        entry = {
            "name": line.name,
            "voice": VOICE,
            "text": line.text,
            "language": "en",
            "source": "GRID s1",
            "recorded": True,
            "split": line.split,
            "recording": line.recording,
        }
        yield Recorded(line.piece.samples, line.piece.weights, entry)


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.fit_recordings", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the tracked recordings")
    parser.add_argument(
        "--head", type=Path, default=presets.preset(presets.HEAD), help="head bundle whose codes are to be learned"
    )
    parser.add_argument("--output", type=Path, required=True, help="folder for the corpus")
    parser.add_argument("--copies", type=int, default=COPIES, help="joined and altered copies of every sentence")
    parser.add_argument("--seed", type=int, default=0, help="of every draw")
    add_speech_option(parser)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        require_new(options.output)
        recordings = load_recordings(options.data)
        model, template = Head.load(options.head, torch.device("cpu")), Template.load(presets.preset(presets.TOPOLOGY))
        head = FittedHead(model, template, model.identity("average"), MAPPED)
        encoder = chosen_encoder(options.speech)
        weights = thin_blinks(fit_faces(recordings, head), RATE, np.random.default_rng(options.seed))
        sentences = {each.name: each.phones for each in load_sentences(options.data)}
        log.info(
            "%d of %d sentences move tongues, too", move_unseen(weights, recordings.names, sentences), len(weights)
        )
        utterances = recorded(lines(recordings, round_further(weights), options.copies, options.seed))
        write_corpus(options.output, utterances, encoder, SOURCES)
    except UserError as error:
        log.error("%s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
