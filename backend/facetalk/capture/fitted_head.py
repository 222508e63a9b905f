"""The head as the fit sees it: the points that a tracker follows, and what rig controls do to them."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facetalk.capture.face_points import tied_vertices
from facetalk.head.head import MEASURING_POINTS, Head
from facetalk.head.head_points import HeadPoints
from facetalk.topology.template import Template
from facetalk.topology.wrap import wrap

# Responses are read off a face whose lips and lids are apart, for what touches does not move as it would.
APART = {"jawOpen": 0.4, "eyeBlink_L": 0.3, "eyeBlink_R": 0.3}
STEP = 0.5  # of a rig weight

FloatArray = NDArray[np.float64]


class FittedHead:
    """Landmarks on one identity.

    Attributes:
        controls: names of the rig controls.
        rig_to_code: ``[R, E]``.
        rest: the landmarks of the neutral face ``[N, 3]``, head units.
        response: what a weight of 1 of each control changes ``[R, N, 3]``, for all that is linear.
        eye_distance: of the outer eye corners, head units.
    """

    def __init__(self, head: Head, template: Template, identity: Tensor, numbers: Sequence[int]) -> None:
        """Land the template on an identity and find the landmarks on it.

        Args:
            head: the head.
            template: the template that the landmarks are tied to.
            identity: code ``[I]``.
            numbers: Face Mesh numbers of the N landmarks.

        Raises:
            UserError: the landmarks were measured on another template.
        """
        measuring = [template.landmarks[name] for name in MEASURING_POINTS]
        eyes = [template.landmarks[name] for name in ("outer_eye_left", "outer_eye_right")]
        vertices = torch.tensor([*tied_vertices(template, numbers), *measuring, *eyes])
        # The whole template is landed, and some of it prepared: contact looks at rims of its own.
        landed = torch.from_numpy(wrap(head, identity, template)).to(head.device)[vertices]
        parts = torch.from_numpy(template.parts.astype(np.int64))[vertices]
        mobility = torch.from_numpy(template.mobility)[vertices]
        self._points: HeadPoints = head.prepare(landed, parts, identity, mobility)
        self._count = len(numbers)
        self.controls: tuple[str, ...] = tuple(head.config["rig_controls"])
        self.rig_to_code = head.rig_to_code()
        resting = self._pose(np.zeros((1, len(self.controls))))[0]
        self.rest = resting[: self._count]
        self.eye_distance = float(np.linalg.norm(resting[-2] - resting[-1]))
        apart = np.array([APART.get(name, 0.0) for name in self.controls])
        stepped = self._pose(np.concatenate([apart[None], apart + STEP * np.eye(len(self.controls))]))
        self.response = (stepped[1:] - stepped[0])[:, : self._count] / STEP

    def pose(self, weights: FloatArray) -> FloatArray:
        """Landmarks ``[T, N, 3]`` of rig weights ``[T, R]``, head units."""
        return self._pose(weights)[:, : self._count]

    def curves(self, weights: FloatArray) -> FloatArray:
        """Inner-lip height, mouth width, left and right eye opening ``[T, 4]`` as ``docs/measures.md`` has them."""
        posed = self._pose(weights)[:, self._count :]
        pairs = [("inner_lip_upper", "inner_lip_lower"), ("mouth_corner_left", "mouth_corner_right")]
        pairs += [(f"upper_lid_{side}", f"lower_lid_{side}") for side in ("left", "right")]
        at = {name: place for place, name in enumerate(MEASURING_POINTS)}
        apart = [np.linalg.norm(posed[:, at[first]] - posed[:, at[second]], axis=1) for first, second in pairs]
        return np.stack(apart, axis=1) / np.linalg.norm(posed[:, -2] - posed[:, -1], axis=1)[:, None]

    def codes(self, weights: FloatArray) -> Tensor:
        """Expression codes ``[T, E]`` of rig weights ``[T, R]``."""
        return torch.from_numpy(weights).to(self.rig_to_code) @ self.rig_to_code

    def _pose(self, weights: FloatArray) -> FloatArray:
        return self._points.pose(self.codes(weights)).points.double().cpu().numpy()
