"""Normalizing flows of whole responses, and what is distilled from them."""
