"""The flat tape: rows of integers, their text form and the invariants they keep."""
