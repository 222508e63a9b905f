"""What recordings have and synthetic speech lacks: other vocal tracts, rooms, noise, telephones, loudness.

Every change but `change_vocal_tract` leaves times as they are (filters are zero-phase, rooms keep the direct
sound first), and that one scales them exactly. Samples are float32 ``[S]``, 16 kHz mono.
"""

from collections.abc import Callable

import numpy as np
import soxr
from numpy.typing import NDArray
from scipy import fft
from scipy.signal import butter, fftconvolve, sosfiltfilt

from facetalk.clip import SAMPLE_RATE

Samples = NDArray[np.float32]


def change_vocal_tract(samples: Samples, factor: float) -> Samples:
    """Play ``factor`` times faster: pitch and formants rise by ``factor``, every time is divided by it."""
    return np.asarray(soxr.resample(samples, SAMPLE_RATE * factor, SAMPLE_RATE), np.float32)


def record(samples: Samples, rng: np.random.Generator) -> tuple[Samples, dict[str, float | str]]:
    """The clean sound as some microphone might have heard it, and what was done to it."""
    done: dict[str, float | str] = {}
    if rng.random() < 0.4:
        done["tilt_db"] = float(rng.uniform(-8.0, 8.0))
        samples = _tilt(samples, float(done["tilt_db"]))
    if rng.random() < 0.35:
        done["room_seconds"] = float(rng.uniform(0.12, 0.6))
        samples = _room(samples, float(done["room_seconds"]), rng)
    if rng.random() < 0.6:
        kind, snr_db = str(rng.choice(list(NOISES))), float(rng.uniform(5.0, 35.0))
        done |= {"noise": kind, "noise_snr_db": snr_db}
        samples = add_noise(samples, NOISES[kind], snr_db, rng)
    if rng.random() < 0.1:
        done["band_hz"] = "300-3400"
        samples = band_limited(samples, (300.0, 3400.0))
    done["level_db"] = float(rng.uniform(-34.0, -14.0))
    return _set_level(samples, float(done["level_db"])), done


def white_noise(count: int, rng: np.random.Generator) -> Samples:
    """Noise of equal power at every frequency, about unit size."""
    return rng.standard_normal(count).astype(np.float32)


def rumble(count: int, rng: np.random.Generator) -> Samples:
    """Noise that falls by 3 dB an octave, as fans and traffic do, about unit size."""
    spectrum = fft.rfft(rng.standard_normal(count))
    spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), 1.0))
    return _unit(fft.irfft(spectrum, count))


def hum(count: int, rng: np.random.Generator) -> Samples:
    """A mains-like or engine-like tone with overtones, about unit size."""
    times = np.arange(count) / SAMPLE_RATE
    pitch = rng.uniform(45.0, 220.0)
    total = sum(np.sin(2 * np.pi * (k * pitch * times + rng.uniform())) / k for k in range(1, 9))
    return _unit(np.asarray(total))


def music(count: int, rng: np.random.Generator) -> Samples:
    """Plucked chords, one or two a second, about unit size."""
    times = np.arange(count) / SAMPLE_RATE
    total = np.zeros(count)
    onset = 0.0
    while onset < count / SAMPLE_RATE:
        since = np.maximum(times - onset, 0.0)
        envelope = np.where(times >= onset, np.exp(-since / rng.uniform(0.2, 0.8)), 0.0)
        for semitone in (0, rng.integers(3, 5), 7):
            pitch = 110.0 * 2.0 ** ((rng.integers(0, 24) + semitone) / 12)
            total += envelope * (np.sin(2 * np.pi * pitch * since) + 0.4 * np.sin(4 * np.pi * pitch * since))
        onset += rng.uniform(0.3, 1.2)
    return _unit(total)


def breath(count: int, rng: np.random.Generator) -> Samples:
    """Breathing without voice: noise of 300 to 3000 Hz that swells and fades, of unit size at most."""
    times = np.arange(count) / SAMPLE_RATE
    swell = np.clip(np.sin(2 * np.pi * (rng.uniform(0.25, 0.5) * times + rng.uniform())), 0.0, 1.0) ** 2
    return np.asarray(swell * band_limited(white_noise(count, rng), (300.0, 3000.0)), np.float32)


NOISES: dict[str, Callable[[int, np.random.Generator], Samples]] = {
    "white": white_noise,
    "rumble": rumble,
    "hum": hum,
    "music": music,
}


def add_noise(
    samples: Samples,
    noise: Callable[[int, np.random.Generator], Samples],
    snr_db: float,
    rng: np.random.Generator,
) -> Samples:
    """``samples`` with noise ``snr_db`` below their loud parts."""
    gain = _loudness(samples) * 10 ** (-snr_db / 20)
    return np.asarray(samples + gain * noise(len(samples), rng), np.float32)


def _room(samples: Samples, decay_seconds: float, rng: np.random.Generator) -> Samples:
    """Reverberation that falls by 60 dB in ``decay_seconds`` behind an undelayed direct sound."""
    times = np.arange(int(decay_seconds * SAMPLE_RATE)) / SAMPLE_RATE
    tail = rng.standard_normal(len(times)) * 10 ** (-3.0 * times / decay_seconds)
    tail[: int(rng.uniform(0.002, 0.012) * SAMPLE_RATE)] = 0.0
    tail *= rng.uniform(0.15, 0.7) / np.linalg.norm(tail)
    tail[0] = 1.0
    return np.asarray(fftconvolve(samples, tail)[: len(samples)], np.float32)


def _tilt(samples: Samples, decibels: float) -> Samples:
    """Turn treble up and bass down by ``decibels`` around 1 kHz, or the reverse."""
    spectrum = fft.rfft(samples)
    frequency = fft.rfftfreq(len(samples), 1 / SAMPLE_RATE)
    octaves = np.log2(np.clip(frequency, 60.0, 7000.0) / 1000.0)
    return np.asarray(fft.irfft(spectrum * 10 ** (decibels * octaves / 3 / 20), len(samples)), np.float32)


def band_limited(samples: Samples, band: tuple[float, float]) -> Samples:
    """What of ``samples`` lies between two frequencies in Hz, without delay."""
    sections = butter(4, band, "bandpass", fs=SAMPLE_RATE, output="sos")
    return np.asarray(sosfiltfilt(sections, samples), np.float32)


def _set_level(samples: Samples, decibels: float) -> Samples:
    """Scale to ``decibels`` of full scale in the loud parts, never clipping."""
    gain = 10 ** (decibels / 20) / max(_loudness(samples), 1e-9)
    peak = float(np.abs(samples).max(initial=0.0)) * gain
    return np.asarray(samples * gain / max(1.0, peak / 0.99), np.float32)


def _loudness(samples: Samples) -> float:
    """Root mean square over the loudest half of 20 ms blocks, so that pauses don't count."""
    blocks = samples[: len(samples) // 320 * 320].reshape(-1, 320)
    power = np.sort((blocks**2).mean(axis=1))
    return float(np.sqrt(power[len(power) // 2 :].mean())) if len(power) else 0.0


def _unit(samples: NDArray[np.float64]) -> Samples:
    return np.asarray(samples / max(float(samples.std()), 1e-9), np.float32)
