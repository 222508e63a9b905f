"""The rig controls that training data is posed with: the vocabulary between articulation and head.

A rig weight runs from 0 to 1. Names are ARKit's as ICT-FaceKit spells them; ``eyeLook*`` turns the eyeball as well as
the lids; four tongue shapes and the widening of the pupils on the eyeball's surface are our own, since the scan data
has none.
"""

TONGUE_CONTROLS = ("tongueOut", "tongueTipUp", "tongueBetweenTeeth", "tongueBackUp")
PUPIL_CONTROLS = ("PupilDilate_L", "PupilDilate_R")

RIG_CONTROLS: tuple[str, ...] = (
    *("browDown_L", "browDown_R", "browInnerUp_L", "browInnerUp_R", "browOuterUp_L", "browOuterUp_R"),
    *("cheekPuff_L", "cheekPuff_R", "cheekRaiser_L", "cheekRaiser_R", "cheekSquint_L", "cheekSquint_R"),
    *("eyeBlink_L", "eyeBlink_R", "eyeLookDown_L", "eyeLookDown_R", "eyeLookIn_L", "eyeLookIn_R"),
    *("eyeLookOut_L", "eyeLookOut_R", "eyeLookUp_L", "eyeLookUp_R", "eyeSquint_L", "eyeSquint_R"),
    *("eyeWide_L", "eyeWide_R", "jawForward", "jawLeft", "jawOpen", "jawRight", "mouthClose"),
    *("mouthDimple_L", "mouthDimple_R", "mouthFrown_L", "mouthFrown_R", "mouthFunnel", "mouthLeft"),
    *("mouthLowerDown_L", "mouthLowerDown_R", "mouthPress_L", "mouthPress_R", "mouthPucker", "mouthRight"),
    *("mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper", "mouthSmile_L", "mouthSmile_R"),
    *("mouthStretch_L", "mouthStretch_R", "mouthUpperUp_L", "mouthUpperUp_R", "noseSneer_L", "noseSneer_R"),
    *TONGUE_CONTROLS,
    *PUPIL_CONTROLS,
)
