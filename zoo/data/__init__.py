"""From files to batches: sources, splits, features, transforms, and the shipped GEANT sample."""
