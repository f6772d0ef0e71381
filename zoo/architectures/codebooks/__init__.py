"""Codebooks: how vectors become numbers of entries, and how the entries learn."""
