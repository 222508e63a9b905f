"""Latent diffusion over expression codes: from speech features to takes."""
