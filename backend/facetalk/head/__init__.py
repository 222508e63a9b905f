"""The neural parametric head: identity field, expression field, meshing."""
