"""Find which vertices of the template a face tracker means by its landmarks, by letting it track our own heads.

    python -m training.measure_face_points      # `training.build_template` does it after every new default template

Some embedded identities are pictured at rest from the front and turned a little; where the tracker puts a landmark,
that place of the template is what it means, median over all pictures. Points of the lip line and of the lid rims are
then put on the template's own rims, and irises on its eyeballs, for there a millimetre decides what is shut.
"""

import argparse
import json
import logging
import sys
from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facetalk.animate import Animator
from facetalk.capture.face_points import (
    FACE_POINTS_FILE,
    FORMAT,
    INNER_LOWER_LIP,
    INNER_UPPER_LIP,
    IRISES,
    LEFT_EYE,
    RIGHT_EYE,
    mesh_fingerprint,
)
from facetalk.capture.face_tracking import FaceTracker
from facetalk.errors import UserError
from facetalk.output_file import written_whole
from facetalk.topology.template import Template
from training.splatted_head import splat

log = logging.getLogger(__name__)

FloatArray = NDArray[np.float64]

SIZE = 512  # pixels
IDENTITIES = ("average", "ines", "kofi", "greta", "mei")
VIEWS = ((0.0, 0.0), (-15.0, 0.0), (15.0, 0.0), (0.0, 8.0))  # degrees: aside, down
SPREAD = 0.05  # head units: a landmark whose places lie further apart (median) means nothing certain
LEAST_PLACES = 8


def measured_places(animator: Animator, tracker: FaceTracker) -> dict[int, FloatArray]:
    """Where on the mean face each landmark is: ``[pictures, 3]``, head units, by Face Mesh number."""
    template = animator.template
    # Of a lid only how far across the face it is counts: there the eyeball beside it says as much.
    on_face = [animator.head.parts.index(part) for part in ("skin", "brows", "eyeballs")]
    places: dict[int, list[FloatArray]] = defaultdict(list)
    for name in IDENTITIES:
        mesh = animator.mesh(name)
        for aside, down in VIEWS:
            picture = splat(mesh, mesh.vertices, SIZE, _turn(aside, down))
            face = tracker.face_in(picture.pixels)
            if face is None:
                log.warning("no face found in the picture of %s", name)
                continue
            pixel = np.round(face[:, :2]).astype(int)
            inside = np.flatnonzero(((pixel >= 0) & (pixel < SIZE)).all(axis=1))
            for number in inside:
                x, y = pixel[number]
                quad = picture.quad[y, x]
                if quad >= 0 and template.parts[template.quads[quad, 0]] in on_face:
                    u, v = picture.corner[y, x]
                    weights = np.array([(1 - u) * (1 - v), u * (1 - v), u * v, (1 - u) * v])
                    places[int(number)].append(weights @ template.vertices[template.quads[quad]])
        log.info("tracked %s", name)
    return {number: np.array(found) for number, found in places.items() if len(found) >= LEAST_PLACES}


def tie(places: dict[int, FloatArray], template: Template) -> dict[int, int]:
    """The vertex of each landmark, by Face Mesh number."""
    middles = {number: np.median(found, axis=0) for number, found in places.items()}
    skin = np.flatnonzero(template.parts == 0)  # brows ride on it
    tied = {}
    for number, middle in middles.items():
        spread = np.median(np.linalg.norm(places[number] - middle, axis=1))
        if spread < SPREAD:
            tied[number] = _nearest(template, skin, middle)
    marks = template.landmarks
    lips = edge_loop(template, marks["inner_lip_upper"], marks["mouth_corner_left"])
    upper, lower = arcs(lips, marks["mouth_corner_right"], marks["mouth_corner_left"], marks["inner_lip_upper"])
    tied |= _along(template, upper, INNER_UPPER_LIP, middles) | _along(template, lower, INNER_LOWER_LIP, middles)
    for side, eye in (("left", LEFT_EYE), ("right", RIGHT_EYE)):
        rim = edge_loop(template, marks[f"upper_lid_{side}"], marks[f"outer_eye_{side}"])
        inner = rim[int(np.abs(template.vertices[rim, 0]).argmin())]
        upper, lower = arcs(rim, marks[f"outer_eye_{side}"], inner, marks[f"upper_lid_{side}"])
        tied |= _along(template, upper, eye.upper, middles) | _along(template, lower, eye.lower, middles)
    return tied | _iris_vertices(template)


def edge_loop(template: Template, start: int, through: int) -> list[int]:
    """The closed edge loop from one vertex that passes another: straight on at every vertex where four quads meet.

    Raises:
        UserError: the template has no such loop.
    """
    neighbours: dict[int, set[int]] = defaultdict(set)
    faces: dict[frozenset[int], set[int]] = defaultdict(set)
    for quad in template.quads.tolist():
        for first, second in pairwise([*quad, quad[0]]):
            neighbours[first].add(second)
            neighbours[second].add(first)
            faces[frozenset((first, second))].update(quad)
    for following in neighbours[start]:
        loop = [start, following]
        while loop[-1] != start:
            ahead = neighbours[loop[-1]] - faces[frozenset(loop[-2:])]
            if len(ahead) != 1 or len(loop) > len(neighbours):
                break
            loop.append(ahead.pop())
        if loop[-1] == start and through in loop:
            return loop[:-1]
    raise UserError(
        f"The template {template.name} has no edge loop from {start} through {through}: it needs one there."
    )


def arcs(loop: list[int], start: int, end: int, within: int) -> tuple[list[int], list[int]]:
    """The two ways along a loop from ``start`` to ``end``; the one with ``within`` first."""
    first = loop.index(start)
    turned = loop[first:] + loop[:first]
    last = turned.index(end)
    one, other = turned[: last + 1], [start, *reversed(turned[last:])]
    return (one, other) if within in one else (other, one)


def _along(
    template: Template, arc: list[int], numbers: tuple[int, ...], middles: dict[int, FloatArray]
) -> dict[int, int]:
    """Points of a rim: its ends, and between them the vertices that are as far across the face as was tracked."""
    across = template.vertices[arc, 0]
    inner = {number: arc[int(np.abs(across - middles[number][0]).argmin())] for number in numbers[1:-1]}
    return {numbers[0]: arc[0], **inner, numbers[-1]: arc[-1]}


def _iris_vertices(template: Template) -> dict[int, int]:
    """The middle of either pupil, and where the iris ends to the left, at the top, to the right and at the bottom."""
    pupil, iris, sclera = (_vertices_of(template, material) for material in ("pupil", "iris", "sclera"))
    rim = np.array(sorted(iris & sclera))
    tied = {}
    for side, numbers in zip((-1.0, 1.0), IRISES, strict=True):
        own = np.array([vertex for vertex in pupil if side * template.vertices[vertex, 0] > 0.0])
        middle = template.vertices[own].mean(axis=0)
        tied[numbers[0]] = _nearest(template, own, middle)
        around = rim[side * template.vertices[rim, 0] > 0.0]
        away = template.vertices[around, :2] - middle[:2]
        for number, way in zip(numbers[1:], ((1, 0), (0, 1), (-1, 0), (0, -1)), strict=True):
            tied[number] = int(around[(away @ np.array(way)).argmax()])
    return tied


def _vertices_of(template: Template, material: str) -> set[int]:
    of_it = template.material_index == template.materials.index(material)
    return set(template.quads[of_it].ravel().tolist())


def _nearest(template: Template, among: NDArray[np.int64], place: FloatArray) -> int:
    return int(among[np.linalg.norm(template.vertices[among] - place, axis=1).argmin()])


def _turn(aside: float, down: float) -> NDArray[np.float32]:
    a, d = np.radians([aside, down])
    about_z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, np.cos(d), -np.sin(d)], [0, np.sin(d), np.cos(d)]])
    return (about_x @ about_z).astype(np.float32)


def measure_face_points(output: Path = FACE_POINTS_FILE) -> int:
    """Tie the landmarks to the shipped default template, and write down how.

    Args:
        output: the .json to write.

    Returns:
        how many landmarks are tied.

    Raises:
        UserError: a model is missing, or the tracker.
    """
    animator = Animator.load("cpu")
    template = animator.template
    with FaceTracker(video=False) as tracker:
        tied = tie(measured_places(animator, tracker), template)
    content = {
        "format": FORMAT,
        "made_by": "python -m training.measure_face_points",
        "topology": template.name,
        "mesh": mesh_fingerprint(template),
        "vertices": {str(number): tied[number] for number in sorted(tied)},
    }
    with written_whole(output) as staged:
        staged.write_text(json.dumps(content) + "\n", encoding="utf-8")
    return len(tied)


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.measure_face_points", description=__doc__)
    parser.add_argument("--output", type=Path, default=FACE_POINTS_FILE, help="the .json to write")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        count = measure_face_points(options.output)
    except UserError as error:
        log.error("%s", error)
        return 1
    log.info("%d landmarks tied", count)
    return 0


if __name__ == "__main__":
    sys.exit(main())
