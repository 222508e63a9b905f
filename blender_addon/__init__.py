"""FaceTalk: a recorded line on Blender's timeline becomes an animated head."""
