"""Foundations that know nothing of tapes: avals, pytrees, errors, source locations, settings."""
