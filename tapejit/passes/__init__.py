"""Tape to tape: derivatives, simplification, and the schedule that codegen writes out."""
