"""What a face wears: objects of their own under it, whose nodes keep every point where it belongs, frame by frame.

Nothing of the face hangs on them: hide them, change them, or take them away.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import bpy
import numpy as np
from bpy.types import NodeSocket
from numpy.typing import NDArray

from . import compat
from .face_materials import COLOR_ATTRIBUTE

Array = NDArray[np.float32]

MARK = "facetalk_piece"  # custom property of the object
FIELDS = {"INT": "value", "FLOAT": "value", "FLOAT_VECTOR": "vector"}  # of Blender's attributes, by type


@dataclass(frozen=True)
class Piece:
    """A mesh that goes with a face.

    Attributes:
        quads: ``[Q, 4]``.
        attributes: what the nodes read, by name: Blender's type, and the values of every point ``[N]`` or ``[N, 3]``.
        colors: of every point, linear RGBA ``[N, 4]``.
    """

    quads: NDArray[np.int64]
    attributes: Mapping[str, tuple[str, NDArray[np.generic]]]
    colors: Array


def ribbon_quads(count: int, steps: int) -> NDArray[np.int64]:
    """The faces ``[Q, 4]`` of ribbons, each a row of pairs of points, ``steps`` of them."""
    starts = 2 * steps * np.arange(count)[:, None, None]
    quads = starts + 2 * np.arange(steps - 1)[:, None] + np.array([0, 1, 3, 2])
    return np.asarray(quads.reshape(-1, 4))


def create_piece(
    face: bpy.types.Object,
    kind: str,
    piece: Piece,
    material: bpy.types.Material,
    following: tuple[str, Callable[["FollowingNodes"], NodeSocket]],
) -> bpy.types.Object:
    """A new piece on a face, in its collections.

    Args:
        face: becomes its parent.
        kind: what it is called.
        piece: its mesh.
        material: its material.
        following: name of the modifier that keeps it on the face, and what lays out where its points go.
    """
    mesh = bpy.data.meshes.new(f"{face.name} {kind}")
    mesh.from_pydata(np.zeros((len(piece.colors), 3)).tolist(), [], piece.quads.tolist(), shade_flat=False)
    for name, (data_type, values) in piece.attributes.items():
        attribute = mesh.attributes.new(name, data_type, "POINT")
        attribute.data.foreach_set(FIELDS[data_type], np.ascontiguousarray(values).ravel())
    color = mesh.color_attributes.new(name=COLOR_ATTRIBUTE, type="FLOAT_COLOR", domain="POINT")
    color.data.foreach_set("color", np.ascontiguousarray(piece.colors, np.float32).ravel())
    mesh.materials.append(material)
    made = bpy.data.objects.new(mesh.name, mesh)
    made.parent = face
    made[MARK] = True
    for collection in face.users_collection:
        collection.objects.link(made)
    modifier_name, lay_out = following
    modifier = made.modifiers.new(modifier_name, "NODES")
    tree_name = f"FaceTalk {kind}"
    modifier.node_group = bpy.data.node_groups.get(tree_name) or _following_tree(tree_name, lay_out)
    slot = next(item for item in modifier.node_group.interface.items_tree if item.socket_type == "NodeSocketObject")
    compat.set_modifier_input(modifier, slot.identifier, face)
    return made


def worn_by(face: bpy.types.Object) -> list[bpy.types.Object]:
    """The pieces on a face: lashes, the hairs of brows, the margins of lids."""
    return [child for child in face.children if MARK in child]


def _following_tree(name: str, lay_out: Callable[["FollowingNodes"], NodeSocket]) -> bpy.types.NodeTree:
    tree = bpy.data.node_groups.new(name, "GeometryNodeTree")
    tree.is_modifier = True
    tree.interface.new_socket("Geometry", in_out="INPUT", socket_type="NodeSocketGeometry")
    tree.interface.new_socket("Face", in_out="INPUT", socket_type="NodeSocketObject")
    tree.interface.new_socket("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
    nodes = FollowingNodes(tree)
    place = lay_out(nodes)
    moved = nodes.add("GeometryNodeSetPosition", {"Geometry": nodes.piece, "Position": place}).outputs[0]
    nodes.add("NodeGroupOutput", {"Geometry": moved})
    return tree


class FollowingNodes:
    """Geometry nodes being laid out, that read a face and say where the points of a piece go.

    Attributes:
        piece: its geometry.
        face: the face's.
    """

    def __init__(self, tree: bpy.types.NodeTree) -> None:
        self._tree = tree
        given = self.add("NodeGroupInput").outputs
        self.piece = given["Geometry"]
        read = self.add("GeometryNodeObjectInfo", {"Object": given["Face"]}, transform_space="ORIGINAL")
        self.face = read.outputs["Geometry"]

    def add(
        self, kind: str, inputs: Mapping[str, NodeSocket] = MappingProxyType({}), **settings: str
    ) -> bpy.types.Node:
        """A node with settings and its inputs linked by name."""
        made = self._tree.nodes.new(kind)
        made.location = (190.0 * (len(self._tree.nodes) % 8), -170.0 * (len(self._tree.nodes) // 8))
        for name, value in settings.items():
            setattr(made, name, value)
        for name, source in inputs.items():
            # Some nodes have one input for every type of data, all of one name.
            self._tree.links.new(source, next(slot for slot in made.inputs if slot.enabled and slot.name == name))
        return made

    def named(self, name: str, kind: str) -> NodeSocket:
        """An attribute of the piece's mesh."""
        made = self.add("GeometryNodeInputNamedAttribute", data_type=kind)
        made.inputs["Name"].default_value = name
        return next(slot for slot in made.outputs if slot.enabled)

    def face_vertex(self, name: str) -> NodeSocket:
        """Where the vertex of the face is by now that an attribute names."""
        position = self.add("GeometryNodeInputPosition").outputs[0]
        inputs = {"Geometry": self.face, "Value": position, "Index": self.named(name, "INT")}
        made = self.add("GeometryNodeSampleIndex", inputs, data_type="FLOAT_VECTOR", domain="POINT")
        return next(slot for slot in made.outputs if slot.enabled)

    def components(self, vector: NodeSocket) -> tuple[NodeSocket, ...]:
        """The three components of a vector."""
        return tuple(self.add("ShaderNodeSeparateXYZ", {"Vector": vector}).outputs)

    def vector(self, operation: str, *values: NodeSocket) -> NodeSocket:
        """One operation on vectors."""
        made = self.add("ShaderNodeVectorMath", operation=operation)
        for source, slot in zip(values, made.inputs, strict=False):
            self._tree.links.new(source, slot)
        return made.outputs["Vector"]

    def moved(self, start: NodeSocket, steps: Sequence[tuple[NodeSocket, NodeSocket]]) -> NodeSocket:
        """A start, and from there along directions, each as far as a number says."""
        place = start
        for direction, far in steps:
            scaled = self.add("ShaderNodeVectorMath", {"Vector": direction, "Scale": far}, operation="SCALE")
            place = self.vector("ADD", place, scaled.outputs["Vector"])
        return place
