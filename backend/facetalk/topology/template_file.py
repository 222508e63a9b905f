"""Templates of the user's own that any identity wears, as bundles: ``Template.load`` reads them."""

from pathlib import Path

import torch

from facetalk.bundle import write_bundle
from facetalk.topology.template import Template


def write_template(folder: Path, template: Template, command: str) -> None:
    """Write a template as a topology bundle, with the hair it wears, whole or not at all.

    Args:
        folder: the bundle's.
        template: what is written.
        command: that made it.
    """
    arrays = {
        "vertices": template.vertices,
        "quads": template.quads,
        "uv": template.uv,
        "parts": template.parts,
        "material_index": template.material_index,
        "colors": template.colors,
        "mobility": template.mobility,
        **{f"groups.{name}": members for name, members in template.groups.items()},
    }
    for style, hair in template.hair.items():
        arrays |= {f"hair.{style}.{name}": getattr(hair, name) for name in ("vertices", "quads", "uv")}
    worn = next(iter(template.hair.values()))
    write_bundle(
        folder,
        kind="topology",
        name=template.name,
        config={
            "materials": list(template.materials),
            "landmarks": template.landmarks,
            "hair_styles": list(template.hair),
            "hair_color": list(worn.color[:3]),
        },
        tensors={name: torch.from_numpy(array) for name, array in arrays.items()},
        licence="LicenseRef-own",
        attributions=["Eyeballs, teeth, mouth, brows, hair and UVs follow the default template."],
        training={"command": command},
    )
