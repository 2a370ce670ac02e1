"""Tracers: stand-ins for arrays that record rows and carry the concrete value of this call.

A tracer is mutable, as an array is, while rows are not: a tracer names a *root*, whose current
value is replaced at each write, and a chain of view rows from the root to what it shows. Writing
to a view rewrites the root through the inverse of the chain, so all views of it see the change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from weakref import WeakSet

import numpy as np

from ..core.avals import Aval
from ..core.errors import CaptureError, MutationError, UnsupportedError
from ..core.sizes import ACTIVE, as_read
from ..core.sources import here, where
from ..tape.ir import Sym
from ..tape.primitive import BY_NAME, Params, Primitive
from .capture import Capture, current, note_effect

Link = tuple[Primitive, Params]


class Root:
    """What a tracer and its views share: the current value, and why it must not be written.

    `lost` says why it must not even be read: it was changed in a way that is not followed. `shares`
    are the roots that may stand for the same array of Python's, see `staging.sharing`.
    """

    __slots__ = ("__weakref__", "frozen", "lost", "shares", "sym", "version")

    def __init__(self, sym: Sym, frozen: str | None = None) -> None:
        self.sym = sym
        self.version = 0
        self.frozen = frozen
        self.lost: str | None = None
        self.shares: WeakSet[Root] | None = None


class Tracer:
    """A traced array. Use it as a NumPy array."""

    __slots__ = ("_seen", "_shown", "cap", "chain", "root")
    __array_priority__ = 1000.0
    __hash__ = None  # type: ignore[assignment]

    def __init__(
        self, cap: Capture, root: Root, chain: tuple[Link, ...] = (), shown: Sym | None = None
    ):
        self.cap, self.root, self.chain = cap, root, chain
        state = cap.state(root)
        self._shown = state.sym if shown is None else shown
        self._seen = state.version

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        """What `isinstance` sees: the class that the value would have without tracing.

        Code that asks ``isinstance(x, np.ndarray)`` or ``isinstance(x, float)`` takes the branch
        that it takes with plain values. Integers and bools are traced values to it, since their
        readers take them for indices and flags.
        """
        aval = self._shown.aval
        if aval.shape:
            return np.ndarray
        if not aval.inexact:
            return Tracer
        return aval.weak_type if aval.weak else aval.dtype.type

    # ------------------------------------------------------------ the value behind

    @property
    def sym(self) -> Sym:
        """The row that this tracer shows now."""
        state = self.cap.state(self.root)
        if self._seen != state.version:
            if self.root.lost is not None:
                raise CaptureError(f"{self.root.lost} ({where()})")
            self._shown = follow(self.cap, state.sym, self.chain)
            self._seen = state.version
        return self._shown

    @property
    def value(self) -> Any:
        """The concrete value of this call."""
        return self.cap.value(self.sym)

    @property
    def settled(self) -> bool:
        """Whether the value is the same at every call: made of literals and constants alone."""
        return self.cap.settled(self.sym.id)

    def write(self, new: Sym) -> None:
        """Replace all that this tracer shows by `new`, through to the root."""
        if self.root.frozen is not None:
            raise MutationError(f"{self.root.frozen} ({where()})")
        cap = current()
        assert cap is not None
        state = cap.state(self.root)
        stages = [state.sym]
        for link in self.chain[:-1]:
            stages.append(follow(cap, stages[-1], (link,)))
        for (prim, params), base in zip(reversed(self.chain), reversed(stages)):
            inverse = INVERSES.get(prim.name)
            if inverse is None:
                raise MutationError(f"a {prim.name} of an array cannot be written to ({where()})")
            new = inverse(base, new, {**params, "cap": cap} if "starts" in params else params)
        state.sym = new
        state.version += 1
        if self.root.shares is not None:
            cap.wrote(self.root)

    # ------------------------------------------------------------ static attributes

    @property
    def aval(self) -> Aval:
        return self.sym.aval

    @property
    def shape(self) -> tuple[int, ...]:
        found = self._shown.aval.shape
        return as_read(found) if ACTIVE[0] else found

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._shown.aval.dtype

    @property
    def ndim(self) -> int:
        return len(self._shown.aval.shape)

    @property
    def size(self) -> int:
        found = self._shown.aval.size
        return as_read(found) if ACTIVE[0] else found

    @property
    def itemsize(self) -> int:
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        found = self._shown.aval.size * self.itemsize
        return as_read(found) if ACTIVE[0] else found

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of unsized object")
        found = self.shape[0]
        return as_read(found) if ACTIVE[0] else found

    def __repr__(self) -> str:
        _note_text()
        return f"traced {self.value!r}"

    def __str__(self) -> str:
        _note_text()
        return str(self.value)

    def __format__(self, spec: str) -> str:
        _note_text()
        return format(self.value, spec) if self.ndim == 0 else format(str(self.value), spec)

    # ------------------------------------------------------------ asking for Python values

    def _python(self, cast: Callable[[Any], Any], name: str) -> Any:
        if self.size != 1:
            if cast is bool:
                raise ValueError(
                    "The truth value of an array with more than one element is ambiguous. "
                    "Use a.any() or a.all()"
                )
            raise TypeError(f"only arrays of size 1 can be converted by {name}()")
        return cast(np.asarray(self.value).reshape(())[()])

    def __bool__(self) -> bool:
        found = bool(self._python(bool, "bool"))
        if self.settled:
            return found
        flag = sym_of(self.cap, self)
        self.cap.guard(BY_NAME["not_equal"](_scalar(flag), 0), found)
        return found

    def __int__(self) -> int:
        found = int(self._python(int, "int"))
        if self.settled:
            return found
        if self.dtype.kind == "f":
            self.cap.guard(BY_NAME["trunc"](_scalar(self.sym)), float(found))
        else:
            self.cap.guard(_scalar(self.sym), found)
        return found

    def __index__(self) -> int:
        if self.dtype.kind not in "iub" or self.ndim:
            raise TypeError("only integer scalar arrays can be converted to a scalar index")
        return self.__int__()

    def __float__(self) -> float:
        if self.settled:
            return float(self._python(float, "float"))
        raise CaptureError(_no_python("float()", "math functions and float()"))

    def __complex__(self) -> complex:
        if self.settled:
            return complex(self._python(complex, "complex"))
        raise CaptureError(_no_python("complex()", "cmath functions and complex()"))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        if self.settled:
            return np.array(self.value, dtype)
        raise CaptureError(
            "a traced value cannot become a plain NumPy array: np.array([...]), np.asarray(...) "
            "and assignment of traced values into a plain array (np.zeros(n); a[i] = x) are out of "
            "reach of NumPy's dispatch. Use `import tapejit.numpy as np` in this module, or "
            "np.stack / np.zeros_like(x); to read a plain array at traced places, np.take(a, i) "
            f"instead of a[i] ({where()})"
        )

    def __iter__(self) -> Iterator[Tracer]:
        if not self.shape:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(int(self.shape[0])))

    def __contains__(self, item: Any) -> bool:
        return bool(np.any(self == item))

    # ------------------------------------------------------------ NumPy's protocols

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        from .dispatch import call_ufunc

        return call_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        from .dispatch import call_function

        found = call_function(func, args, kwargs)
        return as_read(found) if ACTIVE[0] else found

    def __getitem__(self, index: Any) -> Any:
        from .indexing import getitem

        return getitem(self, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        from .indexing import setitem

        setitem(self, index, value)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(f"a traced array has no attribute {name!r}")
        from .methods import attribute

        found = attribute(self, name)
        return as_read(found) if ACTIVE[0] else found

    def __setattr__(self, name: str, value: Any) -> None:
        if name in Tracer.__slots__:
            object.__setattr__(self, name, value)
        elif name in ("real", "imag", "T", "flat"):
            getattr(self, name)[...] = value
        elif name == "shape":
            raise UnsupportedError(f"assigning to .shape: use reshape ({where()})")
        else:
            raise AttributeError(f"a traced array has no attribute {name!r}")

    def __copy__(self) -> Any:
        return np.copy(self)

    def __deepcopy__(self, memo: Any) -> Any:
        return np.copy(self)

    def __reduce__(self) -> Any:
        raise CaptureError(f"a traced value cannot be pickled or sent elsewhere ({where()})")


def _note_text() -> None:
    """The text of a value is the text of this call: what is done with it cannot be replayed."""
    note_effect(f"it turns a traced value into text ({where()})")


def _scalar(x: Sym) -> Sym:
    return x if x.shape == () else BY_NAME["reshape"](x, shape=())


def _no_python(what: str, family: str) -> str:
    return (
        f"{what} of a traced value: {family} leave NumPy, so the derivative would be lost. "
        f"Use the NumPy function (np.sqrt for math.sqrt), or tj.stop_gradient and "
        f"tapejit.numpy for constants ({where()})"
    )


def _operator(name: str, reflected: bool = False) -> Callable[..., Any]:
    def method(self: Tracer, other: Any) -> Any:
        from .dispatch import operate

        return operate(name, other, self) if reflected else operate(name, self, other)

    return method


def _unary(name: str) -> Callable[..., Any]:
    def method(self: Tracer) -> Any:
        from .dispatch import operate

        return operate(name, self)

    return method


def _inplace(name: str) -> Callable[..., Any]:
    def method(self: Tracer, other: Any) -> Any:
        from .dispatch import operate_inplace

        return operate_inplace(name, self, other)

    return method


_BINARY = {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "truediv": "divide",
    "floordiv": "floor_divide",
    "mod": "remainder",
    "pow": "power",
    "matmul": "matmul",
    "and": "bitwise_and",
    "or": "bitwise_or",
    "xor": "bitwise_xor",
    "lshift": "left_shift",
    "rshift": "right_shift",
}
for _short, _name in _BINARY.items():
    setattr(Tracer, f"__{_short}__", _operator(_name))
    setattr(Tracer, f"__r{_short}__", _operator(_name, reflected=True))
    setattr(Tracer, f"__i{_short}__", _inplace(_name))
for _short, _name in {
    "gt": "greater",
    "ge": "greater_equal",
    "lt": "less",
    "le": "less_equal",
    "eq": "equal",
    "ne": "not_equal",
}.items():
    setattr(Tracer, f"__{_short}__", _operator(_name))
for _short, _name in {
    "neg": "negative",
    "pos": "positive",
    "abs": "absolute",
    "invert": "invert",
}.items():
    setattr(Tracer, f"__{_short}__", _unary(_name))


def _divmod(self: Any, other: Any) -> Any:
    return self // other, self % other


def _rdivmod(self: Any, other: Any) -> Any:
    return other // self, other % self


def _round(self: Any, digits: int | None = None) -> Any:
    return np.round(self, digits or 0)


for _method in (_divmod, _rdivmod, _round):
    setattr(Tracer, f"_{_method.__name__}__", _method)  # _divmod is __divmod__


def follow(cap: Capture, base: Sym, chain: tuple[Link, ...]) -> Sym:
    """Return what a chain of view rows shows of `base`, in the builder of `cap`."""
    for prim, params in chain:
        base = prim(base, cap=cap, **params) if "starts" in params else prim(base, **params)
    return base


# ---------------------------------------------------------------- views

INVERSES: dict[str, Callable[[Sym, Sym, Params], Sym]] = {}
"""How a write to a view rewrites its base: ``inverse(base, new, params)`` gives the new base."""


def _inverse_reshape(base: Sym, new: Sym, params: Params) -> Sym:
    return BY_NAME["reshape"](new, shape=base.shape)


def _inverse_transpose(base: Sym, new: Sym, params: Params) -> Sym:
    axes = tuple(int(k) for k in np.argsort(params["axes"]))
    return BY_NAME["transpose"](new, axes=axes)


def _inverse_slice(base: Sym, new: Sym, params: Params) -> Sym:
    return BY_NAME["set_slice"](base, new, **params)


def _inverse_real(base: Sym, new: Sym, params: Params) -> Sym:
    return BY_NAME["complex_of"](new, BY_NAME["imag"](base))


def _inverse_imag(base: Sym, new: Sym, params: Params) -> Sym:
    return BY_NAME["complex_of"](BY_NAME["real"](base), new)


INVERSES.update(
    reshape=_inverse_reshape,
    transpose=_inverse_transpose,
    slice=_inverse_slice,
    real=_inverse_real,
    imag=_inverse_imag,
)


def wrap(cap: Capture, sym: Sym, sources: tuple[Tracer, ...] = ()) -> Tracer:
    """Return a tracer of a row; a view of one of `sources` when NumPy would share memory.

    The concrete values tell: when the row was made from a source by view rows alone and its value
    shares memory with the source's value, it is a view of it.
    """
    for source in sources:
        start = cap.shown(source).id if cap.follows(source) else -1
        if start < 0 or sym.id <= start:
            continue
        links: list[Link] = []
        at = sym.id
        b = cap.b
        while at != start:
            prim = _prim_of(b, at)
            if prim.emit.kind != "view" and prim.name not in INVERSES:
                break
            links.append((prim, _params_of(b, at)))
            at = b.arg[b.off[at]]
        if at == start and _shares(cap.b.known[sym.id], cap.b.known[start]):
            chain = source.chain + tuple(reversed(links))
            return Tracer(cap, source.root, chain, sym)
    return Tracer(cap, Root(sym))


def _prim_of(b: Any, i: int) -> Primitive:
    from ..tape.primitive import PRIMITIVES

    found: Primitive = PRIMITIVES[b.op[i]]
    return found


def _params_of(b: Any, i: int) -> Params:
    from ..tape.ir import PARAMS

    return PARAMS[b.param[i]]


def _shares(a: Any, b: Any) -> bool:
    if not (isinstance(a, np.ndarray) and isinstance(b, np.ndarray)):
        return False
    return bool(np.may_share_memory(a, b)) or a.size == 0


def sym_of(cap: Capture, value: Any) -> Sym:
    """Return any operand as a row of this capture."""
    if isinstance(value, Tracer):
        return cap.shown(value)
    if isinstance(value, Sym):
        return value
    if isinstance(value, np.ndarray):
        return cap.const(value)
    return cap.b.sym(value)


def active(*values: Any) -> Capture:
    """Return the capture that must receive a row with these operands."""
    cap = current()
    if cap is None:
        raise CaptureError(
            "a traced value was used after its call had ended; do not keep traced values in "
            f"globals or attributes: return them instead ({where()})"
        )
    cap.b.line = here()
    return cap
