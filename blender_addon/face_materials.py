"""The materials of a face, without textures: Cycles and EEVEE show them alike, and they cost little in either."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import bpy
from bpy.types import NodeSocket

from . import compat

COLOR_ATTRIBUTE = "Color"
WET_ATTRIBUTE = "Wet"  # of the skin: 0 dry, 1 as wet as the edges of the lids
EYE_ATTRIBUTE = "Eye"  # across the gaze, from the pupil's middle, in radii of the iris
STRIPS = 1024.0  # beside each other in the UVs of hair: each lock has one
HEIGHT_ATTRIBUTE = "Height"  # of hair over the skin, 0 to 1, which it reaches a little above the hairline
UNDER_ATTRIBUTE = "Under"  # of hair: the colour of the skin beneath
UNDER_NORMAL_ATTRIBUTE = "Under Normal"  # of hair: where that skin faces, as the object sees it
MATERIAL_PREFIX = "FaceTalk "

Color = tuple[float, float, float]
Value = Any  # of a socket: another socket, a number or a colour


@dataclass(frozen=True)
class Look:
    """How one part of the face is shaded.

    Attributes:
        color: linear RGB; ``None`` takes the mesh's colour attribute.
        uniform: whether that is one colour for the whole part, so that its rim stays sharp.
        roughness: of the Principled BSDF.
        subsurface: weight of subsurface scattering.
        scatter: how deep red, green and blue light enters, in metres.
        coat: weight of the clear layer, the tear film or spit on top.
        detail: what is added to it, a name in ``DETAILS``.
        shade: factor on the colour in the colour attribute, for what lies in the dark of the mouth; Workbench
            has no light that could tell.
        specular: strength of the part's own highlight, under the coat; 0.5 is that of skin or glass.
        anisotropy: how far highlights are drawn out along the surface, 0 to 1.
        alpha: 0 is not seen at all, but in Workbench.
    """

    color: Color | None
    roughness: float
    uniform: bool = False
    subsurface: float = 0.0
    scatter: Color = (0.0, 0.0, 0.0)
    coat: float = 0.0
    detail: str = ""
    shade: float = 1.0
    specular: float = 0.5
    anisotropy: float = 0.0
    alpha: float = 1.0


LOOKS = {
    "skin": Look(None, roughness=0.6, subsurface=1.0, scatter=(0.0037, 0.0014, 0.0007), specular=0.38, detail="skin"),
    "sclera": Look(
        (0.66, 0.62, 0.58), roughness=0.3, subsurface=0.3, scatter=(0.002, 0.001, 0.0007), coat=1.0, detail="sclera"
    ),
    "brows": Look(None, roughness=0.75, alpha=0.0),  # their hairs are seen instead, an object of its own
    "iris": Look(None, roughness=0.6, uniform=True, coat=1.0, detail="iris", specular=0.1),
    "pupil": Look((0.002, 0.002, 0.002), roughness=0.6, coat=1.0, specular=0.0),
    "teeth": Look(
        (0.80, 0.74, 0.63),
        roughness=0.2,
        subsurface=1.0,  # or the grooves between two teeth would be black
        scatter=(0.0055, 0.0042, 0.0028),
        coat=0.5,
        shade=0.8,
    ),
    "gums": Look(
        (0.42, 0.10, 0.10),
        roughness=0.3,
        subsurface=0.6,
        scatter=(0.003, 0.001, 0.0007),
        coat=0.5,
        shade=0.45,
    ),
    "tongue": Look(
        (0.76, 0.38, 0.36),  # the tip is lighter than gums, and is told from the dark behind it
        roughness=0.38,
        subsurface=0.8,
        scatter=(0.004, 0.0013, 0.0008),
        coat=0.4,
        shade=0.5,
    ),
}
PLAIN = Look(None, roughness=0.5)


def look_of(part: str) -> Look:
    """The look of a part of the head; plain if nobody knows the part."""
    return LOOKS.get(part, PLAIN)


def shared_material(part: str, look: Look) -> bpy.types.Material:
    """The file's material for a part of the head, however it looks by now; made with ``look`` if there is none."""
    name = MATERIAL_PREFIX + part
    existing = bpy.data.materials.get(name)
    return existing if existing is not None else _new_material(name, look)


def _new_material(name: str, look: Look) -> bpy.types.Material:
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    material.diffuse_color = (*(look.color or (0.55, 0.33, 0.25)), 1.0)
    material.roughness = look.roughness
    nodes = Nodes(material.node_tree)
    nodes.set("Roughness", look.roughness)
    nodes.set("Specular IOR Level", look.specular)
    nodes.set("Subsurface Weight", look.subsurface)
    nodes.set("Subsurface Radius", look.scatter)
    nodes.set("Subsurface Scale", 1.0)
    nodes.set("Coat Weight", look.coat)
    nodes.set("Coat Roughness", 0.03 if look.coat > 0.5 else 0.3)
    nodes.set("Alpha", look.alpha)
    compat.set_input(nodes.shader, "Anisotropic", look.anisotropy)
    if look.color is None:
        nodes.feed("Base Color", nodes.attribute(COLOR_ATTRIBUTE, "Color"))
    else:
        nodes.set("Base Color", (*look.color, 1.0))
    if look.detail:
        DETAILS[look.detail](nodes)
    return material


class Nodes:
    """A material's node tree being built round its Principled BSDF."""

    def __init__(self, tree: bpy.types.NodeTree) -> None:
        self._tree = tree
        self.shader = next(node for node in tree.nodes if node.type == "BSDF_PRINCIPLED")

    def set(self, name: str, value: object) -> None:
        """Set an input of the shader."""
        self.shader.inputs[name].default_value = value

    def feed(self, name: str, source: NodeSocket) -> None:
        """Link an input of the shader, in place of what was."""
        self._tree.links.new(source, self.shader.inputs[name])

    def color(self) -> NodeSocket:
        """What colours the shader so far."""
        base = self.shader.inputs["Base Color"]
        if base.links:
            return base.links[0].from_socket
        return self._node("ShaderNodeRGB", outputs=[base.default_value[:]]).outputs[0]

    def tinted(self, tint: Color) -> NodeSocket:
        """That colour times another."""
        return self.mix(1.0, self.color(), tint, "MULTIPLY")

    def components(self, vector: NodeSocket) -> tuple[NodeSocket, ...]:
        """The three components of a vector."""
        return tuple(self._node("ShaderNodeSeparateXYZ", {"Vector": vector}).outputs)

    def vector_of(self, *parts: NodeSocket) -> NodeSocket:
        """A vector of up to three components."""
        return self._node("ShaderNodeCombineXYZ", parts).outputs[0]

    def attribute(self, name: str, output: str) -> NodeSocket:
        """An attribute of the mesh: its ``Color``, ``Vector`` or ``Fac``."""
        if output == "Color":
            painted = self._node("ShaderNodeVertexColor")
            painted.layer_name = name
            return painted.outputs["Color"]
        node = self._node("ShaderNodeAttribute")
        node.attribute_name = name
        return node.outputs[output]

    def rest_position(self) -> NodeSocket:
        """Coordinates that stay on the face while it moves: 0 to 1 over the neutral face."""
        return self._node("ShaderNodeTexCoord").outputs["Generated"]

    def uv_map(self) -> NodeSocket:
        """The mesh's UVs."""
        return self._node("ShaderNodeUVMap").outputs[0]

    def tangent(self) -> NodeSocket:
        """The direction on the surface in which the first coordinate of the UVs grows."""
        node = self._node("ShaderNodeTangent")
        node.direction_type = "UV_MAP"
        return node.outputs[0]

    def normal(self) -> NodeSocket:
        """Where the surface faces, in the world."""
        return self._node("ShaderNodeNewGeometry").outputs["Normal"]

    def turned(self, normal: NodeSocket, origin: str, target: str) -> NodeSocket:
        """A normal as ``WORLD`` or ``OBJECT`` sees it, in place of the other."""
        node = self._node("ShaderNodeVectorTransform", {"Vector": normal})
        node.vector_type, node.convert_from, node.convert_to = "NORMAL", origin, target
        return node.outputs[0]

    def upwards(self) -> NodeSocket:
        """How far the surface faces up as the head sees it, -1 to 1: on an eyeball, how high a place is."""
        return self.components(self.turned(self.normal(), "WORLD", "OBJECT"))[2]

    def random(self, number: NodeSocket) -> NodeSocket:
        """A number from 0 to 1 that is anyone's guess, but for one number always the same."""
        node = self._node("ShaderNodeTexWhiteNoise")
        node.noise_dimensions = "1D"
        self._put(node.inputs["W"], number)
        return node.outputs["Value"]

    def noise(self, place: NodeSocket, scale: float, detail: float = 2.0) -> NodeSocket:
        """Soft noise, 0 to 1 about 0.5."""
        return self._node("ShaderNodeTexNoise", {"Vector": place, "Scale": scale, "Detail": detail}).outputs[0]

    def math(self, operation: str, *values: NodeSocket | float) -> NodeSocket:
        """One operation of the Math node."""
        node = self._node("ShaderNodeMath", values)
        node.operation = operation
        return node.outputs[0]

    def vector(self, operation: str, *values: NodeSocket | Color) -> NodeSocket:
        """One operation of the Vector Math node that gives a vector, or a length."""
        node = self._node("ShaderNodeVectorMath", values)
        node.operation = operation
        return node.outputs["Value" if operation == "LENGTH" else "Vector"]

    def dot(self, first: NodeSocket, second: NodeSocket) -> NodeSocket:
        """The scalar product of two vectors."""
        node = self._node("ShaderNodeVectorMath", (first, second))
        node.operation = "DOT_PRODUCT"
        return node.outputs["Value"]

    def ramp(self, value: NodeSocket, start: float, stop: float, low: float = 0.0, high: float = 1.0) -> NodeSocket:
        """``low`` up to ``start``, ``high`` from ``stop`` on, smooth between."""
        limits: dict[str, Value] = {"From Min": start, "From Max": stop, "To Min": low, "To Max": high}
        node = self._node("ShaderNodeMapRange", limits | {"Value": value})
        node.interpolation_type = "SMOOTHSTEP"
        return node.outputs[0]

    def mix(
        self, share: NodeSocket | float, first: NodeSocket | Color, second: NodeSocket | Color, how: str = "MIX"
    ) -> NodeSocket:
        """A mixture of two colours."""
        node = self._node("ShaderNodeMix")
        node.data_type, node.blend_type = "RGBA", how
        slots = {socket.identifier: socket for socket in node.inputs}
        for name, value in (("Factor_Float", share), ("A_Color", first), ("B_Color", second)):
            self._put(slots[name], value)
        return next(socket for socket in node.outputs if socket.identifier == "Result_Color")

    def bump(self, height: NodeSocket, strength: float, metres: float, normal: NodeSocket | None = None) -> NodeSocket:
        """A normal, the surface's own if none is given, that is bent by a height."""
        node = self._node("ShaderNodeBump", {"Height": height, "Strength": strength, "Distance": metres})
        if normal is not None:
            self._put(node.inputs["Normal"], normal)
        return node.outputs[0]

    def _node(
        self, kind: str, inputs: Mapping[str, Value] | Sequence[Value] = (), outputs: Sequence[Value] = ()
    ) -> bpy.types.Node:
        node = self._tree.nodes.new(kind)
        node.location = (-220.0 * (1 + len(self._tree.nodes) % 7), -160.0 * (len(self._tree.nodes) // 7))
        for slot, value in inputs.items() if isinstance(inputs, Mapping) else enumerate(inputs):
            self._put(node.inputs[slot], value)
        for slot, value in enumerate(outputs):
            node.outputs[slot].default_value = value
        return node

    def _put(self, slot: NodeSocket, value: Value) -> None:
        if isinstance(value, NodeSocket):
            self._tree.links.new(value, slot)
        elif slot.type == "RGBA" and isinstance(value, tuple) and len(value) == 3:
            slot.default_value = (*value, 1.0)
        else:
            slot.default_value = value


def _skin(nodes: Nodes) -> None:
    """Blotches of blood, an uneven shine, pores; lips and the edges of the lids are wet."""
    place = nodes.rest_position()
    blotches = nodes.ramp(nodes.noise(place, 9.0, 3.0), 0.35, 0.65)
    color = nodes.mix(nodes.math("MULTIPLY", blotches, 0.5), nodes.color(), (1.04, 0.87, 0.85), "MULTIPLY")
    freckling = nodes.ramp(nodes.noise(place, 70.0, 2.0), 0.3, 0.7, 0.0, 0.35)
    nodes.feed("Base Color", nodes.mix(freckling, color, (0.88, 0.84, 0.82), "MULTIPLY"))
    wet = nodes.attribute(WET_ATTRIBUTE, "Fac")
    dry = nodes.ramp(nodes.noise(place, 26.0, 3.0), 0.3, 0.7, 0.5, 0.68)
    nodes.feed("Roughness", nodes.math("MULTIPLY_ADD", wet, -0.36, dry))
    nodes.feed("Coat Weight", nodes.math("MULTIPLY_ADD", nodes.math("MULTIPLY", wet, wet), 0.9, 0.05))
    nodes.set("Coat Roughness", 0.22)
    nodes.feed("Normal", nodes.bump(nodes.noise(place, 160.0, 4.0), 0.16, 0.001))


def _sclera(nodes: Nodes) -> None:
    """White that turns pink towards the corners, lies in the upper lid's shade, and ends at the iris without a cut."""
    eye = nodes.attribute(EYE_ATTRIBUTE, "Vector")
    off = nodes.vector("LENGTH", eye)
    veins = nodes.ramp(nodes.noise(eye, 2.2, 4.0), 0.45, 0.7)
    pink = nodes.math("MULTIPLY", nodes.ramp(off, 1.15, 2.1), nodes.math("MULTIPLY_ADD", veins, 0.35, 0.5))
    color = nodes.mix(pink, nodes.color(), (0.56, 0.33, 0.29))
    color = nodes.mix(nodes.ramp(off, 1.0, 1.16, 0.8, 0.0), color, (0.13, 0.12, 0.12))
    nodes.feed("Base Color", nodes.mix(1.0, color, _lid_shade(nodes), "MULTIPLY"))


def _iris(nodes: Nodes) -> None:
    """Fibres from the pupil outwards, a paler ring about it, a dark one at the edge; lit from above, it glows below."""
    eye = nodes.attribute(EYE_ATTRIBUTE, "Vector")
    off = nodes.vector("LENGTH", eye)
    little = nodes.vector("MULTIPLY", eye, (0.12, 0.12, 0.0))
    fibres = nodes.noise(nodes.vector("ADD", nodes.vector("NORMALIZE", eye), little), 11.0, 3.0)
    dark, pale, warm = (nodes.tinted(tint) for tint in ((0.45, 0.43, 0.42), (1.55, 1.5, 1.45), (1.7, 1.35, 0.95)))
    color = nodes.mix(nodes.ramp(fibres, 0.36, 0.66), dark, pale)
    color = nodes.mix(nodes.ramp(off, 0.42, 0.62, 0.5, 0.0), color, warm)
    color = nodes.mix(nodes.ramp(off, 0.72, 1.0, 0.0, 0.92), color, (0.008, 0.007, 0.007))
    glow = nodes.ramp(nodes.upwards(), -0.34, 0.1, 1.5, 1.0)
    color = nodes.mix(1.0, color, nodes.vector_of(glow, glow, glow), "MULTIPLY")
    nodes.feed("Base Color", nodes.mix(1.0, color, _lid_shade(nodes), "MULTIPLY"))


def _lid_shade(nodes: Nodes) -> NodeSocket:
    """What the upper lid and its lashes leave of the light on an eyeball: a colour to multiply."""
    up = nodes.upwards()
    return nodes.vector_of(*(nodes.ramp(up, 0.02, 0.42, 1.0, least) for least in (0.36, 0.30, 0.29)))


def _strands(nodes: Nodes) -> None:
    """Strands along every lock, as its UVs lie: light and dark, darker at the root, in grooves; few at the hairline."""
    across, along, _ = nodes.components(nodes.uv_map())
    strip = nodes.math("MULTIPLY", across, STRIPS)
    place = nodes.vector_of(nodes.math("MULTIPLY", strip, 22.0), nodes.math("MULTIPLY", along, 1.6))
    strands = nodes.noise(place, 1.0, 2.0)
    own = nodes.math("MULTIPLY_ADD", nodes.random(nodes.math("FLOOR", strip)), 0.4, 0.8)
    tone = nodes.math("MULTIPLY", own, nodes.ramp(along, 0.0, 0.8, 0.72, 1.25))
    tone = nodes.math("MULTIPLY", tone, nodes.ramp(strands, 0.3, 0.68, 0.3, 1.3))
    hair = nodes.mix(1.0, nodes.color(), nodes.vector_of(tone, tone, tone), "MULTIPLY")
    nodes.feed("Tangent", nodes.tangent())
    height = nodes.attribute(HEIGHT_ATTRIBUTE, "Fac")
    # Hair that has left its roots may come near the skin again, on a cheek or a neck.
    over = nodes.math("MAXIMUM", nodes.ramp(height, 0.1, 1.0), nodes.ramp(along, 0.05, 0.25))
    thick = nodes.math("MULTIPLY_ADD", strands, 0.9, nodes.math("MULTIPLY", over, 0.6))
    thick = nodes.ramp(thick, 0.55, 0.8)
    roots = nodes.mix(nodes.ramp(over, 0.0, 0.5), (1.0, 1.0, 1.0), (0.8, 0.76, 0.74))
    roots = nodes.mix(1.0, nodes.attribute(UNDER_ATTRIBUTE, "Color"), roots, "MULTIPLY")
    nodes.feed("Base Color", nodes.mix(thick, roots, hair))
    # The edge of the mesh is as thick as a wig's: lit as the skin beneath, it is not seen, but where it turns under.
    skin = nodes.turned(nodes.attribute(UNDER_NORMAL_ATTRIBUTE, "Vector"), "OBJECT", "WORLD")
    own = nodes.math("MAXIMUM", over, nodes.ramp(nodes.dot(skin, nodes.normal()), 0.0, 0.4, 1.0, 0.0))
    base = nodes.vector("NORMALIZE", nodes.mix(own, skin, nodes.normal()))
    nodes.feed("Normal", nodes.vector("NORMALIZE", nodes.mix(thick, base, nodes.bump(strands, 1.0, 0.002, base))))


DETAILS = {"skin": _skin, "sclera": _sclera, "iris": _iris, "strands": _strands}
