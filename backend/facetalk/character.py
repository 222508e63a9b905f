"""A character of the user's own: a mesh that an animator's takes are performed by."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch

from facetalk import presets
from facetalk.animate import Animator, Progress
from facetalk.clip import Clip
from facetalk.errors import UserError
from facetalk.head.fitting import FittedIdentity, fit_scan
from facetalk.head.head import Head
from facetalk.head.registration import require_units
from facetalk.head.scan_landmarks import read_landmarks
from facetalk.take import BALD, FrameBatch, TakeSettings
from facetalk.topology.mesh_binding import BoundMesh, bind_mesh
from facetalk.topology.own_template import OwnMesh, OwnTemplate, read_own_template, require_own_template
from facetalk.topology.polygon_mesh import read_polygon_mesh
from facetalk.topology.template import Template

HEAD_NAME = presets.HEAD.rpartition("/")[2]
OWN_FACE = TakeSettings().identity  # the only identity that a character has is its own


class Character:
    """The user's own mesh in place of a face; a ``facetalk.service.stream.TakeSource``.

    Args:
        animator: makes the performance.
        template: the mesh, bound to the animator's head.
    """

    def __init__(self, animator: Animator, template: OwnTemplate) -> None:
        self._animator, self._template = animator, template
        self._bound = BoundMesh(animator.head, template.mesh.vertices, template.binding)

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
    def device(self) -> torch.device:
        """Where the models run."""
        return self._animator.device

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
        return self._template.face()

    def frame_count(self, clip: Clip, fps: float) -> int:
        """Frames of a take, as ``Animator.frame_count``."""
        return self._animator.frame_count(clip, fps)

    def frames(self, clip: Clip, settings: TakeSettings, progress: Progress | None = None) -> Iterator[FrameBatch]:
        """Pose a take, in the mesh's own units and axes; otherwise as ``Animator.frames``."""
        self.mesh(settings.identity, settings.hair)
        return self._animator.perform(self._bound.pose, clip, settings, progress)


def make_template(
    head: Head,
    template: Template,
    source: Path,
    name: str,
    landmarks: Path | None = None,
    units: str | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> tuple[OwnTemplate, FittedIdentity, str]:
    """Fit a head to a mesh and bind the mesh to it.

    Args:
        head: the embedded head.
        template: the default template.
        source: the mesh: .obj, .ply, .stl or .glb; neutral, lips closed or nearly so.
        name: of the template.
        landmarks: a file of named points, or None to find the face.
        units: of the mesh, or None to find out.
        progress: told what is done (``surface``, ``align``, ``fit``, ``bind``) and the fraction done.

    Returns:
        The template, the identity that was fitted, and what the mesh's size means.

    Raises:
        UserError: the mesh cannot be read or used, or no face is found in it.
    """
    report = progress or (lambda what, fraction: None)
    require_units(units)
    points = None if landmarks is None else read_landmarks(landmarks)
    mesh = read_polygon_mesh(source)
    fitted, alignment = fit_scan(head, mesh.scan(), landmarks=points, units=units, progress=report)
    report("bind", 0.0)
    binding = bind_mesh(head, template, mesh, fitted.code.to(head.device), fitted.transform)
    report("bind", 1.0)
    return OwnTemplate(name, HEAD_NAME, mesh, binding), fitted, alignment.describe_size()
