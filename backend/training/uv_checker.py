"""A material that shows how UVs lie: squares, as even on the face as its UVs are."""

from pathlib import Path

SQUARES = 64.0  # along the texture
LIGHT, DARK = (0.62, 0.62, 0.60, 1.0), (0.06, 0.16, 0.26, 1.0)  # linear


def wear_checker(blend: Path) -> None:
    """Give all meshes of a .blend file squares in place of their materials, and save it."""
    import bpy

    bpy.ops.wm.open_mainfile(filepath=str(blend))
    material = bpy.data.materials.new("UV checker")
    material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    squares, uv = nodes.new("ShaderNodeTexChecker"), nodes.new("ShaderNodeTexCoord")
    squares.inputs["Scale"].default_value = SQUARES
    squares.inputs["Color1"].default_value, squares.inputs["Color2"].default_value = LIGHT, DARK
    shader = next(node for node in nodes if node.type == "BSDF_PRINCIPLED")
    shader.inputs["Roughness"].default_value = 0.6
    links.new(uv.outputs["UV"], squares.inputs["Vector"])
    links.new(squares.outputs["Color"], shader.inputs["Base Color"])
    for mesh in bpy.data.meshes:
        for slot in range(len(mesh.materials)):
            mesh.materials[slot] = material
    bpy.ops.wm.save_mainfile()
