"""The short forms in which primitives are declared, and the helpers that derivative rules use.

A rule is a formula in traced operations, so that its result differentiates again. The adjoint
convention for complex values is that of the real inner product <a, b> = Re(conj(a) b): the
gradient of a real function is df/dx + i df/dy, the direction of steepest ascent, and a holomorphic
partial p enters the vjp as conj(p).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from ..core.avals import AnyAval, Aval, Shape, common_shape, full_name
from ..core.errors import DtypeError, ShapeError
from ..core.records import record
from ..core.sizes import rounded
from ..core.sources import where as user_line
from ..tape.ir import PARAMS, Sym
from ..tape.primitive import BY_NAME, HOST, Emit, Params, Primitive, declare, primitive

Partial = Callable[..., Any] | None


class _Ops:
    """Primitives by attribute: ``ops.sum(x, axis=(0,), keepdims=False)``. Looked up when used."""

    def __getattr__(self, name: str) -> Primitive:
        if name.startswith("__"):
            raise AttributeError(name)
        return primitive(name)


ops = _Ops()


# ---------------------------------------------------------------- domains of test inputs


@record(frozen=True)
class Domain:
    """Where an operand is drawn from in tests, away from kinks and poles.

    `lo` and `hi` bound the real line; `away` lists points to keep a distance of 0.1 from;
    `complex` says whether complex operands are meant too (drawn from the square lo..hi).
    `step` and `phase` snap values to phase + k step: two operands on lattices of different phase
    are never near a tie. `dtypes` are the dtypes to test, by default those of single and double
    precision. `fixed` marks an operand whose derivative is refused with an error.
    """

    lo: float = -2.0
    hi: float = 2.0
    away: tuple[float, ...] = ()
    complex: bool = False
    step: float = 0.0
    phase: float = 0.0
    only: tuple[str, ...] = ()
    fixed: bool = False

    @property
    def dtypes(self) -> tuple[str, ...]:
        """The dtypes to test."""
        if self.only:
            return self.only
        return ("float64", "float32") + (("complex128", "complex64") if self.complex else ())

    def draw(self, rng: np.random.Generator, shape: Shape, dtype: Any = None) -> Any:
        """Return random values of this domain, of its first dtype unless another is given."""
        dtype = np.dtype(self.dtypes[0] if dtype is None else dtype)
        if dtype.kind == "b":
            return rng.integers(0, 2, shape).astype(bool)
        if dtype.kind in "iu":
            return np.asarray(rng.integers(int(self.lo), int(self.hi), shape)).astype(dtype)
        x: Any = rng.uniform(self.lo, self.hi, shape)
        if self.step:
            x = self.phase + self.step * np.round((x - self.phase) / self.step)
        for point in self.away:
            near = np.abs(x - point) < 0.1
            x = np.where(near, point + np.where(x < point, -0.1, 0.1) + (x - point), x)
        if dtype.kind == "c":
            x = x + 1j * rng.uniform(self.lo, self.hi, shape)
        return np.asarray(x).astype(dtype)


def reals(lo: float = -2.0, hi: float = 2.0, away: tuple[float, ...] = ()) -> Domain:
    """Real numbers between two bounds."""
    return Domain(lo, hi, away)


def lattice(phase: float, step: float = 0.25, lo: float = -2.0, hi: float = 2.0) -> Domain:
    """Real numbers phase + k step."""
    return Domain(lo, hi, step=step, phase=phase)


def positive(lo: float = 0.3, hi: float = 3.0, complex: bool = False) -> Domain:
    """Numbers above zero; complex ones in the open first quadrant."""
    return Domain(lo, hi, complex=complex)


def field(lo: float = -2.0, hi: float = 2.0, away: tuple[float, ...] = ()) -> Domain:
    """Real or complex numbers."""
    return Domain(lo, hi, away, complex=True)


def integers(
    lo: int = 0, hi: int = 8, only: tuple[str, ...] = ("int64", "int32", "uint8")
) -> Domain:
    """Integers from `lo` to below `hi`."""
    return Domain(lo, hi, only=only)


def booleans() -> Domain:
    """True and False."""
    return Domain(only=("bool",))


# ---------------------------------------------------------------- shapes and dtypes


def broadcast_shapes(name: str, *avals: Aval) -> Shape:
    """Return the common shape, or raise with the primitive's name and the user's line."""
    try:
        return common_shape(*[a.shape for a in avals])
    except ValueError:
        shapes = " ".join(str(a.shape) for a in avals)
        raise ShapeError(
            f"{name}: operands could not be broadcast together with shapes {shapes} ({user_line()})"
        ) from None


def _spec(aval: Aval) -> Any:
    return aval.weak_type if aval.weak and aval.dtype.kind != "b" else aval.dtype


def common_dtype(*avals: Aval) -> np.dtype[Any]:
    """Return the dtype that NumPy gives to a combination (NEP 50: weak scalars yield)."""
    return np.result_type(*[a.weak_type(0) if a.weak else a.dtype for a in avals])


def float_dtype(*avals: Aval) -> np.dtype[Any]:
    """Return the common dtype, integers and bools becoming float64."""
    dtype = common_dtype(*avals)
    return dtype if dtype.kind in "fc" else np.dtype(np.float64)


def ufunc_dtypes(ufunc: np.ufunc, *avals: Aval) -> tuple[np.dtype[Any], ...]:
    """Return the loop's operand and result dtypes that NumPy would pick."""
    specs = [_spec(a) for a in avals] + [None] * ufunc.nout
    if all(a.weak for a in avals):
        specs = [a.dtype for a in avals] + [None] * ufunc.nout
    try:
        return tuple(ufunc.resolve_dtypes(tuple(specs)))
    except TypeError:
        names = ", ".join(str(a) for a in avals)
        raise DtypeError(f"{ufunc.__name__} is not defined for {names} ({user_line()})") from None


# ---------------------------------------------------------------- helpers of rules


def unbroadcast(ct: Sym, shape: Shape) -> Sym:
    """Sum a cotangent over the axes along which an operand of `shape` was broadcast."""
    have = ct.shape
    if have == shape:
        return ct
    lead = len(have) - len(shape)
    axes = tuple(range(lead)) + tuple(
        lead + i for i, n in enumerate(shape) if n == 1 and have[lead + i] != 1
    )
    if axes:
        ct = ops.sum(ct, axis=axes, keepdims=False)
    return ct if ct.shape == shape else ops.reshape(ct, shape=shape)


def broadcast(x: Sym, shape: Shape) -> Sym:
    """Broadcast `x` to `shape` unless it has it."""
    return x if x.shape == shape else ops.broadcast_to(x, shape=shape)


def conj(x: Any) -> Any:
    """Complex conjugate; the identity on real values and numbers."""
    if isinstance(x, Sym):
        return ops.conjugate(x) if x.dtype.kind == "c" else x
    return np.conj(x).item() if isinstance(x, complex) else x


def times(ct: Sym, p: Any) -> Sym:
    """Multiply a cotangent (or tangent) by a partial, gated when the cotangent is masked.

    Where a masked cotangent is exactly zero, the product is zero even if the partial is inf or
    nan: the branch was not taken.
    """
    if not isinstance(p, Sym):
        if p == 1:
            return ct
        if p == -1:
            return -ct
        scaled: Sym = ct * p
        return scaled
    if ct.id in masked(ct):
        found = ops.gated(ct, p)
        masked(ct).add(found.id)
        return found
    return ct * p


def wanted(x: Sym) -> bool:
    """Whether the derivative pass that is running needs the cotangent of `x`."""
    return x.b.active is None or x.id in x.b.active


def masked(ct: Sym) -> set[int]:
    """The cotangents of this builder that selection may have made exactly zero."""
    return ct.b.masked


def add_tangents(terms: Sequence[Sym | None]) -> Sym | None:
    """Add up tangents, None being zero."""
    total: Sym | None = None
    for term in terms:
        if term is not None:
            total = term if total is None else total + term
    return total


def zeros_like(x: Sym, shape: Shape | None = None) -> Sym:
    """Return zeros with the dtype of `x` (weak dtypes become ordinary)."""
    zero = x.b.lit(np.zeros((), x.dtype)[()].item(), Aval(x.dtype))
    return broadcast(zero, x.shape if shape is None else shape)


def const(value: float, like: Sym) -> Sym:
    """Return a number in the dtype of `like`: a choice between weak numbers would not be weak."""
    return like.b.lit(rounded(value, like.dtype), Aval(like.dtype))


def literal_of(x: Any) -> Any:
    """Return the Python number that an operand is, None when it is not a literal."""
    if isinstance(x, Sym):
        if x.b.op[x.id] != BY_NAME["lit"].index:
            return None
        return PARAMS[x.b.param[x.id]]["value"]
    return x


# ---------------------------------------------------------------- the forms

_COMPILED = ("float32", "float64", "complex64", "complex128")
"""The inexact dtypes that compiled code knows; float16 and long double are left to NumPy."""


def elementwise(
    name: str,
    numpy: Callable[..., Any],
    partials: Sequence[Partial] | None = None,
    *,
    emit: str | None = None,
    emit_complex: str | None = None,
    emit_whole: str | None = None,
    kinds: str = "f",
    domain: Sequence[Domain] = (reals(),),
    resolve: Callable[..., Any] | None = None,
    masks: bool = False,
) -> Primitive:
    """Declare a function of corresponding elements, broadcasting as NumPy does.

    Parameters
    ----------
    numpy : callable
        The meaning; when it is a ufunc, its loops say the dtypes.
    partials : sequence of callables or None
        For each operand ``partial(y, *xs)``, a value or a number; None where the function is
        locally constant. `partials` itself is None when it is in all operands.
    emit : str
        Numba expression with ``{0}``, ``{1}`` for operands and ``{s}`` for the dtype suffix
        (``f64``), used for dtype kinds in `kinds`; `emit_complex` for complex operands, `emit_whole`
        for signed integers.
    domain : sequence of Domain
        Where test operands come from, one for each operand.
    resolve : callable
        ``resolve(*avals, **params)`` gives operand dtypes and the result's; by default those of
        the ufunc `numpy`.
    masks : bool
        Whether cotangents leaving here may be exactly zero by selection.
    """
    if resolve is None:
        ufunc = numpy

        def resolve(*avals: Aval, **params: Any) -> tuple[np.dtype[Any], ...]:
            return ufunc_dtypes(ufunc, *avals)  # type: ignore[arg-type]

    dtypes_of = resolve

    def promote(*avals: Aval, **params: Any) -> tuple[Any, ...]:
        return tuple(dtypes_of(*avals, **params)[: len(avals)])

    def infer(*avals: Aval, **params: Any) -> Aval:
        dtype = dtypes_of(*avals, **params)[-1]
        weak = all(a.weak for a in avals)
        return Aval(dtype, broadcast_shapes(name, *avals), weak)

    def jvp(ts: Sequence[Sym | None], y: Sym, *xs: Sym, **params: Any) -> Sym | None:
        assert partials is not None
        terms = []
        for t, partial in zip(ts, partials):
            p = None if t is None or partial is None else partial(y, *xs, **params)
            terms.append(None if p is None or t is None else times(t, p))
        total = add_tangents(terms)
        return None if total is None else broadcast(total, y.shape)

    def vjp(ct: Sym, y: Sym, *xs: Sym, **params: Any) -> list[Sym | None]:
        assert partials is not None
        cts: list[Sym | None] = []
        for x, partial in zip(xs, partials):
            if partial is None or not x.aval.inexact or not wanted(x):
                cts.append(None)
                continue
            p = partial(y, *xs, **params)
            cts.append(None if p is None else unbroadcast(times(ct, conj(p)), x.shape))
        return cts

    def text(dtypes: Sequence[np.dtype[Any]], params: Params) -> str | None:
        if any(d.kind in "fc" and full_name(d) not in _COMPILED for d in dtypes):
            return None
        kind = "c" if any(d.kind == "c" for d in dtypes) else dtypes[-1].kind
        template = emit if kind in kinds else None
        if kind == "c" and emit_complex is not None:
            template = emit_complex
        if kind == "i" and emit_whole is not None:
            template = emit_whole
        if template is None:
            return None
        suffix = {"float32": "f32", "float64": "f64"}.get(full_name(dtypes[-1]), "f64")
        return template.replace("{s}", suffix)

    def samples(rng: np.random.Generator) -> Iterator[tuple[tuple[Any, ...], Params]]:
        yield tuple(d.draw(rng, (2, 3)) for d in domain), {}
        yield tuple(d.draw(rng, (3,) if k % 2 else (2, 1)) for k, d in enumerate(domain)), {}
        if all(d.complex for d in domain):
            yield tuple(d.draw(rng, (3,), np.complex128) for d in domain), {}

    smooth = partials is not None
    prim = Primitive(
        name,
        infer,
        numpy,
        jvp if smooth else None,
        vjp if smooth else None,
        promote,
        Emit("elementwise", text),
        samples,
        masks,
    )
    prim.domain = tuple(domain)
    return declare(prim)


def linear(
    name: str,
    infer: Callable[..., AnyAval],
    numpy: Callable[..., Any],
    transpose: Callable[..., Any],
    *,
    args: Sequence[int] | None = None,
    promote: Callable[..., Any] | None = None,
    emit: Emit = HOST,
    samples: Callable[..., Iterable[Any]] | None = None,
    masks: bool = False,
) -> Primitive:
    """Declare a function that is linear in the operands `args` (all of them by default) together.

    ``transpose(ct, *xs, **params)`` gives the cotangent of the one linear operand, or a sequence
    with an entry for every operand. The other operands (indices, say) are held fixed.
    """

    def jvp(ts: Sequence[Sym | None], y: Sym, *xs: Sym, **params: Any) -> Sym | None:
        chosen = range(len(xs)) if args is None else args
        if all(ts[k] is None for k in chosen):
            return None
        operands: list[Sym] = list(xs)
        for k in chosen:
            t = ts[k]
            operands[k] = zeros_like(xs[k]) if t is None else t
        return BY_NAME[name](*operands, **params)

    def vjp(ct: Sym, y: Sym, *xs: Sym, **params: Any) -> Sequence[Sym | None]:
        found = transpose(ct, *xs, **params)
        if not isinstance(found, Sym) and found is not None:
            return list(found)
        position = 0 if args is None else args[0]
        return [found if k == position else None for k in range(len(xs))]

    return declare(Primitive(name, infer, numpy, jvp, vjp, promote, emit, samples, masks))


def bilinear(
    name: str,
    infer: Callable[..., Aval],
    numpy: Callable[..., Any],
    transpose: tuple[Callable[..., Any], Callable[..., Any]],
    *,
    emit: Emit = HOST,
    samples: Callable[..., Iterable[Any]] | None = None,
) -> Primitive:
    """Declare a product, linear in each of two operands, both cast to their common dtype.

    ``transpose[0](ct, x, y, **params)`` gives the cotangent of x and must use y alone,
    ``transpose[1]`` that of y. Complex operands arrive conjugated, so plain formulas are right;
    operands are given with their own avals so that shapes can be read from both.
    """

    def promote(*avals: Aval, **params: Any) -> tuple[Any, ...]:
        dtype = common_dtype(*avals)
        return (dtype, dtype)

    def jvp(ts: Sequence[Sym | None], z: Sym, x: Sym, y: Sym, **params: Any) -> Sym | None:
        prim = BY_NAME[name]
        first = None if ts[0] is None else prim(ts[0], y, **params)
        second = None if ts[1] is None else prim(x, ts[1], **params)
        return add_tangents([first, second])

    def vjp(ct: Sym, z: Sym, x: Sym, y: Sym, **params: Any) -> Sequence[Sym | None]:
        if not z.aval.inexact:
            return [None, None]
        cx, cy = conj(x), conj(y)
        return [
            transpose[0](ct, cx, cy, **params) if wanted(x) else None,
            transpose[1](ct, cx, cy, **params) if wanted(y) else None,
        ]

    return declare(Primitive(name, infer, numpy, jvp, vjp, promote, emit, samples))


def general(
    name: str,
    infer: Callable[..., AnyAval],
    numpy: Callable[..., Any],
    *,
    jvp: Callable[..., Any] | None = None,
    vjp: Callable[..., Any] | None = None,
    promote: Callable[..., Any] | None = None,
    emit: Emit = HOST,
    samples: Callable[..., Iterable[Any]] | None = None,
    masks: bool = False,
    effect: bool = False,
) -> Primitive:
    """Declare anything else: both derivative directions are written out.

    For a row with several results `y` is the tuple of results, `ct` a tuple with None for zero,
    and the jvp returns a tuple.
    """
    prim = Primitive(name, infer, numpy, jvp, vjp, promote, emit, samples, masks, effect)
    return declare(prim)
