"""Recipes: TOML with `extends` and `--set`, the schema assembled from the catalogue, error messages, the digest."""
