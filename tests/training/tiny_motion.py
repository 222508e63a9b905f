"""A head and a corpus that hold only what motion training reads, small enough for seconds."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch

from facetalk.bundle import write_bundle
from facetalk.speech.feature_kind import FeatureKind
from training.motion_recipe import MotionRecipe
from training.rig import RIG_CONTROLS

CODES, FEATURES, LINES, FRAMES = 6, 24, 8, 120
SPEECH = FeatureKind("ears", 50, FEATURES)


def tiny_recipe(expects: bool = False, gestures: bool = False) -> MotionRecipe:
    """The embedded model's recipe with a small network."""
    recipe = MotionRecipe.load("facetalk-speech")
    return replace(
        recipe,
        denoiser=replace(
            recipe.denoiser,
            width=32,
            layers=2,
            alignment_half_width=1,
            expects=expects,
            gesture_width=16 if gestures else 0,
        ),
        sampling=replace(recipe.sampling, window=60),
        training=replace(
            recipe.training,
            minutes=1.0,
            batch=4,
            window=60,
            evaluation_lines=2,
            gesture_steps=60,
            expectation_steps=100,
        ),
    )


def write_head(folder: Path) -> Path:
    """A linear code, and points that move with it."""
    draw = np.random.default_rng(0)
    rest = np.zeros((9, 3))
    rest[[2, 4, 6], [0, 1, 1]] = 0.5
    tensors = {
        "rig_to_code": draw.normal(size=(len(RIG_CONTROLS), CODES)) / 4,
        "code_to_points": draw.normal(size=(CODES, 9, 3)) / 10,
        "points_rest": rest,
        "eye_distance": np.array(1.0),
    }
    write_bundle(
        folder,
        kind="head",
        name="head",
        config={},
        tensors={name: torch.from_numpy(each).float() for name, each in tensors.items()},
        licence="MIT",
        attributions=[],
        training={},
    )
    return folder


def write_corpus(folder: Path) -> Path:
    """Rig weights that are a smooth function of their features."""
    draw = np.random.default_rng(1)
    white = draw.normal(size=(LINES * FRAMES + 8, 4))
    driver = np.stack([np.convolve(column, np.ones(9) / 3, mode="valid") for column in white.T], axis=1)
    features = driver @ draw.normal(size=(4, FEATURES))
    weights = 1 / (1 + np.exp(-driver @ draw.normal(size=(4, len(RIG_CONTROLS)))))
    np.save(folder / "features.npy", features.astype(np.float16))
    np.save(folder / "rig_weights.npy", weights.astype(np.float16))
    lines = [
        {
            "name": f"line{number}",
            "voice": "held" if number == LINES - 1 else "voice",
            "text": "",
            "language": "en",
            "source": "made",
            "split": "held_out" if number == LINES - 1 else "train",
            "start": number * FRAMES,
            "frames": FRAMES,
        }
        for number in range(LINES)
    ]
    manifest = {
        "format": 1,
        "speech": asdict(SPEECH),
        "controls": RIG_CONTROLS,
        "sources": ["Made by this test, CC0."],
        "utterances": lines,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder
