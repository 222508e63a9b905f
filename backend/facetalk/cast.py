"""Who can perform: the faces of the embedded head on the templates that come along, and characters of the user's."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from facetalk.animate import Animator
from facetalk.character import Character, MadeTemplate, make_template
from facetalk.errors import UserError
from facetalk.imported_head import ImportedHead
from facetalk.own_heads import list_own_heads, require_own_head
from facetalk.presets import preset_of_template, shipped_templates
from facetalk.topology.own_template import (
    is_worn,
    list_own_templates,
    own_folder,
    require_own_template,
    template_folder,
    write_own_template,
)
from facetalk.topology.polygon_mesh import PolygonMesh
from facetalk.topology.template import Template


class Cast:
    """The animator and the characters it plays, loaded when they are asked for.

    Args:
        animator: makes the performances.
    """

    def __init__(self, animator: Animator) -> None:
        self.animator = animator
        self._latest: tuple[str, int, Animator | Character] | None = None  # one is worked with at a time
        self._wearing: dict[str, Animator] = {}
        self._imported: tuple[str, str | None, int, ImportedHead] | None = None

    @property
    def device(self) -> torch.device:
        """Where the models run."""
        return self.animator.device

    @property
    def models(self) -> Sequence[str]:
        """Names of the bundles in use."""
        return self.animator.models

    def identities(self) -> Sequence[str]:
        """Names of the embedded head's faces."""
        return self.animator.identities()

    def hair_styles(self) -> Sequence[str]:
        """Names of the hair styles, for those faces."""
        return self.animator.hair_styles()

    def styles(self) -> Sequence[str]:
        """Names of the ways to perform."""
        return self.animator.styles()

    def templates(self) -> Sequence[str]:
        """Names of the templates that any face wears, without the default one: those that come along, and own ones."""
        shipped = [name for name in shipped_templates() if name != self.animator.template.name]
        return [*shipped, *(name for name in list_own_templates() if is_worn(own_folder() / name))]

    def characters(self) -> Sequence[str]:
        """Names of the user's own meshes, which have faces of their own."""
        return [name for name in list_own_templates() if not is_worn(own_folder() / name)]

    def heads(self) -> Sequence[str]:
        """Names of the imported heads."""
        return list_own_heads()

    def standing_in(self, head: str, template: str | None) -> ImportedHead:
        """An imported head that performs on a template that any face wears, or on the default one.

        Raises:
            UserError: there is no such head or template, the head was taught no rig, or a character has the template.
        """
        animator = self.performer(template)
        if not isinstance(animator, Animator):
            raise UserError(f"The character {template} hangs on the embedded head: leave out the imported head {head}.")
        bundle = require_own_head(head)
        written = (bundle / "manifest.json").stat().st_mtime_ns
        if self._imported is None or self._imported[:3] != (head, template, written):
            self._imported = (head, template, written, ImportedHead.load(animator, bundle))
        return self._imported[3]

    def performer(self, template: str | None) -> Animator | Character:
        """Who performs on a template, one that comes along or the user's own; None for the default one.

        Raises:
            UserError: there is no such template, or it is damaged or made for another head.
        """
        if template is None:
            return self.animator
        if template in shipped_templates():
            if template not in self._wearing:
                self._wearing[template] = self.animator.wearing(Template.load(preset_of_template(template)))
            return self._wearing[template]
        folder = require_own_template(template)
        written = (folder / "manifest.json").stat().st_mtime_ns
        if self._latest is None or self._latest[:2] != (template, written):
            self._latest = (template, written, self._own(template, folder))
        return self._latest[2]

    def _own(self, template: str, folder: Path) -> Animator | Character:
        """Who performs on a template of the user's own."""
        if is_worn(folder):
            return self.animator.wearing(Template.load(folder))
        return Character.load(self.animator, template)

    def add_character(
        self,
        mesh: PolygonMesh,
        name: str,
        landmarks: Mapping[str, NDArray[np.float64]] | None,
        progress: Callable[[str, float], None],
    ) -> MadeTemplate:
        """Fit and bind a mesh, and keep it as a template; one that had the name is replaced at the very end.

        Args:
            mesh: neutral, lips closed or nearly so.
            name: of the template.
            landmarks: named points of the mesh, or None to find the face.
            progress: as for ``make_template``.

        Raises:
            UserError: the name cannot be one, the mesh cannot be used, or no face is found in it.
        """
        folder = template_folder(name)
        made = make_template(self.animator.head, self.animator.template, mesh, name, landmarks, progress=progress)
        write_own_template(folder, made.template, name)
        return made
