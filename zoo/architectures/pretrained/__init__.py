"""Networks that others have trained: weights that come with an optional package, and are never stood in for."""
