"""How much noise a diffusion adds at every step, one file each."""
