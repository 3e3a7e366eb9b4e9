"""Figures: pure functions from arrays to matplotlib figures. No module here imports torch."""
