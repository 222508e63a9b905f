"""Points of a face that people mark where the backend does not find it: empties under the character."""

import bpy
import numpy as np
from mathutils import Matrix, Vector

POINT = "facetalk_landmark"  # custom property of an empty: which point it marks
# Where the empties stand at first: left to right in widths of the head, and up in its heights, on its front.
PLACES = {
    "nose_tip": (0.0, 0.45),
    "chin": (0.0, 0.1),
    "left_eye_outer": (0.25, 0.55),
    "right_eye_outer": (-0.25, 0.55),
    "mouth_left": (0.13, 0.27),
    "mouth_right": (-0.13, 0.27),
}
HEADS_HIGH, UPRIGHT = 7.5, 3.5  # a body is so many heads high, and what is so much higher than deep is a body
HEAD_WIDTH = 0.7  # of its height
SIZE = 0.02  # of the head's height


def landmarks_of(character: bpy.types.Object) -> dict[str, tuple[float, float, float]]:
    """The points that are marked, by name, in the character's own space."""
    into: Matrix = character.matrix_world.inverted_safe()
    marked = {
        str(child[POINT]): into @ child.matrix_world.translation for child in character.children if POINT in child
    }
    return {name: (place.x, place.y, place.z) for name, place in marked.items()}


def mark(character: bpy.types.Object) -> list[bpy.types.Object]:
    """Put an empty for every point that has none in front of the character, to be moved onto its face.

    The character is taken to stand upright and to look along -Y.
    """
    box = np.array([character.matrix_world @ Vector(corner) for corner in character.bound_box])
    low, high = box.min(axis=0), box.max(axis=0)
    tall, deep = high[2] - low[2], high[1] - low[1]
    head = tall / HEADS_HIGH if tall > UPRIGHT * deep else tall
    made = []
    for name in PLACES.keys() - landmarks_of(character).keys():
        aside, up = PLACES[name]
        place = (0.5 * (low[0] + high[0]) + aside * HEAD_WIDTH * head, low[1], high[2] - (1.0 - up) * head)
        made.append(_empty(character, name, Vector(place), SIZE * head))
    return made


def _empty(character: bpy.types.Object, name: str, place: Vector, size: float) -> bpy.types.Object:
    empty = bpy.data.objects.new(name, None)
    empty[POINT] = name
    empty.empty_display_type, empty.empty_display_size = "SPHERE", size
    empty.show_name = empty.show_in_front = True
    for collection in character.users_collection:
        collection.objects.link(empty)
    empty.parent = character
    empty.matrix_parent_inverse = character.matrix_world.inverted_safe()
    empty.location = place
    return empty
