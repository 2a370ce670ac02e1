"""The printed form of a tensor, character by character PyTorch's.

A number format is chosen once for all the elements that will be shown, then every vector is filled
into lines, then what is said after the elements (size, dtype, the graph's node) is added. The
choice looks at the finite elements that are not zero, in float64:

    nothing there              0.           width 1, whole numbers
    all whole                  123.         widest of them
    otherwise                  1.2346       `precision` digits
    largest / smallest > 1000, or largest > 1e8,
    or not whole and smallest < 1e-4        scientific, 1.2346e+05

Zeros, infinities and nan are padded to that width but do not make it: ``[1., nan, -inf]``. A complex
element has a format for each part. Past `threshold` elements only `edgeitems` are shown at either end
of each dimension, and only those are looked at.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from . import dtypes
from .dtypes import dtype as DType
from .print_options import PrintOptions, get_printoptions

Style = Literal["plain", "whole", "fixed", "scientific"]


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """How one real number is written: `plain` for bools and integers, the rest for floats."""

    style: Style
    width: int
    precision: int

    def show(self, value: Any) -> str:
        if self.style == "plain":
            text = str(value)
        elif self.style == "scientific":
            text = f"{value:.{self.precision}e}"
        elif self.style == "fixed":
            text = f"{value:.{self.precision}f}"
        else:
            text = f"{value:.0f}." if math.isfinite(value) else str(value)
        return text.rjust(self.width)


@dataclass(frozen=True, slots=True)
class ComplexFormat:
    """How one complex number is written: the parts, each in its own format."""

    real: NumberFormat
    imag: NumberFormat

    @property
    def width(self) -> int:
        return self.real.width + self.imag.width + 1  # for the j; the sign comes from the padding

    def show(self, value: complex) -> str:
        imag = self.imag.show(value.imag).lstrip()
        sign = "" if imag.startswith("-") else "+"
        return f"{self.real.show(value.real)}{sign}{imag}j"


def choose_format(shown: np.ndarray, options: PrintOptions) -> NumberFormat | ComplexFormat:
    """Return the format of all elements, from those that are shown."""
    if shown.dtype.kind == "c":
        return ComplexFormat(_float_format(shown.real, options), _float_format(shown.imag, options))
    if shown.dtype.kind == "f":
        return _float_format(shown, options)
    width = max((len(str(value)) for value in shown.ravel().tolist()), default=0)
    return NumberFormat("plain", width, 0)


def _float_format(shown: np.ndarray, options: PrintOptions) -> NumberFormat:
    with np.errstate(invalid="ignore"):  # a signalling nan becomes a quiet one
        values = shown.astype(np.float64).ravel()
    values = values[np.isfinite(values) & (values != 0)]
    if not values.size:
        return NumberFormat("whole", 1, options.precision)
    sizes = np.abs(values)
    low, high = float(sizes.min()), float(sizes.max())
    whole = bool(np.all(values == np.ceil(values)))
    # float32's 1e-4 is 9.9999997e-05, so a float32 tensor of it is scientific, a float64 one is not.
    scientific = high / low > 1000 or high > 1e8 or (not whole and low < 1e-4)
    if options.sci_mode is not None:
        scientific = options.sci_mode
    style: Style = "scientific" if scientific else "whole" if whole else "fixed"
    bare = NumberFormat(style, 0, options.precision)
    return NumberFormat(style, max(len(bare.show(v)) for v in values.tolist()), options.precision)


def _shown_part(array: np.ndarray, edge: int) -> np.ndarray:
    """Return the elements that a summary shows: the corners."""
    for axis, size in enumerate(array.shape):
        if size > 2 * edge:
            array = np.take(array, [*range(edge), *range(size - edge, size)], axis=axis)
    return array


def _vector(row: np.ndarray, indent: int, form: Any, options: PrintOptions, cut: bool) -> str:
    """Return one dimension in brackets, filled into lines."""
    edge = options.edgeitems
    if cut and len(row) > 2 * edge:
        texts = [form.show(v) for v in row[:edge].tolist()] + [" ..."]
        texts += [form.show(v) for v in row[-edge:].tolist()]
    else:
        texts = [form.show(v) for v in row.tolist()]
    per_line = max(1, (options.linewidth - indent) // (form.width + 2))
    lines = [", ".join(texts[i : i + per_line]) for i in range(0, len(texts), per_line)]
    return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"


def _nested(array: np.ndarray, indent: int, form: Any, options: PrintOptions, cut: bool) -> str:
    """Return the elements in brackets, a blank line more between blocks for each dimension."""
    if array.ndim == 0:
        text: str = form.show(array.item())
        return text
    if array.ndim == 1:
        return _vector(array, indent, form, options, cut)

    def blocks() -> Iterator[str]:
        edge, size = options.edgeitems, len(array)
        for i in range(size):
            if cut and size > 2 * edge and edge <= i < size - edge:
                if i == edge:
                    yield "..."
                continue
            yield _nested(array[i], indent + 1, form, options, cut)

    between = "," + "\n" * (array.ndim - 1) + " " * (indent + 1)
    return "[" + between.join(blocks()) + "]"


def _elements(array: np.ndarray, indent: int, options: PrintOptions) -> str:
    if not array.size:
        return "[]"
    cut = array.size > options.threshold
    if cut and not options.edgeitems and array.ndim:
        return "[...]"
    shown = _shown_part(array, options.edgeitems) if cut else array
    return _nested(array, indent, choose_format(shown, options), options, cut)


def _implied(of: DType, empty: bool) -> bool:
    """Return whether a reader knows the dtype from the elements, so that it need not be said."""
    default = dtypes.get_default_dtype()
    if empty or of.is_floating_point:
        return of is default
    if of.is_complex:
        return of is (dtypes.complex128 if default is dtypes.float64 else dtypes.complex64)
    return of in (dtypes.int64, dtypes.bool_)


def tensor_str(
    array: np.ndarray,
    dtype: DType,
    *,
    requires_grad: bool,
    grad_fn: str | None,
    size_always: bool = False,
    name: str = "tensor",
) -> str:
    """Return the printed form of a tensor.

    Parameters
    ----------
    array : ndarray
        The values.
    dtype : dtype
        The tensor's; ``array.dtype`` is its NumPy dtype.
    requires_grad : bool
    grad_fn : str or None
        The name of the node that made the tensor, such as ``"AddBackward0"``; when there is one,
        `requires_grad` is not said.
    size_always : bool, optional
        Say the size also when the elements show it.
    name : str, optional
        What stands before the parenthesis: the name of the class, when it is not Tensor.

    Raises
    ------
    ValueError
        If the array is not of the dtype.

    Examples
    --------
    >>> import numpy as np
    >>> from tapejit.torch.dtypes import float32
    >>> from tapejit.torch.printing import tensor_str
    >>> ones = np.ones((2, 2), np.float32)
    >>> print(tensor_str(ones, float32, requires_grad=True, grad_fn="AddBackward0"))
    tensor([[1., 1.],
            [1., 1.]], grad_fn=<AddBackward0>)
    """
    if array.dtype != dtype.numpy:
        raise ValueError(f"an array of {array.dtype} is not the value of a tensor of {dtype!r}")
    options = get_printoptions()
    indent = len(name) + 1
    empty = not array.size
    suffixes = []
    # Without elements, or with all of them hidden, the brackets do not show the size.
    if size_always or (array.ndim != 1 if empty else not options.edgeitems):
        suffixes.append(f"size={tuple(array.shape)}")
    if not _implied(dtype, empty):
        suffixes.append(f"dtype={dtype!r}")
    if grad_fn is not None:
        suffixes.append(f"grad_fn=<{grad_fn}>")
    elif requires_grad:
        suffixes.append("requires_grad=True")
    return _with_suffixes(
        f"{name}({_elements(array, indent, options)}", suffixes, indent, options.linewidth
    )


def _with_suffixes(text: str, suffixes: list[str], indent: int, linewidth: int) -> str:
    """Return the text with its suffixes, each on a line of its own where the last one is full."""
    # As PyTorch counts it, the line is two columns longer than it is until a suffix wraps, and as
    # long as it is after that: with the parenthesis, 79 columns of 80 are used before and 81 after.
    used = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if used + len(suffix) + 2 > linewidth:
            text += ",\n" + " " * indent + suffix
            used = indent + len(suffix)
        else:
            text += ", " + suffix
            used += len(suffix) + 2
    return text + ")"


def parameter_str(tensor_text: str) -> str:
    """Return the printed form of a parameter, from that of its tensor."""
    return f"Parameter containing:\n{tensor_text}"
