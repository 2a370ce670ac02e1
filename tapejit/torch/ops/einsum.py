"""Einstein sums and what is one: tensordot, kron, products of chains.

An equation is made canonical before it is recorded: the ellipsis becomes letters, an implicit
result is spelled out, and an axis of length 1 that broadcasts against the same letter elsewhere is
dropped. What runs is then ``np.einsum`` in its strict form, which goes to matrix products.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from ..codes import op
from ..dtypes import bool_, dtype, int64
from ..emit import apply
from ..promotion import promote_types
from ..spec import Spec
from ..surface import public
from ..tensor import Tensor
from .checks import CALLED
from .convert import promoted, to
from .matrices import multiplied, same_dtype, tensor, wrapped

Shapes = tuple[tuple[int, ...], ...]
Plan = tuple[str, tuple[tuple[int, ...], ...], str]


def _error(text: str) -> RuntimeError:
    return RuntimeError(f"einsum(): {text}")


@lru_cache(maxsize=1024)
def canonical(equation: str, shapes: Shapes) -> Plan:
    """Return the strict equation, the operands' shapes in it and the name of the node.

    Examples
    --------
    >>> canonical("i...,i->...", ((3, 2), (1,)))[0]
    'ab,->b'
    """
    text = equation.replace(" ", "")
    left, arrow, right = text.partition("->")
    terms = left.split(",")
    if len(terms) != len(shapes):
        word = "more" if len(terms) > len(shapes) else "fewer"
        raise _error(f"{word} subscripts than operands were given: {len(terms)} and {len(shapes)}")
    labels = [_labels(term, shape, k) for k, (term, shape) in enumerate(zip(terms, shapes))]
    rest = max(sum(1 for c in term if isinstance(c, int)) for term in labels)
    dots = list(range(-rest, 0))
    used = [c for term in labels for c in term if isinstance(c, str)]
    if not arrow:
        once = sorted(c for c in set(used) if used.count(c) == 1)
        out: list[Any] = [*dots, *once]
    else:
        out = _output(right, dots, used)
    sizes = _sizes(labels, shapes)
    names = {c: string.ascii_letters[k] for k, c in enumerate(sizes)}
    strict, dropped = [], []
    for term, shape in zip(labels, shapes):
        kept = [(c, n) for c, n in zip(term, shape) if n == sizes[c]]
        strict.append("".join(names[c] for c, _ in kept))
        dropped.append(tuple(n for _, n in kept))
    node = _node(labels, out, sizes)
    result = "".join(names[c] for c in out)
    return f"{','.join(strict)}->{result}", tuple(dropped), node


def _labels(term: str, shape: tuple[int, ...], k: int) -> list[Any]:
    """Return a letter for each axis; those of the ellipsis are -1 for the last, -2, and so on."""
    head, dots, tail = term.partition("...")
    for c in head + tail:
        if not (c.isascii() and c.isalpha()):
            raise _error(
                f"invalid subscript given at index {term.index(c)} in the equation string, "
                "subscripts must be in [a-zA-Z]"
            )
    rest = len(shape) - len(head) - len(tail)
    if rest < 0 or (rest and not dots):
        raise _error(
            f"the number of subscripts in the equation ({len(head) + len(tail)}) does not match "
            f"the number of dimensions ({len(shape)}) for operand {k} and no ellipsis was given"
            if not dots
            else f"the number of subscripts in the equation ({len(head) + len(tail)}) is more than "
            f"the number of dimensions ({len(shape)}) for operand {k}"
        )
    return [*head, *range(-rest, 0), *tail]


def _output(right: str, dots: list[int], used: list[str]) -> list[Any]:
    head, ellipsis, tail = right.partition("...")
    out: list[Any] = [*head, *(dots if ellipsis else []), *tail]
    letters = head + tail
    for c in letters:
        if c not in used:
            raise _error(
                f"output subscript {c} does not appear in the equation for any input operand"
            )
        if letters.count(c) > 1:
            raise _error(f"output subscript {c} appears more than once in the output")
    return out


def _sizes(labels: list[list[Any]], shapes: Shapes) -> dict[Any, int]:
    sizes: dict[Any, int] = {}
    for k, (term, shape) in enumerate(zip(labels, shapes)):
        own: dict[Any, int] = {}
        for c, n in zip(term, shape):
            if own.setdefault(c, n) != n:
                raise _error(
                    f"subscript {c} is repeated for operand {k} but the sizes don't match, "
                    f"{n} != {own[c]}"
                )
            old = sizes.get(c, 1)
            if old != n and old != 1 and n != 1:
                raise _error(
                    f"operands do not broadcast with remapped shapes [original->remapped]: "
                    f"subscript {c} has the sizes {old} and {n}"
                )
            sizes[c] = n if old == 1 else old
    return sizes


def _node(labels: list[list[Any]], out: list[Any], sizes: dict[Any, int]) -> str:
    """Return the name of the last step of PyTorch's evaluation from left to right."""
    if len(labels) == 1:
        return "SumBackward1" if set(labels[0]) - set(out) else "PermuteBackward0"
    before = {c for term in labels[:-1] for c in term}
    summed = (before & set(labels[-1])) - set(out)
    return "ViewBackward0" if summed else "MulBackward0"


def _einsum_node(params: dict[str, Any], specs: tuple[Any, ...]) -> str:
    return str(params["node"])


def _saves(n: int) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(j for j in range(n) if j != k) for k in range(n))


def _einsum(*xs: Any, equation: str, shapes: Shapes, node: str) -> Any:
    xs = tuple(x if x.shape == s else x.reshape(s) for x, s in zip(xs, shapes))
    if len(xs) == 1:
        return np.einsum(equation, xs[0])
    return np.einsum(equation, *xs, optimize="greedy" if len(xs) > 2 else True)


# What each gradient reads depends on the number of operands: an op for each.
_OPS = [
    op(f"einsum{n}" if n else "einsum", node=_einsum_node, saves=_saves(n))(_einsum)
    for n in range(9)
]


def _check_einsum(operands: Sequence[Any]) -> list[Tensor]:
    if not operands:
        raise _error("must provide at least one operand")
    for k, t in enumerate(operands):
        tensor(t, "einsum", "operands", k + 2)
    return list(operands)


def _from_lists(args: tuple[Any, ...]) -> tuple[str, list[Any]]:
    """Read ``einsum(op1, [0, 1], op2, [1, 2], [0, 2])`` as an equation."""
    operands, lists = list(args[0::2]), list(args[1::2])
    out = operands.pop() if len(args) % 2 else None

    def letters(numbers: Any) -> str:
        found = []
        for n in numbers:
            if n is Ellipsis:
                found.append("...")
            elif 0 <= n < 52:
                found.append((string.ascii_uppercase + string.ascii_lowercase)[n])
            else:
                raise ValueError("einsum(): subscripts must be in the range [0, 52)")
        return "".join(found)

    equation = ",".join(letters(s) for s in lists)
    return (equation if out is None else f"{equation}->{letters(out)}"), operands


def einsum_of(equation: str, operands: Sequence[Tensor], node: str | None = None) -> Tensor:
    """Record an Einstein sum; `node` names it when another function is made of it."""
    specs = [t._spec for t in operands]
    shapes = tuple(tuple(s.shape) for s in specs)
    strict, reduced, name = canonical(equation, shapes)
    n = len(operands)
    if node is not None:
        same_dtype("einsum", specs)
    elif any(s.np.kind in "biu" or s.np != specs[0].np for s in specs):
        kind = _sum_dtype(strict, reduced, [s.dtype for s in specs])
        operands = [t.to(kind) for t in operands]
    if n >= len(_OPS):
        raise _error(f"at most {len(_OPS) - 1} operands are supported, got {n}")
    found = apply(_OPS[n], operands, equation=strict, shapes=reduced, node=node or name)
    return found  # type: ignore[no-any-return]


def _sum_dtype(strict: str, shapes: Shapes, kinds: Sequence[dtype]) -> dtype:
    """Return the dtype of a sum of products evaluated from left to right, as PyTorch does.

    Sums over axes of one operand count truth values, products promote, and sums of products are
    matrix products: these take two operands of one dtype, which is not bool.
    """
    left, _, out = strict.partition("->")
    terms = left.split(",")
    last = {c: k for k, term in enumerate(terms) for c in term}
    sizes = [dict(zip(term, shape)) for term, shape in zip(terms, shapes)]
    whole: dict[str, int] = {}
    made = kinds[0]
    for k, (size, kind) in enumerate(zip(sizes, kinds)):
        matrices = False
        for c in (set(whole) | set(size)) - set(out):
            if last[c] == k:
                ours, theirs = whole.pop(c, 1) != 1, size.get(c, 1) != 1
                if ours and theirs:
                    matrices = True
                elif ours:
                    made = _counted(made)
                elif theirs:
                    kind = _counted(kind)
        if matrices:
            if made is bool_:
                raise NotImplementedError("\"bmm\" not implemented for 'Bool'")
            if made is not kind:
                a, b = CALLED[made.name], CALLED[kind.name]
                raise RuntimeError(f"expected scalar type {a} but found {b}")
        made = promote_types(made, kind) if k else kind
        whole |= {c: max(n, whole.get(c, 1)) for c, n in size.items() if c in out or last[c] > k}
    return made


def _counted(kind: dtype) -> dtype:
    return kind if kind.is_floating_point or kind.is_complex else int64


@public(method=False)
def einsum(*args: Any) -> Tensor:
    """Return the sum of products that an equation describes.

    Parameters
    ----------
    *args
        The equation and the operands, or the operands, each followed by a list of the numbers of
        its axes, and at the end the list of the result.

    Raises
    ------
    RuntimeError
        If the equation does not fit the operands, or the dtypes of what a sum of products joins
        differ.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.einsum("ij,jk->ik", torch.ones(1, 3), torch.ones(3, 2))
    tensor([[3., 3.]])
    """
    if len(args) < 2:
        raise ValueError(
            "einsum(): must specify the equation string and at least one operand, "
            "or at least one operand and its subscripts list"
        )
    if isinstance(args[0], Tensor):
        equation, operands = _from_lists(args)
    else:
        equation, operands = args[0], list(args[1:])
        if not isinstance(equation, str):
            raise TypeError(
                f"einsum(): argument 'equation' must be str, not {type(equation).__name__}"
            )
        if len(operands) == 1 and isinstance(operands[0], list | tuple):
            operands = list(operands[0])
    return einsum_of(equation, _check_einsum(operands))


# ---------------------------------------------------------------- contractions


@public(method=False, out=True)
def tensordot(a: Tensor, b: Tensor, dims: Any = 2) -> Tensor:
    """Return the sum of products over pairs of axes.

    Parameters
    ----------
    a, b : Tensor
    dims : int or pair of lists
        How many of the last axes of `a` meet the first of `b`, or which axes meet.
    """
    tensor(a, "tensordot", "a")
    tensor(b, "tensordot", "b", 2)
    m, n = a._spec.ndim, b._spec.ndim
    if isinstance(dims, Tensor):
        dims = dims.tolist()
    if isinstance(dims, int):
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(m, n):
            raise RuntimeError(
                f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims} for operands of "
                f"{m} and {n} dimensions"
            )
        first, second = list(range(m - dims, m)), list(range(dims))
    else:
        first = [wrapped(k, m) for k in ([dims[0]] if isinstance(dims[0], int) else dims[0])]
        second = [wrapped(k, n) for k in ([dims[1]] if isinstance(dims[1], int) else dims[1])]
    if len(first) != len(second):
        raise RuntimeError("both dimension lists should have same length")
    multiplied("tensordot", (a._spec, b._spec))
    for i, j in zip(first, second):
        p, q = a._spec.shape[i], b._spec.shape[j]
        if p != q and 1 not in (p, q):
            raise RuntimeError(
                "contracted dimensions need to match, but first "
                f"has size {p} in dim {i} and second has size {q} in dim {j}"
            )
    letters = iter(string.ascii_letters)
    own = [next(letters) for _ in range(m)]
    other = [next(letters) for _ in range(n)]
    for i, j in zip(first, second):
        other[j] = own[i]
    left, right = "".join(own), "".join(other)
    kept = [c for k, c in enumerate(own) if k not in first]
    kept += [c for k, c in enumerate(other) if k not in second]
    return einsum_of(f"{left},{right}->{''.join(kept)}", (a, b), "ViewBackward0")


def _kron_dtype(args: tuple[Any, ...], params: dict[str, Any]) -> dict[str, Any]:
    return {**params, "dtype": promoted(*args).numpy.name}


@op("kron", node="UnsafeViewBackward0", saves=((1,), (0,)), resolve=_kron_dtype)
def KRON(x: Any, y: Any, *, dtype: str) -> Any:
    """Blocks of the second operand, each scaled by an entry of the first."""
    x, y = to(x, dtype), to(y, dtype)
    n = max(x.ndim, y.ndim)
    m, p = (1,) * (n - x.ndim) + x.shape, (1,) * (n - y.ndim) + y.shape
    wide = x.reshape(tuple(v for k in m for v in (k, 1)))
    tall = y.reshape(tuple(v for k in p for v in (1, k)))
    return (wide * tall).reshape(tuple(a * b for a, b in zip(m, p)))


@public(out=True)
def kron(input: Tensor, other: Tensor) -> Tensor:
    """Return the Kronecker product: copies of `other`, scaled by the entries of `input`."""
    found = apply(KRON, (tensor(input, "kron"), tensor(other, "kron", "other", 2)))
    return found  # type: ignore[no-any-return]


# ---------------------------------------------------------------- chains


def _chain_order(shapes: list[tuple[int, int]]) -> Any:
    """Return the cheapest order of multiplication as nested pairs: dynamic programming."""
    n = len(shapes)
    sizes = [s[0] for s in shapes] + [shapes[-1][1]]
    cost = [[0] * n for _ in range(n)]
    cut = [[0] * n for _ in range(n)]
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            cost[i][j], cut[i][j] = min(
                (cost[i][k] + cost[k + 1][j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k)
                for k in range(i, j)
            )

    def order(i: int, j: int) -> Any:
        return i if i == j else (order(i, cut[i][j]), order(cut[i][j] + 1, j))

    return order(0, n - 1)


def _chain(*xs: Any, order: Any, shape: tuple[int, ...]) -> Any:
    def product(node: Any) -> Any:
        if not isinstance(node, int):
            return product(node[0]) @ product(node[1])
        x = xs[node]
        if x.ndim == 1:
            return x[None, :] if node == 0 else x[:, None]
        return x

    made = product(order)
    return made if made.shape == shape else made.reshape(shape)


_CHAINS = [op(f"multi_dot{n}", node="ViewBackward0", saves=_saves(n))(_chain) for n in range(2, 17)]


def multi_dot_of(function: str, tensors: Sequence[Any]) -> Tensor:
    """Record the product of two or more matrices in the cheapest order; vectors at the ends."""
    ts = list(tensors)
    if len(ts) < 2:
        raise RuntimeError(f"{function}: expected at least 2 tensors but got {len(ts)}")
    for k, t in enumerate(ts):
        tensor(t, function, "tensors", k + 1)
    specs: list[Spec] = [t._spec for t in ts]
    same_dtype(function, specs)
    shapes, shape = [], []
    for k, s in enumerate(specs):
        edge = k in (0, len(specs) - 1)
        if s.ndim != 2 and not (edge and s.ndim == 1):
            raise RuntimeError(
                f"{function}: tensor {k} must be {'1D or 2D' if edge else '2D'} but got {s.ndim}D"
            )
        rows, columns = s.shape if s.ndim == 2 else ((1, s.shape[0]) if k == 0 else (s.shape[0], 1))
        shapes.append((rows, columns))
        if edge and s.ndim == 2:
            shape.append(rows if k == 0 else columns)
    for k in range(len(shapes) - 1):
        if shapes[k][1] != shapes[k + 1][0]:
            first, second = ("x".join(map(str, specs[j].shape)) for j in (k, k + 1))
            raise RuntimeError(
                f"{function}: tensors {k} and {k + 1} with shapes {first} and {second} cannot be "
                "multiplied"
            )
    if len(ts) - 2 >= len(_CHAINS):
        raise RuntimeError(f"{function}: at most {len(_CHAINS) + 1} tensors are supported")
    found = apply(_CHAINS[len(ts) - 2], ts, order=_chain_order(shapes), shape=tuple(shape))
    return found  # type: ignore[no-any-return]


@public(method=False)
def chain_matmul(*matrices: Tensor, out: Tensor | None = None) -> Tensor:
    """Return the product of matrices in the cheapest order; deprecated for `linalg.multi_dot`."""
    import warnings

    from ..surface import store

    warnings.warn(
        "torch.chain_matmul is deprecated and will be removed in a future PyTorch release. "
        "Use torch.linalg.multi_dot instead, which accepts a list of two or more tensors rather "
        "than multiple parameters.",
        UserWarning,
        stacklevel=2,
    )
    if len(matrices) == 1:
        return matrices[0]
    for k, t in enumerate(matrices):
        if tensor(t, "chain_matmul", "matrices", k + 1)._spec.ndim != 2:
            raise RuntimeError(f"chain_matmul: Tensor at position {k} is not a matrix")
    found = multi_dot_of("chain_matmul", matrices)
    return found if out is None else store(out, found)
