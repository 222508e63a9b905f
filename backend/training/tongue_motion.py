"""The tongue of a speaker: by rule, since no camera sees it; it reaches what its consonants need it to touch."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from training.coarticulation import shares
from training.phones import Phone
from training.postures import Tongue, tongue

FloatArray = NDArray[np.float32]

CONTROLS = {"tip": "tongueTipUp", "between": "tongueBetweenTeeth", "back": "tongueBackUp", "forward": "tongueOut"}
# Seconds. The tip is the fastest articulator (Kuehn and Moll, "A cineradiographic study of VC and CV articulatory
# velocities", 1976); contact of a stop, tap or lateral lasts at least two frames and is reached and left this fast.
AHEAD, AFTER = 0.040, 0.030
HOLD, RAMP = 0.045, 0.05
TOUCHING = 0.7  # of any part: it is there to touch


def weights(phones: Sequence[Phone], times: NDArray[np.float64], precision: float) -> dict[str, FloatArray]:
    """Weights ``[T]`` by rig control."""
    share = _shares(phones, times, precision)
    curves = {}
    for place, name in enumerate(Tongue._fields):
        wanted = np.array([tongue(phone.name)[place] for phone in phones])
        curve = share @ wanted
        for phone, height in zip(phones, wanted, strict=True):
            if max(tongue(phone.name)) > TOUCHING:
                curve = np.maximum(curve, height * _contact(phone, times))
        curves[CONTROLS[name]] = curve.astype(np.float32)
    return curves


def _shares(phones: Sequence[Phone], times: NDArray[np.float64], precision: float) -> NDArray[np.float64]:
    alike = torch.ones(len(phones), dtype=torch.float64)
    start = torch.tensor([phone.start for phone in phones], dtype=torch.float64)
    end = torch.tensor([phone.end for phone in phones], dtype=torch.float64)
    ahead, after = alike * (AHEAD / precision), alike * (AFTER / precision)
    return shares(torch.from_numpy(times), start, end, 0.0 * alike, ahead, after, 2.0 * alike[0]).numpy()


def _contact(phone: Phone, times: NDArray[np.float64]) -> NDArray[np.float64]:
    middle, half = (phone.start + phone.end) / 2, max(phone.end - phone.start - RAMP, HOLD) / 2
    outside = np.clip((np.abs(times - middle) - half) / RAMP, 0.0, 1.0)
    return np.asarray(1.0 - outside * outside * (3.0 - 2.0 * outside))
