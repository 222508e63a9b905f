"""Performance capture: a video of one talking face becomes expression codes and head rotations."""
