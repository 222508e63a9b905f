"""How finely a template is made: for games, for animators, for close-ups."""

from dataclasses import dataclass

from training.quad_parts import IRIS_DEGREES, PUPIL_DEGREES, EyeballGrid


@dataclass(frozen=True)
class Detail:
    """How many quads every part gets.

    Attributes:
        name: of the topology bundle.
        skin_quads: to which MakeHuman's head is coarsened; None for as many as it has.
        finer_skin: whether every quad of the skin is then split in four.
        eyeball: the grid of an eyeball.
        tooth_sides: quads along a side of the box of a front tooth and of a back tooth.
        mouth_quads: to which gums, palate and tongue are coarsened; None for as many as the kit has.
        brow_quads: about how many both brows get.
        hair_of: the topology whose hair it wears; None for one with hair of its own.
    """

    name: str
    skin_quads: int | None
    finer_skin: bool
    eyeball: EyeballGrid
    tooth_sides: tuple[int, int]
    mouth_quads: int | None
    brow_quads: int
    hair_of: str | None


DETAILS = {
    "light": Detail(
        name="light",
        skin_quads=1100,
        finer_skin=False,
        eyeball=EyeballGrid(4, (PUPIL_DEGREES, IRIS_DEGREES, 33.0, 52.0, 85.0, 130.0)),
        tooth_sides=(2, 2),
        mouth_quads=400,
        brow_quads=220,
        hair_of="hm08",
    ),
    "default": Detail(
        name="hm08",
        skin_quads=None,
        finer_skin=False,
        eyeball=EyeballGrid(),
        tooth_sides=(6, 4),
        mouth_quads=None,
        brow_quads=1800,
        hair_of=None,
    ),
    "fine": Detail(
        name="fine",
        skin_quads=None,
        finer_skin=True,
        eyeball=EyeballGrid(),
        tooth_sides=(6, 4),
        mouth_quads=None,
        brow_quads=1800,
        hair_of="hm08",
    ),
}
