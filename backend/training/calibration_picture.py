"""What the articulation model does beside what tracked lips did: sound, phones and curves of some sentences."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from facetalk.clip import SAMPLE_RATE
from facetalk.output_file import written_whole
from training.aligned_recordings import AlignedSentence
from training.calibration_report import speak
from training.phones import PAUSE
from training.postures import CHANNELS, Channel

TOP_FREQUENCY = 6000  # Hz
LABELS = {"lip_height": "inner-lip height", "mouth_width": "mouth width"}


def draw_sentences(path: Path, sentences: Sequence[AlignedSentence], table: Mapping[str, Channel]) -> None:
    """Write a .png: for every sentence its spectrogram with phones, and the curves of the model and the tracker."""
    with mpl.rc_context({"font.size": 8, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(11, 4.2 * len(sentences)), layout="constrained")
        axes = figure.subplots(3 * len(sentences), 1, gridspec_kw={"height_ratios": [1.4, 1, 1] * len(sentences)})
        for place, sentence in enumerate(sentences):
            sound, *curves = axes[3 * place : 3 * place + 3]
            _draw_sound(sound, sentence)
            said = speak(sentence, table)
            times = np.arange(len(sentence.tracked)) / sentence.fps
            for channel, (axis, name) in enumerate(zip(curves, LABELS, strict=True)):
                tracked = sentence.tracked[:, CHANNELS.index(name)]
                r = float(np.corrcoef(tracked, said[:, channel])[0, 1])
                axis.plot(times, tracked, color="black", label="tracked")
                axis.plot(times, said[:, channel], color="tab:red", label=f"model, r = {r:.2f}")
                axis.set(xlim=(0.0, times[-1]), ylabel=LABELS[name])
                axis.legend(loc="upper right", frameon=False)
                _mark_phones(axis, sentence)
        with written_whole(path) as staged:
            figure.savefig(staged, dpi=90, format="png")


def _draw_sound(axis: Axes, sentence: AlignedSentence) -> None:
    axis.specgram(sentence.samples + 1e-6, NFFT=400, noverlap=320, Fs=SAMPLE_RATE, cmap="Greys", vmin=-130)
    axis.set(xlim=(0.0, (len(sentence.tracked) - 1) / sentence.fps), ylim=(0, TOP_FREQUENCY), ylabel="Hz")
    axis.set_title(sentence.name, loc="left")
    _mark_phones(axis, sentence)
    for phone in sentence.phones:
        if phone.name != PAUSE:
            middle = (phone.start + phone.end) / 2
            axis.text(middle, TOP_FREQUENCY, phone.name, ha="center", va="bottom", color="tab:blue")


def _mark_phones(axis: Axes, sentence: AlignedSentence) -> None:
    for phone in sentence.phones:
        axis.axvline(phone.start, color="tab:blue", linewidth=0.4, alpha=0.5)
