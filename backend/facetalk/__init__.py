"""FaceTalk: speech to an animated neural parametric head."""
