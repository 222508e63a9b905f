"""ICT-FaceKit's measure and origin, and where the points of a face are among its vertices."""

import numpy as np

UNITS_PER_CENTIMETRE = 0.04  # FLAME metres times 4
ORIGIN_CENTIMETRES = np.array([0.0, -1.65, -6.0])  # puts the kit's mean face on the NPHM family's anchors

# The 68 iBUG landmarks as vertices of the kit: jaw 0-16, brows 17-26, nose 27-35, right eye 36-41, left eye 42-47,
# outer lips 48-59, inner lips 60-67. "Right" is the subject's right, at negative x.
IBUG_VERTICES: tuple[int, ...] = (
    *(1225, 1888, 1052, 367, 1719, 1722, 2199, 1447, 966, 3661, 4390, 3927, 3924, 2608, 3272, 4088, 3443),
    *(268, 493, 1914, 2044, 1401, 3615, 4240, 4114, 2734, 2509),
    *(978, 4527, 4942, 4857, 1140, 2075, 1147, 4269, 3360),
    *(1507, 1542, 1537, 1528, 1518, 1511, 3742, 3751, 3756, 3721, 3725, 3732),
    *(5708, 5695, 2081, 0, 4275, 6200, 6213, 6346, 6461, 5518, 5957, 5841),
    *(5702, 5711, 5533, 6216, 6207, 6470, 5517, 5966),
)
