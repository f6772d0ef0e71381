"""Figures and tables from results; knows no models."""
