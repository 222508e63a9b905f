"""A character of the user's own: a mesh that an animator's takes are performed by."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from facetalk import presets
from facetalk.animate import Animator, Pose
from facetalk.errors import UserError
from facetalk.head.fitting import FittedIdentity, fit_scan
from facetalk.head.head import Head
from facetalk.head.registration import require_units
from facetalk.stand_in import StandIn
from facetalk.take import BALD, TakeSettings
from facetalk.topology.carried_groups import carried_groups
from facetalk.topology.mesh_binding import BoundMesh, bind_mesh
from facetalk.topology.own_template import OwnMesh, OwnTemplate, read_own_template, require_own_template
from facetalk.topology.polygon_mesh import PolygonMesh
from facetalk.topology.template import Template

HEAD_NAME = presets.HEAD.rpartition("/")[2]
OWN_FACE = TakeSettings().identity  # the only identity that a character has is its own


class Character(StandIn):
    """The user's own mesh in place of a face; a ``facetalk.service.stream.TakeSource``.

    Args:
        animator: makes the performance.
        template: the mesh, bound to the animator's head.
    """

    def __init__(self, animator: Animator, template: OwnTemplate) -> None:
        super().__init__(animator)
        self._template = template
        self._bound = BoundMesh(animator.head, template.mesh.vertices, template.binding)
        face, groups = template.face(), carried_groups(animator.head, animator.template, template.binding)
        self._face = replace(face, groups={**face.groups, **groups})

    @classmethod
    def load(cls, animator: Animator, name: str) -> "Character":
        """The character of a template's name or folder.

        Raises:
            UserError: there is none, or it is damaged or made for another head.
        """
        head = animator.head
        folder = require_own_template(name)
        return cls(animator, read_own_template(folder, HEAD_NAME, head.identity_size, len(head.parts)))

    @property
    def models(self) -> Sequence[str]:
        """Names of the bundles in use."""
        return (*self._animator.models[:-1], self._template.name)

    def mesh(self, identity: str, hair: str | None = None) -> OwnMesh:
        """The mesh at rest.

        Raises:
            UserError: another face or hair is asked for than the mesh's own.
        """
        if identity != OWN_FACE:
            raise UserError(f"The template {self._template.name} has a face of its own: leave the identity out.")
        if hair not in (None, BALD):
            raise UserError(f"The template {self._template.name} has hair of its own, or none: leave the hair out.")
        return self._face

    def _posing(self, identity: str) -> Pose:
        """Poses the bound mesh, whose face is its own."""
        return self._bound.pose


@dataclass(frozen=True)
class MadeTemplate:
    """A template of a mesh, and what people should know of it.

    Attributes:
        template: the mesh, bound.
        fitted: the identity that was fitted to it.
        size: what the mesh's size means, in words.
    """

    template: OwnTemplate
    fitted: FittedIdentity
    size: str

    def summary(self) -> str:
        """What was made of the mesh, one sentence."""
        binding = self.template.binding
        return (
            f"{len(binding.moving):,} of {len(self.template.mesh.vertices):,} vertices move; the face is followed to "
            f"{self.fitted.face.mean:.2f} mm; {binding.body.max() + 1} pieces move as one body; the mesh shows "
            f"{self.size}."
        )

    def remarks(self) -> list[str]:
        """What is unusual, one sentence each."""
        inside_out = ["The mesh's faces point inwards: that is allowed for, but it renders inside out."]
        own = inside_out if self.template.binding.inside_out else []
        return [*self.template.mesh.remarks(), *self.fitted.remarks(), *own]


def make_template(
    head: Head,
    template: Template,
    mesh: PolygonMesh,
    name: str,
    landmarks: Mapping[str, NDArray[np.float64]] | None = None,
    units: str | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> MadeTemplate:
    """Fit a head to a mesh and bind the mesh to it.

    Args:
        head: the embedded head.
        template: the default template.
        mesh: neutral, lips closed or nearly so.
        name: of the template.
        landmarks: named points of the mesh, or None to find the face.
        units: of the mesh, or None to find out.
        progress: told what is done (``surface``, ``align``, ``fit``, ``bind``) and the fraction done; may raise to
            cancel.

    Raises:
        UserError: the mesh cannot be used, or no face is found in it.
    """
    report = progress or (lambda what, fraction: None)
    require_units(units)
    points = None if landmarks is None else dict(landmarks)
    fitted, alignment = fit_scan(head, mesh.scan(), landmarks=points, units=units, progress=report)
    report("bind", 0.0)
    binding = bind_mesh(head, template, mesh, fitted.code.to(head.device), fitted.transform)
    report("bind", 1.0)
    return MadeTemplate(OwnTemplate(name, HEAD_NAME, mesh, binding), fitted, alignment.describe_size())
