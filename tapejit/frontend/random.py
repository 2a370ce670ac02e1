"""Generators of random numbers as code under capture sees them: each call of a method is a row.

A stand-in shares its *place*, a `Root` whose current value is a token, with every other stand-in
for the same stream. A draw replaces the token, as a write replaces the value of an array; so loops
carry generators and branches give them back in the way that they do with arrays.

What is no plain draw (the bit generator itself, ``spawn``, ``shuffle`` of an array that is not
traced) is done to the real generator by Python, after all that went before, and noted as an effect.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.errors import CaptureError, UnsupportedError
from ..core.sources import here, is_library_file, where
from ..core.streams import GENERATOR, Stream, Token, bits_of
from ..tape.ir import Sym
from ..tape.primitive import BY_NAME
from .capture import Capture, Unstageable, current, note_effect
from .tracer import Root, Tracer, sym_of

SIZED = frozenset(
    """
    beta binomial chisquare dirichlet exponential f gamma geometric gumbel hypergeometric integers
    laplace logistic lognormal logseries multinomial multivariate_hypergeometric multivariate_normal
    negative_binomial noncentral_chisquare noncentral_f normal pareto poisson power randint random
    random_sample rayleigh standard_cauchy standard_exponential standard_gamma standard_normal
    standard_t triangular uniform vonmises wald weibull zipf
    """.split()
)
"""Methods that give samples from parameters and a size alone."""

ALIASES = {"ranf": "random_sample", "sample": "random_sample", "random": "random_sample"}
"""Other names of methods of RandomState."""

Method = Callable[..., Any]
_STATIC = (bool, int, float, str, type(None), np.integer, np.floating)


@functools.cache
def signature_of(kind: type, method: str) -> inspect.Signature | None:
    """Return the parameters of a method, None when NumPy does not say."""
    try:
        found = inspect.signature(getattr(kind, method))
    except (AttributeError, ValueError):
        return None
    return found.replace(parameters=list(found.parameters.values())[1:])


class Place:
    """Where a stream stands in a capture.

    Attributes
    ----------
    root : Root
        Its value is the token.
    rng : Generator or RandomState
        The generator behind it.
    outside : bool
        Whether it is kept outside the function, so that its state afterwards matters.
    """

    __slots__ = ("outside", "rng", "root")

    def __init__(self, sym: Sym, rng: Any, outside: bool) -> None:
        self.root, self.rng, self.outside = Root(sym), rng, outside


class Drawing:
    """A generator under capture. Use it as a NumPy generator."""

    __slots__ = ("_kind", "_place")

    def __init__(self, place: Place, kind: type) -> None:
        object.__setattr__(self, "_place", place)
        object.__setattr__(self, "_kind", kind)

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        """What ``isinstance`` sees."""
        kind: type = self._kind
        return kind

    def __getattr__(self, name: str) -> Any:
        return attribute(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a generator has no attribute {name!r} that can be set")

    def __reduce_ex__(self, protocol: Any) -> Any:
        return synced(self._place, "copied or pickled").__reduce__()

    def __repr__(self) -> str:
        return repr(self._place.rng)


def generator_of(cap: Capture, rng: Any, path: Any) -> Drawing:
    """Return the stand-in for a generator that is kept at `path`, which becomes an input."""
    cap = cap.outermost
    sym = cap.b.input(GENERATOR, Token(Stream(rng)))
    cap.consts.append((sym, rng, path))
    return entered(cap, sym, rng)


def entered(cap: Capture, sym: Sym, rng: Any) -> Drawing:
    """Return the stand-in for an input row that is a generator; generators on the same bits share."""
    place = cap.places.get(id(bits_of(rng)))
    if place is None:
        place = cap.places[id(bits_of(rng))] = Place(sym, rng, True)
    elif type(place.rng) is not type(rng):
        # RandomState keeps half of a pair of normals to itself: no order of draws is safe
        cap.effects.append("a Generator and a RandomState share a bit generator")
    return Drawing(place, type(rng))


def global_state() -> Drawing:
    """Return the stand-in for NumPy's global generator."""
    from .paths import Path

    cap = current()
    assert cap is not None
    rng = np.random.mtrand._rand
    place = cap.outermost.places.get(id(bits_of(rng)))
    if place is not None:
        return Drawing(place, type(rng))
    path = Path("attr", np.random.mtrand, "_rand", "NumPy's global random generator")
    return generator_of(cap, rng, path)


def seeded(kind: str, seed: Any) -> Drawing:
    """Return a generator made inside the function from a seed."""
    cap = home()
    cap.b.line = here()
    sym = BY_NAME["generator"].on(cap.b, kind=kind, seed=seed)
    rng = cap.b.known[sym.id].stream.rng
    return Drawing(Place(sym, rng, False), type(rng))


# ---------------------------------------------------------------- drawing


def home() -> Capture:
    """Return the capture that draws: the body of a loop or branch, or the outermost.

    A map runs its function once, on the first slice; what that draws is drawn once for all slices,
    outside of the map.
    """
    cap = current()
    if cap is None:
        raise CaptureError(
            f"a generator was used outside the call that traced it; do not keep it ({where()})"
        )
    while not cap.is_body and cap.parent is not None:
        cap = cap.parent
    outer = cap.parent
    while cap.is_body and outer is not None and outer.parent is not None:
        if not outer.is_body:
            raise Unstageable("it draws random numbers inside a map")
        outer = outer.parent
    return cap


def attribute(drawing: Drawing, name: str) -> Any:
    """Return a method or an attribute of a generator."""
    place, kind = drawing._place, drawing._kind
    real = getattr(place.rng, name)
    if name.startswith("__"):
        return real
    if not callable(real):
        return getattr(synced(place, f"asked for its {name}"), name)
    if current() is None or called_by_library():
        return getattr(synced(place, f"used by a library ({name})"), name)
    return functools.partial(_call, place, kind, name)


def called_by_library() -> bool:
    """Whether NumPy's or SciPy's own code, which is not traced, uses the stand-in."""
    import sys

    frame = sys._getframe(3)
    name = frame.f_code.co_filename
    return is_library_file(name) and "tapejit" not in name


def synced(place: Place, why: str) -> Any:
    """Return the real generator, standing where the function has brought it: an effect."""
    cap = current()
    if cap is not None:
        note_effect(f"a generator of random numbers is {why} ({where()})")
        outer = cap.outermost
        outer.value(outer.entry(place.root))
        place.root.lost = None
    return place.rng


def _call(place: Place, kind: type, name: str, *args: Any, **kwargs: Any) -> Any:
    """Call a method of a generator: by a row if it draws, else by Python."""
    from .distributions import SCALED, choice, permutation, shuffle

    legacy = kind is np.random.RandomState
    if legacy and name in ("rand", "randn"):
        size = tuple(args) or None
        name, args, kwargs = ("random_sample" if name == "rand" else "standard_normal"), (), {}
        kwargs = {"size": size}
    if legacy:
        name = ALIASES.get(name, name)
    given = bound(kind, name, args, kwargs)
    if given is not None and given.get("out") is None:
        given.pop("out", None)
        drawer = Drawer(place, legacy, name)
        if name == "seed" and legacy and _plain_seed(given.get("seed")):
            drawer.row("seed", {}, given)
            return None
        if name in SCALED and any(map(is_array, given.values())):
            return SCALED[name](drawer, **given)
        if name in SIZED and _fits(given):
            return drawer.sample(name, given)
        special: dict[str, Method] = {
            "choice": choice, "permutation": permutation, "shuffle": shuffle,
        }  # fmt: skip
        found = special[name](drawer, **given) if name in special else NotImplemented
        if found is not NotImplemented:
            return found
    plain = [a.value if isinstance(a, Tracer) else a for a in args]
    named = {k: v.value if isinstance(v, Tracer) else v for k, v in kwargs.items()}
    return getattr(synced(place, f"asked for {name}"), name)(*plain, **named)


def bound(kind: type, name: str, args: Any, kwargs: Any) -> dict[str, Any] | None:
    """Return the arguments that are given, by name; None for what has no signature.

    Raises
    ------
    TypeError
        When they do not fit the method.
    """
    signature = signature_of(kind, name)
    return None if signature is None else dict(signature.bind(*args, **kwargs).arguments)


def is_array(value: Any) -> bool:
    """Whether an argument is an array or a traced number."""
    return isinstance(value, (Tracer, np.ndarray))


def _plain_seed(seed: Any) -> bool:
    items = seed if type(seed) in (list, tuple) else [seed]
    return bool(items) and all(isinstance(s, (int, np.integer)) for s in items)


def _fits(given: dict[str, Any]) -> bool:
    """Whether the arguments of a draw can stand in a row: numbers, arrays, a static size."""
    for name, value in given.items():
        if name == "size":
            dims = value if isinstance(value, (tuple, list)) else (value,)
            if not all(d is None or isinstance(d, (int, np.integer)) for d in dims):
                return False
        elif name == "dtype":
            continue
        elif isinstance(value, (list, tuple)):
            if np.asarray(value).dtype.kind not in "biuf":
                return False
        elif isinstance(value, Tracer):
            continue
        elif not isinstance(value, (*_STATIC, np.ndarray)):
            return False
    return True


def sized(value: Any) -> Any:
    """Return a size as a tuple of ints, or None."""
    if value is None:
        return None
    if isinstance(value, (tuple, list)):
        return tuple(int(d) for d in value)
    return (int(value),)


class Drawer:
    """Draws from one place, in the capture that is running."""

    def __init__(self, place: Place, legacy: bool, name: str) -> None:
        self.place, self.legacy, self.name = place, legacy, name

    def row(self, method: str, operands: dict[str, Any], options: dict[str, Any]) -> Tracer:
        """Record one draw and return the sample."""
        cap, root = home(), self.place.root
        cap.b.line = here()
        try:
            given = [sym_of(cap, v) for v in operands.values()]
        except CaptureError as error:
            if current() is cap:
                raise
            raise UnsupportedError(
                f"{self.name}: a parameter differs between the slices of a map, while a map draws "
                f"once for all of them ({where()}); use a loop"
            ) from error
        state = cap.state(root)
        token = cap.entry(root)
        settings = tuple(sorted((k, _static(v, k)) for k, v in options.items()))
        made = BY_NAME["draw"].on(
            cap.b, token, *given,
            method=method, names=tuple(operands), legacy=self.legacy, options=settings,
        )  # fmt: skip
        sample, state.sym = cap.b.outs(made)
        state.version += 1
        return Tracer(cap, Root(sample))

    def sample(self, method: str, given: dict[str, Any]) -> Tracer:
        """Record one draw of `method`: arrays and traced numbers are operands."""
        arrays: dict[str, Any] = {}
        options: dict[str, Any] = {}
        for name, value in given.items():
            if isinstance(value, (list, tuple)) and name != "size":
                value = np.asarray(value)
            (arrays if is_array(value) else options)[name] = value
        return self.row(method, arrays, options)

    def standard(self, method: str, shape: Any, **options: Any) -> Tracer:
        """Draw standard variates: a number when `shape` is None."""
        size = {} if shape is None else {"size": shape}
        return self.row(method, {}, {**size, **options})


def _static(value: Any, name: str) -> Any:
    if name == "size":
        return sized(value)
    if name == "dtype":
        return np.dtype(value).name
    if isinstance(value, (list, tuple)):
        return tuple(int(v) for v in value)
    return value.item() if isinstance(value, np.generic) else value
