"""Estimators that scikit-learn fits and the zoo evaluates, one file each."""
