"""Drawn worlds: real questions, and agents and noise whose every property is set."""
