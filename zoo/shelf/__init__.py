"""The shelf: files that are never half-written, checkpoints, cards, publishing, loading."""
