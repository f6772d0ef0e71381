"""The only room that sees a whole recipe: stages in order, the loop, checkpoints, signals, devices."""
