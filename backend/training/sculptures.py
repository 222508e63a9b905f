"""Brows and hair styles on the mean head, as surfaces to learn."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from facetalk.head.meshing import TriangleMesh
from training.brows import sculpt_brows
from training.hair_styles import HAIR_STYLES, sculpt_hair
from training.ict_heads import IctHeads
from training.ict_landmarks import IBUG_VERTICES
from training.shape_samples import Surface
from training.skin_surface import SkinSurface
from training.training_heads import BROWS, identity_code


@dataclass(frozen=True)
class Sculptures:
    """What is sculpted on the mean head, in canonical pose.

    Attributes:
        brows: both of them.
        hair: by style.
    """

    brows: Surface
    hair: dict[str, Surface]


def sculpt(heads: IctHeads, folder: Path) -> Sculptures:
    """Sculpt brows and every hair style, or read what was sculpted into the folder before."""
    file = folder / "sculptures.safetensors"
    if not file.exists():
        meshes = _sculpt(heads)
        arrays: dict[str, NDArray[Any]] = {f"{name}.vertices": mesh.vertices for name, mesh in meshes.items()}
        arrays.update({f"{name}.triangles": mesh.triangles for name, mesh in meshes.items()})
        folder.mkdir(parents=True, exist_ok=True)
        partial = file.with_suffix(".partial")
        save_file(arrays, partial)
        partial.rename(file)
    arrays = load_file(file)
    surfaces = {
        name: _surface(arrays[f"{name}.vertices"], arrays[f"{name}.triangles"]) for name in (BROWS, *HAIR_STYLES)
    }
    return Sculptures(surfaces.pop(BROWS), surfaces)


def _sculpt(heads: IctHeads) -> dict[str, TriangleMesh]:
    mean, skin = _mean(heads), mean_skin(heads)
    return {BROWS: sculpt_brows(skin, mean[list(IBUG_VERTICES[17:27])])} | {
        style: sculpt_hair(style, skin) for style in HAIR_STYLES
    }


def mean_skin(heads: IctHeads) -> SkinSurface:
    """The skin of the mean head in canonical pose, that all of it is sculpted on."""
    used, triangles = np.unique(heads.triangles_of["skin"], return_inverse=True)
    return SkinSurface(_mean(heads)[used], triangles.reshape(-1, 3))


def _mean(heads: IctHeads) -> NDArray[np.float64]:
    return heads.canonical(identity_code(0), heads.calibrate(identity_code(0)))


def _surface(vertices: NDArray[np.float64], triangles: NDArray[np.int64]) -> Surface:
    return Surface(vertices, triangles, np.ones(len(vertices)))
