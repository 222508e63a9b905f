"""Training of the embedded models. Never imported at run time."""
