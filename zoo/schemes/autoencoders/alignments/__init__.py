"""Ways to draw generated codes to encoded ones, one file each."""
