"""Turn recordings with tracked landmarks into a corpus: speech features and the rig weights of a real face.

    python -m training.fit_recordings --data GRID_S1 --head presets/heads/facetalk-head --output work/grid_corpus

Lips and jaw are solved for on the head whose codes are to be learned; lids and brows follow their tracked
heights; gaze, which the tracker cannot tell, is drawn as in the synthetic corpus. The tongue is not seen and
stays at rest. See "Real lips" in ``docs/training.md``.
"""

import argparse
import json
import logging
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from facetalk import presets
from facetalk.bundle import read_bundle
from facetalk.clip import SAMPLE_RATE
from facetalk.errors import UserError
from facetalk.speech.whisper_encoder import FEATURE_SIZE, WhisperEncoder
from training import augmentation
from training.corpora import FORMAT, Encoder
from training.rig import RIG_CONTROLS
from training.rig_fit import fit_weights
from training.tracked_face import TrackedFace, measure_face, without_drift
from training.upper_face import FRAME_RATE, upper_face

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
MOST_MISSING = 5  # frames of a sentence without a face
SAMPLES_PER_FRAME = SAMPLE_RATE // FRAME_RATE

# Tracked lips that are shut measure 0.005 to 0.015 on this speaker and hardly ever 0.02 to 0.03: the contour
# under-reads narrow openings. From OPEN on it is taken at its word.
SHUT, OPEN = 0.017, 0.030
# Shut in speech, lips press a little on each other, so that the blur of what learns from them leaves them shut.
PRESSED = -0.008
DRIFT = 20.0  # frames of 50 Hz; sentences come at a word in 15

# What the solver may use, left and right together: one speaker's lopsidedness is not worth learning. The cost
# says how far from being the obvious choice a control is; the jaw explains a chin that drops.
MOUTH_COST = {
    "jawOpen": 0.004,
    "mouthClose": 0.006,
    "mouthFunnel": 0.020,
    "mouthPucker": 0.002,
    "mouthStretch": 0.002,
    "mouthSmile": 0.003,
    "mouthUpperUp": 0.003,
    "mouthLowerDown": 0.003,
    "mouthPress": 0.015,
    "mouthRollLower": 0.012,
    "mouthRollUpper": 0.012,
    "mouthShrugLower": 0.015,
}
IMPORTANCE = {
    "lip_height": 40.0,
    "mouth_width": 12.0,
    "upper_lip": 2.0,
    "lower_lip": 2.0,
    "corners": 1.0,
    "chin": 1.5,
}
SMOOTHNESS = 0.002

# Heights of the brows at a weight of 1, over the distance of the outer eye corners, on ICT-FaceKit's mean head.
BROW_INNER_UP, BROW_OUTER_UP, BROW_DOWN = 0.067, 0.087, 0.041
BROW_NOISE = 0.004


class Recordings(NamedTuple):
    """Sentences of one speaker.

    Attributes:
        samples: ``[clips, S]``, 16 kHz.
        face: tracked at ``fps``.
        speech: start and end in seconds of what is spoken in each clip.
    """

    samples: NDArray[np.float32]
    face: TrackedFace
    fps: float
    speech: list[tuple[float, float]]
    names: list[str]
    texts: list[str]


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


@dataclass(frozen=True)
class HeadResponse:
    """What rig controls do to the measured points of a head, over the distance of its outer eye corners."""

    points: FloatArray  # [R, 9, 3]

    @classmethod
    def load(cls, head: Path) -> Self:
        """Read it from a head bundle.

        Raises:
            UserError: the bundle is missing, damaged, or was trained without a rig.
        """
        bundle = read_bundle(head, "head")
        rig_to_code = bundle.tensor("rig_to_code", (len(RIG_CONTROLS), None)).double()
        to_points = bundle.tensor("code_to_points", (rig_to_code.shape[1], 9, 3)).double()
        distance = bundle.tensor("eye_distance", ()).double()
        return cls((torch.einsum("re,epx->rpx", rig_to_code, to_points) / distance).numpy())

    def measures(self, control: str) -> FloatArray:
        """Change ``[len(IMPORTANCE)]`` of the mouth's measures for a weight of 1, both sides together."""
        rows = [RIG_CONTROLS.index(name) for name in sides(control)]
        upper, lower, left, right, *_, chin = self.points[rows].sum(axis=0)
        corners = (left[1] + right[1]) / 2
        return np.array([upper[1] - lower[1], left[0] - right[0], upper[1], lower[1], corners, chin[1]])


def sides(control: str) -> list[str]:
    """The rig controls that a control without a side stands for."""
    return [name for name in RIG_CONTROLS if name in (control, f"{control}_L", f"{control}_R")]


def load_recordings(folder: Path) -> Recordings:
    """Read a folder of ``audio.flac``, ``landmarks.npz`` and ``words.json``.

    Raises:
        UserError: a part is missing or damaged, or they do not fit together.
    """
    try:
        samples, rate = soundfile.read(folder / "audio.flac", dtype="float32")
        words = json.loads((folder / "words.json").read_text(encoding="utf-8"))
        with np.load(folder / "landmarks.npz", allow_pickle=False) as file:
            tracked = dict(file)
    except (OSError, ValueError, soundfile.LibsndfileError) as error:
        raise UserError(f"{folder} holds no tracked recordings that can be read: {error}") from error
    clips = len(tracked["landmarks"])
    if rate != SAMPLE_RATE or samples.ndim != 1 or len(samples) % clips:
        raise UserError(f"{folder / 'audio.flac'} is not {clips} mono clips of one length at 16 kHz.")
    missing = (tracked["landmarks"] == tracked["missing"]).any(axis=(2, 3))
    kept = np.flatnonzero(missing.sum(axis=1) <= MOST_MISSING)
    landmarks = tracked["landmarks"][kept] * np.float64(tracked["scale"])
    names = [str(tracked["names"][clip]) for clip in kept]
    return Recordings(
        samples.reshape(clips, -1)[kept],
        measure_face(landmarks, tracked["index"].tolist(), missing[kept]),
        float(tracked["fps"]),
        [_speech_span(words[name]) for name in names],
        names,
        [" ".join(word for *_, word in words[name] if word != "sil") for name in names],
    )


def _speech_span(words: list[tuple[float, float, str]]) -> tuple[float, float]:
    """Start and end in seconds of what is spoken; the whole line where nothing is."""
    spoken = [(start, end) for start, end, word in words if word != "sil"] or [(words[0][0], words[-1][1])]
    return spoken[0][0], spoken[-1][1]


def fit_faces(recordings: Recordings, response: HeadResponse, generator: np.random.Generator) -> FloatArray:
    """Rig weights ``[clips, frames at 50 Hz, R]`` of all recordings."""
    clips, samples = recordings.samples.shape
    face = _at_frame_rate(recordings.face, recordings.fps, samples // SAMPLES_PER_FRAME)
    weights = np.zeros((clips, face.measures.shape[1], len(RIG_CONTROLS)))
    targets = mouth_targets(face, _silent(recordings.speech, face.measures.shape[1]))
    solved = fit_weights(
        targets,
        np.stack([response.measures(control) for control in MOUTH_COST]),
        np.array(list(IMPORTANCE.values())),
        np.array(list(MOUTH_COST.values())),
        SMOOTHNESS,
    )
    for place, control in enumerate(MOUTH_COST):
        for name in sides(control):
            weights[..., RIG_CONTROLS.index(name)] = solved[..., place]
    for curves in weights:
        gaze = upper_face([], [], len(curves), generator)
        for name in (name for name in RIG_CONTROLS if name.startswith("eyeLook")):
            curves[:, RIG_CONTROLS.index(name)] = gaze[name]
    for name, curve in (_lids(face) | _brows(face)).items():
        weights[..., RIG_CONTROLS.index(name)] = curve
    return np.clip(weights, 0.0, 1.0)


def mouth_targets(face: TrackedFace, silent: NDArray[np.bool_]) -> FloatArray:
    """What the head's mouth shall do: ``[clips, frames, len(IMPORTANCE)]``, changes from the neutral face.

    Args:
        face: at 50 Hz.
        silent: ``[clips, frames]``, where nobody speaks: the speaker's rest is the median of shut lips there.
    """
    tracked = face.curve("lip_height")
    resting = silent & (tracked < SHUT)
    if not resting.any():
        raise UserError("The recordings show no silent frame with shut lips: there is no rest to start from.")
    height = opening(tracked, silent)
    width = face.curve("mouth_width") - np.median(face.curve("mouth_width")[resting])
    drivers = np.stack([height, width], axis=-1)
    heights = []
    for name in ("upper_lip", "lower_lip", "corners", "chin"):
        curve = without_drift(face.curve(name), drivers, DRIFT)
        heights.append(curve - np.median(curve[resting]))
    return np.stack([height, width, *heights], axis=-1)


def opening(tracked: FloatArray, silent: NDArray[np.bool_]) -> FloatArray:
    """Inner-lip height as it was, from the tracked one, which is never quite shut; below 0: pressed."""
    grown = np.interp(tracked, [0.0, SHUT, OPEN], [0.0, 0.0, OPEN])
    lips = np.where(tracked > OPEN, tracked, grown)
    return np.where((tracked < SHUT) & ~silent, PRESSED, lips)


def _at_frame_rate(face: TrackedFace, fps: float, frames: int) -> TrackedFace:
    """The face at 50 Hz by cubic splines; beyond the camera's last frame it stays as it is."""
    known = np.arange(face.measures.shape[1]) / fps
    times = np.minimum(np.arange(frames) / FRAME_RATE, known[-1])
    return TrackedFace(CubicSpline(known, face.measures, axis=1)(times))


def _silent(speech: list[tuple[float, float]], frames: int) -> NDArray[np.bool_]:
    times = np.arange(frames) / FRAME_RATE
    return np.array([(times < start) | (times > end) for start, end in speech])


def _lids(face: TrackedFace) -> dict[str, FloatArray]:
    """Blinks: the lids' way from each sentence's open eyes (75th percentile) to the speaker's shut ones (1st)."""
    curves = {}
    for side, name in (("L", "left_eye"), ("R", "right_eye")):
        tracked = face.curve(name)
        wide, shut = np.percentile(tracked, 75.0, axis=1, keepdims=True), np.percentile(tracked, 1.0)
        curves[f"eyeBlink_{side}"] = np.clip((wide - tracked) / np.maximum(wide - shut, 1e-3), 0.0, 1.0)
    return curves


def _brows(face: TrackedFace) -> dict[str, FloatArray]:
    """Brows by their heights over each sentence's median, less what tracking noise alone would lift them."""
    curves = {}
    for side, name in (("L", "left"), ("R", "right")):
        inner, outer = (
            curve - np.median(curve, axis=1, keepdims=True)
            for curve in (face.curve(f"inner_brow_{name}"), face.curve(f"outer_brow_{name}"))
        )
        curves[f"browInnerUp_{side}"] = np.maximum(inner - BROW_NOISE, 0.0) / BROW_INNER_UP
        curves[f"browOuterUp_{side}"] = np.maximum(outer - BROW_NOISE, 0.0) / BROW_OUTER_UP
        curves[f"browDown_{side}"] = np.maximum(-(inner + outer) / 2 - BROW_NOISE, 0.0) / BROW_DOWN
    return curves


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
        while waiting and sum(len(piece.weights) for piece in pieces) < LINE_SECONDS * FRAME_RATE:
            chosen.append(waiting.pop())
            pieces.append(_trimmed(clips[chosen[-1]], recordings.speech[chosen[-1]], generator))
        yield chosen, join(pieces, generator)


def _trimmed(piece: Piece, speech: tuple[float, float], generator: np.random.Generator) -> Piece:
    """What is spoken, and some of the silence around it."""
    first = max(0, round((speech[0] - generator.uniform(*MARGIN)) * FRAME_RATE))
    last = min(len(piece.weights), round((speech[1] + generator.uniform(*MARGIN)) * FRAME_RATE))
    samples = piece.samples[first * SAMPLES_PER_FRAME : last * SAMPLES_PER_FRAME].copy()
    ramp = np.linspace(0.0, 1.0, FADE, dtype=np.float32)
    samples[:FADE] *= ramp
    samples[-FADE:] *= ramp[::-1]
    return Piece(samples, piece.weights[first:last])


def join(pieces: list[Piece], generator: np.random.Generator) -> Piece:
    """Pieces one after the other, in the silences between them the face goes from one to the next."""
    samples, weights = [pieces[0].samples], [pieces[0].weights]
    for piece in pieces[1:]:
        frames = round(generator.uniform(*GAP) * FRAME_RATE)
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


def write_corpus(output: Path, utterances: Iterator[Line], encoder: Encoder) -> None:
    """Encode the lines and write the corpus folder, the manifest last; holds the corpus in memory."""
    features, weights, entries, start = [], [], [], 0
    for line in utterances:
        heard = encoder.encode(line.piece.samples).cpu().numpy().astype(np.float16)
        features.append(heard)
        weights.append(line.piece.weights[: len(heard)].astype(np.float16))
        entries.append(_entry(line, start, len(heard)))
        start += len(heard)
        if len(entries) % 50 == 0:
            log.info("%d lines, %.1f minutes", len(entries), start / FRAME_RATE / 60)
    output.mkdir(parents=True, exist_ok=True)
    np.save(output / "features.npy", np.concatenate(features))
    np.save(output / "rig_weights.npy", np.concatenate(weights))
    manifest = {
        "format": FORMAT,
        "controls": list(RIG_CONTROLS),
        "feature_size": FEATURE_SIZE,
        "rate": FRAME_RATE,
        "sources": SOURCES,
        "utterances": entries,
    }
    partial = output / "manifest.partial"
    partial.write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    partial.replace(output / "manifest.json")


def _entry(line: Line, start: int, frames: int) -> dict[str, Any]:
    return {
        "name": line.name,
        "voice": VOICE,
        "text": line.text,
        "language": "en",
        "source": "GRID s1",
        "split": line.split,
        "start": start,
        "frames": frames,
        "recording": line.recording,
    }


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.fit_recordings", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the tracked recordings")
    parser.add_argument("--head", type=Path, required=True, help="head bundle whose codes are to be learned")
    parser.add_argument("--output", type=Path, required=True, help="folder for the corpus")
    parser.add_argument("--copies", type=int, default=COPIES, help="joined and altered copies of every sentence")
    parser.add_argument("--seed", type=int, default=0, help="of every draw")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        if (options.output / "manifest.json").exists():
            raise UserError(f"{options.output} already holds a corpus: delete it or choose another folder.")
        recordings = load_recordings(options.data)
        response = HeadResponse.load(options.head)
        encoder = WhisperEncoder.load(presets.preset(presets.SPEECH_ENCODER), torch.device("cpu"))
        weights = fit_faces(recordings, response, np.random.default_rng(options.seed))
        write_corpus(options.output, lines(recordings, weights, options.copies, options.seed), encoder)
    except UserError as error:
        log.error("%s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
