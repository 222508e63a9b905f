"""An imported head in place of the embedded one: its identities wear the template, and perform an animator's takes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facetalk import presets
from facetalk.animate import Animator, Pose
from facetalk.errors import UserError
from facetalk.head.head import Head, to_blender
from facetalk.head.parametric_head import FollowedPoints, RiggedHead
from facetalk.head.published_head import PublishedHead
from facetalk.head.similarity import Similarity
from facetalk.stand_in import StandIn
from facetalk.take import BALD, TakeSettings
from facetalk.topology.borrowed_parts import BorrowedParts, shown_vertices
from facetalk.topology.face_model import SKIN, FaceModel
from facetalk.topology.surface_landing import LandedTemplate, landed_once
from facetalk.topology.template import FaceMesh
from facetalk.topology.tensor_cache import TensorCache, own_folder


@dataclass
class RootCount:
    """How many vertices of how many frames a head was asked for, and how many of them it could not find.

    Backward fields are inverted by root finding; what is not found keeps the best guess.
    """

    asked: int = 0
    missed: int = 0

    def add(self, converged: Tensor) -> None:
        """Count vertices ``[T, N]``, of which these were found."""
        self.asked += converged.numel()
        self.missed += int((~converged).sum())

    def remark(self) -> str:
        """What people should know if any were missed, one sentence."""
        share = self.missed / max(self.asked, 1)
        return f"{share:.3%} of the vertices were not found on this head, a frame each, and keep the best guess."


@dataclass(frozen=True)
class _Actor:
    """An identity wearing the template."""

    mesh: FaceMesh
    points: FollowedPoints
    borrowed: BorrowedParts
    transform: Similarity  # from the head's space to ours


class ImportedHead(StandIn):
    """An imported head; a ``facetalk.service.stream.TakeSource`` that knows every form of takes.

    Args:
        animator: makes the performances, in codes of the embedded head.
        head: the imported one.
        name: of its bundle.
        content: what makes both heads what they are, such as their manifests: part of the key of what is kept.
        cache: keeps landed templates.

    Attributes:
        roots: of all takes so far.

    Raises:
        UserError: the head was taught no rig, or another one than the embedded head's.
    """

    def __init__(
        self, animator: Animator, head: RiggedHead, name: str, content: Sequence[str], cache: TensorCache
    ) -> None:
        super().__init__(animator)
        self._imported, self._name = head, name
        self._content, self._cache = tuple(content), cache
        self._translation = translation(animator.head, head, name).to(animator.device)
        self._model = FaceModel.of(animator.head, animator.template)
        self._actors: dict[str, _Actor] = {}
        self.roots = RootCount()

    @classmethod
    def load(cls, animator: Animator, folder: Path) -> "ImportedHead":
        """The head of a bundle that ``facetalk head import`` wrote and ``training.published_rig`` taught the rig.

        Raises:
            UserError: the bundle is missing, damaged, of another kind, or was taught no rig.
        """
        head = PublishedHead.load(folder, animator.device)
        bundles = (folder, presets.preset(presets.HEAD))
        content = [(bundle / "manifest.json").read_text(encoding="utf-8") for bundle in bundles]
        return cls(animator, head, folder.resolve().name, content, TensorCache(own_folder()))

    @property
    def models(self) -> Sequence[str]:
        """Names of the bundles in use."""
        return (*self._animator.models, self._name)

    def mesh(self, identity: str, hair: str | None = None) -> FaceMesh:
        """The mesh of an identity at rest; the template lands on it the first time.

        Raises:
            UserError: no such identity, there is no face on it, or hair is asked for.
        """
        if hair not in (None, BALD):
            raise UserError(
                f"The head {self._name} has no hair styles, its surface has what hair there is: leave it out."
            )
        return self._actor(identity).mesh

    def landed(
        self,
        identity: str,
        landmarks: dict[str, NDArray[np.float64]] | None = None,
        progress: Callable[[str, float], None] | None = None,
    ) -> LandedTemplate:
        """The template on an identity, in the head's canonical pose and units; kept once it is made.

        Args:
            identity: its name.
            landmarks: positions on the head by name, to land it by and keep that instead; None to find the face.
            progress: told how far it is.

        Raises:
            UserError: no such identity, or there is no face on it.
        """
        code = self._imported.identity(identity)
        return landed_once(self._cache, self._content, self._imported, code, self._model, landmarks, progress)

    def _posing(self, identity: str) -> Pose:
        """Poses the frames of one take, each from the one before."""
        actor = self._actor(identity)
        points = actor.points

        def pose(codes: Tensor) -> NDArray[np.float32]:
            nonlocal points
            posed, points = points.follow(codes @ self._translation)
            self.roots.add(posed.converged)
            whole = actor.borrowed.pose(codes, moved(posed.points, actor.transform))
            return _in_blender(moved_back(whole, actor.transform))

        return pose

    def _actor(self, identity: str) -> _Actor:
        if identity not in self._actors:
            landed, template = self.landed(identity), self._model.template
            shown = shown_vertices(self._model)
            points = self._imported.prepare(
                torch.from_numpy(landed.vertices[shown]).float(),
                torch.full((len(shown),), SKIN),
                self._imported.identity(identity),
                torch.from_numpy(template.mobility[shown]),
            )
            own, fitted = (landed.transform.apply(each) for each in (landed.vertices, landed.fitted))
            borrowed = BorrowedParts.of(self._model, landed.shape, fitted, own)
            mesh = self._animator.mesh(TakeSettings().identity, BALD)
            self._actors[identity] = _Actor(mesh, points, borrowed, landed.transform)
            (rest,) = self._posing(identity)(torch.zeros(1, self.head.expression_size, device=self.device))
            self._actors[identity] = replace(self._actors[identity], mesh=replace(mesh, vertices=rest))
        return self._actors[identity]


def translation(own: Head, head: RiggedHead, name: str) -> Tensor:
    """What turns codes of the embedded head into another head's ``[E, E of the other]``: both are linear in a rig.

    Raises:
        UserError: the other was taught no rig, or one without some of the controls.
    """
    controls, rig_to_code = list(own.config["rig_controls"]), head.rig_to_code()
    missing = [control for control in controls if control not in head.rig_controls]
    if missing:
        raise UserError(
            f"The head {name} was taught another rig, without {', '.join(missing[:3])}: teach it this version's with "
            "`python -m training.published_rig`."
        )
    rows = [head.rig_controls.index(control) for control in controls]
    return torch.linalg.pinv(own.rig_to_code().double().cpu()).float() @ rig_to_code[rows].float().cpu()


def moved(points: Tensor, transform: Similarity) -> Tensor:
    """Points ``[..., 3]`` where a transform takes them."""
    rotation, translation = _of(transform, points)
    return transform.scale * points @ rotation.T + translation


def moved_back(points: Tensor, transform: Similarity) -> Tensor:
    """Points ``[..., 3]`` where a transform takes them from."""
    rotation, translation = _of(transform, points)
    return (points - translation) @ rotation / transform.scale


def _of(transform: Similarity, like: Tensor) -> tuple[Tensor, Tensor]:
    return torch.from_numpy(transform.rotation).to(like), torch.from_numpy(transform.translation).to(like)


def _in_blender(points: Tensor) -> NDArray[np.float32]:
    return np.ascontiguousarray(to_blender(points).cpu().numpy(), dtype=np.float32)
