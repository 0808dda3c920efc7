"""Measurements, run on demand and compared within one run. Tests never time."""
