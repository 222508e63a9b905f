"""Speech features: what the motion model hears of a clip."""
