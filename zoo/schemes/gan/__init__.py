"""Generative adversarial networks: objectives, regularisers and the auxiliary regressor, one file each."""
