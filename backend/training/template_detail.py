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
        dipping: whether what is behind the lids ends where the neural skin dips into the eyeballs, or else hidden in
            them right behind the edge (``training.eye_sockets``).
        eyeball: the grid of an eyeball.
        tooth_sides: quads along a side of the box of a front tooth and of a back tooth.
        whole_teeth: whether quads stay of which a part is hidden in gums and neighbours: large ones would leave gaps.
        mouth_quads: to which gums, palate and tongue are coarsened, without a throat; None for as many as the kit has.
        brow: rows and columns of quads over a brow's front; None for all of its volume, in ``BROW_QUADS``.
        hair_of: the topology whose hair it wears; None for one with hair of its own.
    """

    name: str
    skin_quads: int | None
    finer_skin: bool
    dipping: bool
    eyeball: EyeballGrid
    tooth_sides: tuple[int, int]
    whole_teeth: bool
    mouth_quads: int | None
    brow: tuple[int, int] | None
    hair_of: str | None


DETAILS = {
    "light": Detail(
        name="light",
        skin_quads=1400,
        finer_skin=False,
        dipping=True,
        eyeball=EyeballGrid(4, (PUPIL_DEGREES, IRIS_DEGREES, 34.0, 46.0, 60.0, 78.0, 105.0), closed=False),
        tooth_sides=(2, 2),
        whole_teeth=True,
        mouth_quads=400,
        brow=(4, 14),
        hair_of="hm08",
    ),
    "default": Detail(
        name="hm08",
        skin_quads=None,
        finer_skin=False,
        dipping=False,
        eyeball=EyeballGrid(),
        tooth_sides=(6, 4),
        whole_teeth=False,
        mouth_quads=None,
        brow=None,
        hair_of=None,
    ),
    "fine": Detail(
        name="fine",
        skin_quads=None,
        finer_skin=True,
        dipping=False,
        eyeball=EyeballGrid(),
        tooth_sides=(6, 4),
        whole_teeth=False,
        mouth_quads=None,
        brow=None,
        hair_of="hm08",
    ),
}
