"""Loss terms that a recipe adds to a scheme, one file each."""
