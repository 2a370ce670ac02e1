"""SciPy functions that NumPy's dispatch cannot reach: import them from here and they trace.

With plain arrays they are SciPy's own functions.
"""
