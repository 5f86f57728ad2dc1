"""Prices: the part that needs a processor."""
