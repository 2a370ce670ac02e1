"""All programs of Python loops, branches and mutation: importing their files registers them."""

from __future__ import annotations

import loops_dynamic_programming
import loops_filters
import loops_finance
import loops_integrators
import loops_linear_algebra
import loops_networks
import loops_optimisers
import loops_pdes
import loops_python
import loops_roots
import loops_searches
import loops_stochastic
from program_registry import LOOPS

__all__ = ["LEAVES_NUMPY", "LOOPS"]

MODULES = (
    loops_dynamic_programming,
    loops_filters,
    loops_finance,
    loops_integrators,
    loops_linear_algebra,
    loops_networks,
    loops_optimisers,
    loops_pdes,
    loops_python,
    loops_roots,
    loops_searches,
    loops_stochastic,
)
assert {p.fn.__module__ for p in LOOPS} == {m.__name__ for m in MODULES}
assert len({p.name for p in LOOPS}) == len(LOOPS)

# These call functions of `math`, `float` or `int` on values, which NumPy's protocols do not see.
LEAVES_NUMPY = {
    "builtins_of_values",
    "collatz",
    "dataclass_state",
    "hawkes",
    "hedged_call",
    "implied_volatility",
    "integer_parts",
    "option_book",
    "pendulum_euler",
    "planets",
    "secant",
    "trapezoid_loop",
}
assert {p.name for p in LOOPS} >= LEAVES_NUMPY
