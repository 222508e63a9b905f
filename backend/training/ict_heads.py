"""ICT-FaceKit "light" as training data: identities, poses, and the cures for its known defects.

The kit is linear: ``head = neutral + identities + expressions``. Linear shapes neither close the lips nor the lids of
every identity exactly, let lips and teeth through each other, and leave eyeballs and tongue still. Here an identity is
calibrated once (a lip seal, a blink gain per eye, and what either leaves open along the rims), eyeballs turn with
``eyeLook*``, pupils widen, the tongue has four shapes of our own, teeth rest a little apart, lids stay outside the
eyeballs and lips in front of the teeth, and lips and lids that would cross meet halfway.

Units inside this file: head units (``facetalk.head.head``), unless a name says centimetres.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from facetalk.evaluation.crossings import sphere
from facetalk.head.contact import TOUCHING_LIPS, blink_touching
from facetalk.head.eyes import GAZE_DEGREES, IRIS_DEGREES, PUPIL_DEGREES, PUPIL_GAIN, rotations
from training.capped_holes import cap_holes
from training.contact import KitContact, smallest_closing_weight
from training.dental_arch import ArchWall, facing_out, on_triangles
from training.eye_opening import eye_opening
from training.ict_bands import lid_band, lip_band, near_lips
from training.ict_landmarks import IBUG_VERTICES, ORIGIN_CENTIMETRES, UNITS_PER_CENTIMETRE
from training.ict_tongue import tongue_shapes, tongue_weight
from training.lids_on_eyeballs import keep_lids_outside
from training.quad_loops import QuadLoops
from training.rig import PUPIL_CONTROLS, RIG_CONTROLS
from training.rims import LIP_LOOPS, RimGrid, lid_rims, lip_rims
from training.training_heads import CODE_SIZE_IDENTITY, PARTS, Calibration

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

LID_EDGES = ((37, 39), (44, 42))  # iBUG points on the upper lid's edge and at the inner corner, right and left
CANONICAL_POSE = {"jawOpen": 0.16, "eyeWide_L": 0.15, "eyeWide_R": 0.15}  # no two surfaces touch
FREEWAY = 0.07  # of the jaw's drop: people's teeth rest a little apart, the kit's run through each other
LIP_FILM = 0.04 * UNITS_PER_CENTIMETRE  # kept between lips and teeth
# Of keeping before what lies behind, and meeting: what met may have gone into it, and may have parted coming out.
LIP_ROUNDS, LID_ROUNDS = 2, 4


class IctHeads:
    """The kit with its cures.

    Attributes:
        vertices_of: part name -> vertex indices into the kit's numbering.
        triangles_of: part name -> triangles ``[F, 3]`` in the kit's numbering; every part is watertight.
        skin_quads: the skin's faces ``[Q, 4]``; a triangle has -1 in its last column.
        mouth_quads: those of gums, palate and tongue, an open sheet.
        mouth_socket: the skin's vertices inside the mouth.
        eye_sockets: the skin's vertices behind the lids.
        teeth: jaw's part name -> its teeth, each as kit vertices.
        tongue_weight: how much of every vertex ``[V]`` is tongue.
    """

    def __init__(self, arrays: dict[str, Any]) -> None:
        scale = float(arrays["scale_cm"]) * UNITS_PER_CENTIMETRE
        self.neutral: Array = arrays["neutral"] * scale + ORIGIN_CENTIMETRES * UNITS_PER_CENTIMETRE
        self.identity_modes: Array = arrays["identity"][:CODE_SIZE_IDENTITY] * scale
        ranges = {
            str(name): (int(a), int(b))
            for name, (a, b) in zip(arrays["part_names"], arrays["part_ranges"], strict=True)
        }
        self._ranges = ranges
        self._quads = arrays["quads"]
        names = [str(name) for name in arrays["expression_names"]]
        shapes = {name: arrays["expression"][names.index(name)] * scale for name in names}
        self.jaw_drop: Array = shapes["jawOpen"]
        self.tongue_weight = tongue_weight(self.neutral, self.jaw_drop, ranges["gums_and_tongue"])
        shapes.update(tongue_shapes(self.neutral, self.tongue_weight))
        self._component_of = self._label_components()
        self.eyes = {side: self._eyeball(side) for side in ("left", "right")}
        shapes.update({name: self._pupil_shape(name) for name in PUPIL_CONTROLS})
        self.controls: Array = np.stack([shapes[name] for name in RIG_CONTROLS])
        self.vertices_of, self.triangles_of = self._split_parts()
        self.skin_quads: Indices = self._quads[self._quads.max(axis=1) < ranges["eye_socket_right"][1]]
        mouth = np.arange(*ranges["gums_and_tongue"])
        self.mouth_quads: Indices = self._quads[np.isin(self._quads[:, 0], mouth)]
        self.mouth_socket: Indices = np.arange(*ranges["mouth_socket"])
        self.eye_sockets: Indices = np.arange(ranges["eye_socket_left"][0], ranges["eye_socket_right"][1])
        self.teeth = {part: self._single_teeth(part) for part in ("upper_teeth", "lower_teeth")}
        self._teeth_fronts = [facing_out(self.neutral, self.triangles_of[part]) for part in self.teeth]
        of_skin, face = ranges["mouth_socket"][1], ranges["face"][1]
        self.lips = lip_band(self.neutral, self.jaw_drop, of_skin)
        blinks = {"left": shapes["eyeBlink_L"], "right": shapes["eyeBlink_R"]}
        self.lids = {side: lid_band(self.neutral, blink, face, side) for side, blink in blinks.items()}
        self._around_mouth = near_lips(self.neutral, of_skin, 3.5)
        self.rims = self._rim_grids()
        average = np.zeros(CODE_SIZE_IDENTITY)
        mean = self.canonical(average, self.calibrate(average))
        skin = self.vertices_of["skin"]
        self._contacts = {name: KitContact.of(name, mean, skin, grid) for name, grid in self.rims.items()}

    @classmethod
    def load(cls, folder: Path) -> "IctHeads":
        """Read ``ict_light.npz`` from the data folder ``ict_facekit``."""
        with np.load(folder / "ict_light.npz", allow_pickle=False) as file:
            return cls({name: file[name] for name in file.files})

    def identity(self, code: Array) -> Array:
        """Uncalibrated neutral head ``[V, 3]`` of an identity code ``[100]`` (PCA weights, one per mode)."""
        head: Array = self.neutral + np.tensordot(code, self.identity_modes, axes=1)
        return head

    def calibrate(self, code: Array) -> Calibration:
        """Find the lip seal and the blink gains of an identity by bisection, and the gaps they leave."""
        head = self.identity(code)
        close = self.controls[RIG_CONTROLS.index("mouthClose")]
        seal = smallest_closing_weight(head, close, self.lips, -0.1, 0.25)
        sealed = head + seal * close
        blinks = []
        for side, name in (("left", "eyeBlink_L"), ("right", "eyeBlink_R")):
            shape = self.controls[RIG_CONTROLS.index(name)]
            gain = smallest_closing_weight(sealed, shape, self.lids[side], 0.6, 1.8)
            blinks.append(gain)
        return Calibration(seal, blinks[0], blinks[1])

    def pose(self, code: Array, calibration: Calibration, weights: Array) -> Array:
        """Pose one identity.

        Args:
            code: identity code ``[100]``.
            calibration: of the same identity.
            weights: rig weights ``[N, R]`` in the order of ``RIG_CONTROLS``.

        Returns:
            Vertices ``[N, V, 3]``.
        """
        posed, blinks = self._pose_freely(code, calibration, weights)
        for _ in range(LIP_ROUNDS):
            self._keep_lips_before_teeth(posed)
            self._contacts["lips"].resolve(posed, torch.full((len(posed),), TOUCHING_LIPS))
        for side, blink in blinks.items():
            touching = blink_touching(torch.from_numpy(blink))
            for _ in range(LID_ROUNDS):
                self._keep_lids_before_eyeball(posed, side)
                self._contacts[f"lids_{side}"].resolve(posed, touching)
        return posed

    def _keep_lids_before_eyeball(self, posed: Array, side: str) -> None:
        band = self.lids[side]
        keep_lids_outside(posed, self.eyes[side], np.concatenate([band.upper, band.lower]))

    def _pose_freely(self, code: Array, calibration: Calibration, weights: Array) -> tuple[Array, dict[str, Array]]:
        """Vertices ``[N, V, 3]``, whatever goes through what, and how far eyes blink ``[N]`` by side."""
        weights = np.array(weights, dtype=np.float64)
        look = {
            name: weights[:, RIG_CONTROLS.index(name)].copy() for name in RIG_CONTROLS if name.startswith("eyeLook")
        }
        blinks = {"left": weights[:, RIG_CONTROLS.index("eyeBlink_L")].copy()}
        blinks["right"] = weights[:, RIG_CONTROLS.index("eyeBlink_R")].copy()
        weights[:, RIG_CONTROLS.index("eyeBlink_L")] *= calibration.blink_left
        weights[:, RIG_CONTROLS.index("eyeBlink_R")] *= calibration.blink_right
        weights[:, RIG_CONTROLS.index("mouthClose")] += calibration.lip_seal
        head = self.identity(code)
        flat = self.controls.reshape(len(RIG_CONTROLS), -1)
        posed: Array = head[None] + (weights @ flat).reshape(len(weights), -1, 3)
        for part in ("lower_teeth", "mouth"):
            posed[:, self.vertices_of[part]] += FREEWAY * self.jaw_drop[self.vertices_of[part]]
        for side in ("left", "right"):
            self._turn_eyeball(posed, head, side, look)
        return posed, blinks

    def canonical(self, code: Array, calibration: Calibration) -> Array:
        """The head ``[V, 3]`` in canonical pose: mouth slightly open, eyes open, so that there is no contact."""
        posed, _ = self._pose_freely(code, calibration, rig_weights(CANONICAL_POSE)[None])
        for side in self.eyes:
            self._keep_lids_before_eyeball(posed, side)
        self._keep_lips_before_teeth(posed)
        return np.asarray(posed[0])

    def eye_opening(self, head: Array, side: str) -> tuple[Array, Array]:
        """Upper and lower rim of an eye's opening on a head ``[V, 3]``, as ``training.eye_opening`` finds them."""
        centre = head[self.eyes[side]].mean(axis=0)
        reach = 2.0 * UNITS_PER_CENTIMETRE
        return eye_opening(head, self.triangles_of["skin"], head, self.triangles_of["eyeballs"], centre, reach)

    def gaze(self, head: Array, side: str) -> Array:
        """Unit direction ``[3]`` in which an eye looks at rest: to the apex of its cornea, on a head ``[V, 3]``."""
        shell = head[self.eyes[side]]
        centre = sphere(shell)[0]
        apex = np.linalg.norm(shell - centre, axis=1).argsort()[-30:]
        direction = (shell[apex] - centre).mean(axis=0)
        return np.asarray(direction / np.linalg.norm(direction))

    def linear_controls(self, code: Array, calibration: Calibration, vertices: Indices) -> Array:
        """Displacement per unit of every rig control, ``[R, N, 3]``, to first order, at some kit vertices ``[N]``."""
        controls = self.controls[:, vertices].copy()
        controls[RIG_CONTROLS.index("eyeBlink_L")] *= calibration.blink_left
        controls[RIG_CONTROLS.index("eyeBlink_R")] *= calibration.blink_right
        head = self.identity(code)
        for side, letter in (("left", "L"), ("right", "R")):
            turning = np.isin(vertices, self.eyes[side])
            radius = head[vertices[turning]] - sphere(head[self.eyes[side]])[0]
            angle = np.radians(GAZE_DEGREES)
            inward = -1.0 if side == "left" else 1.0
            axes = {"Down": (1, 0, 0), "Up": (-1, 0, 0), "In": (0, inward, 0), "Out": (0, -inward, 0)}
            for name, axis in axes.items():
                row = RIG_CONTROLS.index(f"eyeLook{name}_{letter}")
                controls[row, turning] = np.cross(np.array(axis) * angle, radius)
        return np.asarray(controls)

    def _turn_eyeball(self, posed: Array, head: Array, side: str, look: dict[str, Array]) -> None:
        letter, inward = ("L", -1.0) if side == "left" else ("R", 1.0)
        yaw = inward * (look[f"eyeLookIn_{letter}"] - look[f"eyeLookOut_{letter}"])
        pitch = look[f"eyeLookDown_{letter}"] - look[f"eyeLookUp_{letter}"]
        vertices = self.eyes[side]
        centre = sphere(head[vertices])[0]
        angles = (torch.from_numpy(np.radians(GAZE_DEGREES) * turning) for turning in (pitch, yaw))
        turn = rotations(*angles).numpy()
        # All that has moved an eyeball so far is its pupil, which slides on the ball.
        slid = posed[:, vertices] - centre
        radius = np.linalg.norm(head[vertices] - centre, axis=1, keepdims=True)
        slid *= radius / np.linalg.norm(slid, axis=-1, keepdims=True)
        posed[:, vertices] = slid @ turn.transpose(0, 2, 1) + centre

    def _keep_lips_before_teeth(self, posed: Array) -> None:
        """Lips lie on the teeth, upper and lower; a lip that is pushed moves as a whole."""
        lips = np.concatenate([self.lips.upper, self.lips.lower])
        for head in posed:
            for front in self._teeth_fronts:
                ArchWall.of(on_triangles(head, front)).push_out(head, lips, self._around_mouth, LIP_FILM)

    def _pupil_shape(self, name: str) -> Array:
        """A wider pupil ``[V, 3]``: what lies within slides outwards on the ball, and the iris gives way."""
        side = "left" if name.endswith("L") else "right"
        shape = np.zeros_like(self.neutral)
        shell = self.eyes[side]
        centre = sphere(self.neutral[shell])[0]
        ray = self.neutral[shell] - centre
        along = ray @ self.gaze(self.neutral, side)
        aside = ray - along[:, None] * self.gaze(self.neutral, side)
        degrees = np.degrees(np.arctan2(np.linalg.norm(aside, axis=1), along))
        gain = np.interp(degrees, [0.0, PUPIL_DEGREES, IRIS_DEGREES], [PUPIL_GAIN, PUPIL_GAIN, 0.0])
        shape[shell] = gain[:, None] * aside
        return shape

    def _eyeball(self, side: str) -> Indices:
        """Vertices of an eyeball's outer shell: the first of its two components (the other is the iris inside it)."""
        first, last = self._ranges[f"eyeball_{side}"]
        shell = np.arange(first, last)
        return shell[self._component_of[shell] == self._component_of[first]]

    def _single_teeth(self, part: str) -> list[Indices]:
        """The teeth of one jaw, each as its vertices."""
        vertices = self.vertices_of[part]
        labels = self._component_of[vertices]
        return [vertices[labels == label] for label in np.unique(labels)]

    def _label_components(self) -> Indices:
        """The connected component of every kit vertex ``[V]``."""
        quads = np.where(self._quads < 0, self._quads[:, :1], self._quads)
        row, column = quads.reshape(-1), np.roll(quads, -1, axis=1).reshape(-1)
        size = len(self.neutral)
        graph = coo_matrix((np.ones(len(row)), (row, column)), shape=(size, size))
        return np.asarray(connected_components(graph, directed=False)[1])

    def _split_parts(self) -> tuple[dict[str, Indices], dict[str, Indices]]:
        quads = self._quads
        triangles = np.concatenate([quads[:, :3], quads[quads[:, 3] >= 0][:, [0, 2, 3]]]).astype(np.int64)
        dropped = np.linalg.norm(self.jaw_drop, axis=1) > 0.5 * UNITS_PER_CENTIMETRE
        of_vertex = np.full(len(self.neutral), -1)
        of_vertex[: self._ranges["eye_socket_right"][1]] = PARTS.index("skin")
        for side in ("left", "right"):
            of_vertex[self.eyes[side]] = PARTS.index("eyeballs")
        teeth = np.arange(*self._ranges["teeth"])
        of_vertex[teeth] = np.where(dropped[teeth], PARTS.index("lower_teeth"), PARTS.index("upper_teeth"))
        of_vertex[slice(*self._ranges["gums_and_tongue"])] = PARTS.index("mouth")
        vertices_of = {name: np.flatnonzero(of_vertex == index) for index, name in enumerate(PARTS)}
        triangles_of = {name: triangles[of_vertex[triangles[:, 0]] == index] for index, name in enumerate(PARTS)}
        for name in ("skin", "mouth"):
            triangles_of[name] = cap_holes(triangles_of[name])
        return vertices_of, triangles_of

    def _rim_grids(self) -> dict[str, RimGrid]:
        """The rims of lips and lids, by the names of ``facetalk.head.contact.RIMS``."""
        loops = QuadLoops(self.skin_quads)
        right, left = ((IBUG_VERTICES[edge], IBUG_VERTICES[corner]) for edge, corner in LID_EDGES)
        return {
            "lips": lip_rims(loops, self.neutral, *LIP_LOOPS[0]),
            "lids_left": lid_rims(loops, self.neutral, *left),
            "lids_right": lid_rims(loops, self.neutral, *right),
        }


def rig_weights(pose: dict[str, float]) -> Array:
    """A dense rig weight vector ``[R]`` from named weights.

    Raises:
        KeyError: a name is no rig control.
    """
    weights = np.zeros(len(RIG_CONTROLS))
    for name, value in pose.items():
        if name not in RIG_CONTROLS:
            raise KeyError(name)
        weights[RIG_CONTROLS.index(name)] = value
    return weights
