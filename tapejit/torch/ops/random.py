"""Random tensors: values are drawn when they are asked for, from NumPy's stream of a generator.

A seed makes a run repeat; the numbers are not PyTorch's.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtypes
from ..codes import op
from ..dtypes import dtype as DType
from ..dtypes import get_default_dtype
from ..emit import apply
from ..generator import Generator, default_generator
from ..operators import write
from ..surface import FUNCTIONS, public, store
from ..tensor import Tensor
from .arguments import TYPES, ints_of, need_tensor, new_size, whole
from .creation import fill_number, options, size_argument
from .from_data import made


def stream(generator: Any) -> np.random.Generator:
    """Return NumPy's stream of a generator, of the default one for None."""
    if generator is None:
        return default_generator.numpy
    if not isinstance(generator, Generator):
        raise TypeError(f"expected a torch.Generator, not {type(generator).__name__}")
    return generator.numpy


def _floating(dtype: DType, kernel: str) -> None:
    if not (dtype.is_floating_point or dtype.is_complex):
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{TYPES.get(dtype.name)}'")


def uniform_values(shape: tuple[int, ...], dtype: DType, rng: np.random.Generator) -> Any:
    """Return numbers from [0, 1)."""
    _floating(dtype, "check_uniform_bounds")
    if dtype.is_complex:
        part = dtype.to_real()
        return uniform_values(shape, part, rng) + 1j * uniform_values(shape, part, rng)
    if dtype is dtypes.float16:  # rounding a float32 to a half may give 1.0: draw its 11 bits
        return (rng.integers(0, 2048, shape) / 2048).astype(np.float16)
    return rng.random(shape, dtype.numpy.type)


def normal_values(shape: tuple[int, ...], dtype: DType, rng: np.random.Generator) -> Any:
    """Return standard normal numbers; complex ones have variance one in all."""
    _floating(dtype, "normal_kernel_cpu")
    if dtype.is_complex:
        part = dtype.to_real()
        pair = [normal_values(shape, part, rng) for _ in range(2)]
        return ((pair[0] + 1j * pair[1]) * np.sqrt(0.5)).astype(dtype.numpy)
    if dtype is dtypes.float16:
        return rng.standard_normal(shape, np.float32).astype(np.float16)
    return rng.standard_normal(shape, dtype.numpy.type)


def integer_values(
    low: int, high: int, shape: tuple[int, ...], dtype: DType, rng: np.random.Generator
) -> Any:
    """Return integers from [low, high), in any dtype that holds them."""
    if low >= high:
        raise RuntimeError(
            f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}"
        )
    kind = dtype.numpy
    if kind.kind in "iub":
        limits = np.iinfo(kind) if kind.kind != "b" else None
        least, most = (0, 1) if limits is None else (int(limits.min), int(limits.max))
        if low < least:
            raise RuntimeError(f"from is out of bounds for {dtype.name}")
        if high - 1 > most:
            raise RuntimeError(f"to - 1 is out of bounds for {dtype.name}")
    return rng.integers(low, high, shape, np.int64).astype(kind)


def _out(found: Tensor, out: Any) -> Tensor:
    return found if out is None else store(out, found)


# ---------------------------------------------------------------- of a size


def _sized(name: str, values: Any, doc: str) -> None:
    def draw(*size: Any, generator: Any = None, out: Any = None, **named: Any) -> Tensor:
        shape = size_argument(name, size, named)
        dtype, requires_grad = options(name, named)
        found = values(shape, dtype or get_default_dtype(), stream(generator))
        return _out(made(found, requires_grad), out)

    draw.__name__ = draw.__qualname__ = name
    draw.__doc__ = f"""Return a new tensor of {doc}.

    Parameters
    ----------
    *size : int, or one tuple of ints
    generator : Generator, optional
    dtype : dtype, optional
    requires_grad : bool
    """
    public(name, method=False)(draw)

    def like(input: Tensor, *, generator: Any = None, **named: Any) -> Tensor:
        need_tensor(input, f"{name}_like")
        dtype, requires_grad = options(f"{name}_like", named)
        found = values(tuple(input._spec.shape), dtype or input._spec.dtype, stream(generator))
        return made(found, requires_grad)

    like.__name__ = like.__qualname__ = f"{name}_like"
    like.__doc__ = f"Return a tensor of {doc}, of the shape and dtype of another."
    public(f"{name}_like", method=False)(like)


_sized("rand", uniform_values, "numbers drawn evenly from [0, 1)")
_sized("randn", normal_values, "standard normal numbers")


@public(method=False)
def randint(*bounds: Any, generator: Any = None, out: Any = None, **named: Any) -> Tensor:
    """Return integers drawn evenly: ``randint(high, size)`` or ``randint(low, high, size)``.

    Raises
    ------
    RuntimeError
        If there is no integer to draw, or the dtype cannot hold them.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.randint(7, 8, (2,))
    tensor([7, 7])
    """
    given = list(bounds)
    size = named.pop("size") if "size" in named else (given.pop() if len(given) > 1 else None)
    if size is None:
        raise TypeError(
            "randint() received an invalid combination of arguments: (int high, tuple of ints "
            "size) or (int low, int high, tuple of ints size)"
        )
    low, high = _bounds("randint", given, named)
    if not isinstance(size, (tuple, list)):
        raise TypeError(
            f"randint(): argument 'size' (position {len(given) + 1}) must be tuple of ints, "
            f"not {type(size).__name__}"
        )
    dtype, requires_grad = options("randint", named)
    shape = new_size(ints_of(size, "randint", "size"))
    found = integer_values(low, high, shape, dtype or dtypes.int64, stream(generator))
    return _out(made(found, requires_grad), out)


def _bounds(function: str, given: list[Any], named: dict[str, Any]) -> tuple[int, int]:
    if len(given) == 2:
        low, high = given
    elif len(given) == 1:
        low, high = (given[0], named.pop("high")) if "high" in named else (0, given[0])
    elif not given and "high" in named:
        low, high = named.pop("low", 0), named.pop("high")
    else:
        raise TypeError(f"{function}() received an invalid combination of arguments")
    return whole(low, function, "low"), whole(high, function, "high")


@public(method=False)
def randint_like(input: Tensor, *bounds: Any, generator: Any = None, **named: Any) -> Tensor:
    """Return integers drawn evenly, of the shape and dtype of another tensor."""
    need_tensor(input, "randint_like")
    low, high = _bounds("randint_like", list(bounds), named)
    dtype, requires_grad = options("randint_like", named)
    shape = tuple(input._spec.shape)
    found = integer_values(low, high, shape, dtype or input._spec.dtype, stream(generator))
    return made(found, requires_grad)


@public(method=False)
def randperm(n: int, *, generator: Any = None, out: Any = None, **named: Any) -> Tensor:
    """Return the integers from 0 to n - 1 in random order."""
    dtype, requires_grad = options("randperm", named)
    count = whole(n, "randperm", "n")
    new_size((count,))
    found = stream(generator).permutation(count).astype((dtype or dtypes.int64).numpy)
    return _out(made(found, requires_grad), out)


# ---------------------------------------------------------------- with parameters


@op("normal", node=lambda params, args: f"NormalBackward{params['which']}", saves=((),))
def _as_drawn(values: Any, *parameters: Any, which: int) -> Any:
    """Drawn values; no gradient goes to the parameters of the distribution."""
    return values


@op("bernoulli", saves=((),))
def _as_tossed(values: Any, *parameters: Any) -> Any:
    """Drawn values; no gradient goes to the probabilities."""
    return values


def _drawn(operation: Any, array: Any, parameters: list[Any], **params: Any) -> Tensor:
    """Return drawn values; with a node, whose gradients are zero, if a parameter requires grad."""
    values = made(array)
    live = [p for p in parameters if isinstance(p, Tensor) and p._kind]
    if not live:
        return values
    found: Tensor = apply(operation, (values, *live), **params)
    return found


@public(method=False)
def normal(
    mean: Any = 0.0, std: Any = 1.0, size: Any = None, *, generator: Any = None, out: Any = None,
    **named: Any,
) -> Tensor:  # fmt: skip
    """Return normal numbers of given means and standard deviations, tensors or numbers."""
    dtype, requires_grad = options("normal", named)
    rng = stream(generator)
    tensors = [p for p in (mean, std) if isinstance(p, Tensor)]
    if not tensors and size is None:
        raise TypeError(
            "normal() received an invalid combination of arguments: two numbers need a size"
        )
    for p in tensors:
        _floating(p._spec.dtype, "normal_kernel_cpu")
    values = [np.asarray(p._value()) if isinstance(p, Tensor) else p for p in (mean, std)]
    if np.any(np.asarray(values[1]) < 0):
        if isinstance(std, Tensor):
            raise RuntimeError("normal expects all elements of std >= 0.0")
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std:g}")
    if tensors:
        kind = tensors[0]._spec.dtype
        shape = tuple(np.broadcast_shapes(*[p.shape for p in values if isinstance(p, np.ndarray)]))
    else:
        kind = dtype or get_default_dtype()
        shape = new_size(ints_of(size, "normal", "size"))
    found = values[0] + values[1] * normal_values(shape, kind, rng)
    which = isinstance(mean, Tensor) + 2 * isinstance(std, Tensor)
    drawn = _drawn(_as_drawn, np.asarray(found).astype(kind.numpy), tensors, which=which)
    if requires_grad:
        drawn = drawn.requires_grad_()
    return _out(drawn, out)


@public()
def bernoulli(input: Tensor, p: Any = None, *, generator: Any = None, out: Any = None) -> Tensor:
    """Return ones with given probabilities, else zeros.

    Raises
    ------
    RuntimeError
        If a probability is not one.
    """
    need_tensor(input, "bernoulli")
    spec = input._spec
    if p is None:
        if not spec.dtype.is_floating_point:
            raise NotImplementedError(
                f"\"bernoulli_tensor_cpu_p_\" not implemented for '{TYPES.get(spec.np.name)}'"
            )
        p = np.asarray(input._value())
    found = tossed(tuple(spec.shape), p, stream(generator)).astype(spec.np)
    return _out(_drawn(_as_tossed, found, [input]), out)


def tossed(shape: tuple[int, ...], p: Any, rng: np.random.Generator) -> Any:
    """Return True with a probability, or with probabilities."""
    chance = np.asarray(p, np.float64)
    if not np.all((chance >= 0) & (chance <= 1)):
        raise RuntimeError(
            f"bernoulli_ expects p to be in [0, 1], but got p={chance.reshape(-1)[0]:g}"
            if chance.size == 1
            else "Expected p_in >= 0 && p_in <= 1 to be true, but got false."
        )
    return rng.random(shape) < chance


@public()
def poisson(input: Tensor, generator: Any = None) -> Tensor:
    """Return Poisson numbers of given rates."""
    need_tensor(input, "poisson")
    rates = np.asarray(input._value())
    if np.any(rates < 0):
        raise RuntimeError("invalid Poisson rate, expected rate to be non-negative")
    return made(stream(generator).poisson(rates).astype(input._spec.np))


@public()
def multinomial(
    input: Tensor,
    num_samples: int,
    replacement: bool = False,
    *,
    generator: Any = None,
    out: Any = None,
) -> Tensor:
    """Return positions drawn with probabilities in proportion to weights, for each row.

    Raises
    ------
    RuntimeError
        If weights are negative, not finite or all zero, or more positions are drawn than there
        are without replacement.
    """
    spec = need_tensor(input, "multinomial")._spec
    if spec.ndim not in (1, 2):
        raise RuntimeError("prob_dist must be 1 or 2 dim")
    if not spec.dtype.is_floating_point:
        raise RuntimeError(
            "multinomial only supports floating-point dtypes for input, got: "
            f"{TYPES.get(spec.np.name)}"
        )
    n = whole(num_samples, "multinomial", "num_samples")
    if n <= 0:
        raise RuntimeError("cannot sample n_sample <= 0 samples")
    if not replacement and n > spec.shape[-1]:
        raise RuntimeError(
            "cannot sample n_sample > prob_dist.size(-1) samples without replacement"
        )
    weights = np.asarray(input._value(), np.float64)
    if not np.all(np.isfinite(weights)) or np.any(weights < 0):
        raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
    rows = np.atleast_2d(weights)
    if np.any(rows.sum(1) <= 0):
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
    if not replacement and np.any((rows > 0).sum(1) < n):
        raise RuntimeError(
            "invalid multinomial distribution (with replacement=False, not enough non-negative "
            "category to sample)"
        )
    rng = stream(generator)
    picked = [rng.choice(rows.shape[1], n, replacement, row / row.sum()) for row in rows]
    found = np.array(picked, np.int64).reshape(n if spec.ndim == 1 else (rows.shape[0], n))
    return _out(made(found), out)


# ---------------------------------------------------------------- in place


@op("random_fill", node=lambda params, args: params["node"], saves=())
def _filled(x: Any, values: Any, *, node: str) -> Any:
    """Drawn values in place of what was there; no gradient goes to it."""
    return values


def _fill(self: Tensor, array: Any, node: str) -> Tensor:
    return write(self, _filled, (self, made(np.asarray(array).astype(self._spec.np))), node=node)


def _shape(self: Tensor) -> tuple[int, ...]:
    self._check_inplace(_recorder())
    return tuple(self._spec.shape)


def _recorder() -> Any:
    from ..record import LOCAL

    return LOCAL.rec


@public("normal_", function=False)
def normal_(self: Tensor, mean: Any = 0.0, std: Any = 1.0, *, generator: Any = None) -> Tensor:
    """Fill this tensor with normal numbers and return it."""
    shape, a, b = _shape(self), fill_number(mean, "normal_"), fill_number(std, "normal_")
    if b < 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {b:g}")
    drawn = normal_values(shape, self._spec.dtype, stream(generator))
    return _fill(self, a + b * drawn, "NormalBackward0")


@public("uniform_", function=False)
def uniform_(self: Tensor, from_: Any = 0.0, to: Any = 1.0, *, generator: Any = None,
             **named: Any) -> Tensor:  # fmt: skip
    """Fill this tensor with numbers drawn evenly from ``[from, to)`` and return it."""
    low = fill_number(named.pop("from", from_), "uniform_", "from", 1)
    high = fill_number(to, "uniform_", "to", 2)
    if named:
        raise TypeError(f"uniform_() got an unexpected keyword argument '{next(iter(named))}'")
    if low > high:
        raise RuntimeError(
            f"uniform_ expects to return a [from, to) range, but found from={low:g} > to={high:g}"
        )
    drawn = uniform_values(_shape(self), self._spec.dtype, stream(generator))
    return _fill(self, low + (high - low) * drawn, "UniformBackward0")


@public("bernoulli_", function=False)
def bernoulli_(self: Tensor, p: Any = 0.5, *, generator: Any = None) -> Tensor:
    """Fill this tensor with ones with a probability, else zeros, and return it."""
    node = "BernoulliBackward1" if isinstance(p, Tensor) else "BernoulliBackward2"
    chance = np.asarray(p._value()) if isinstance(p, Tensor) else fill_number(p, "bernoulli_", "p")
    return _fill(self, tossed(_shape(self), chance, stream(generator)), node)


@public("random_", function=False)
def random_(self: Tensor, *bounds: Any, generator: Any = None, **named: Any) -> Tensor:
    """Fill this tensor with integers drawn evenly and return it.

    Without bounds they go up to the greatest that the dtype holds exactly.
    """
    kind = self._spec.dtype
    given = [*bounds, *([named.pop("from")] if "from" in named else [])]
    if "to" in named:
        given.append(named.pop("to"))
    if named:
        raise TypeError(f"random_() got an unexpected keyword argument '{next(iter(named))}'")
    ends = [whole(b, "random_", "to") for b in given]
    if ends:
        low, high = (0, ends[0]) if len(ends) == 1 else (ends[0], ends[1])
        node = "RandomBackward1" if len(ends) == 1 else "RandomBackward0"
    else:
        low, node = 0, "RandomBackward2"
        if kind.is_floating_point:
            high = 2 ** {2: 11, 4: 24, 8: 53}[kind.itemsize] + 1
        else:
            high = 2 if kind is dtypes.bool_ else int(np.iinfo(kind.numpy).max)
    return _fill(self, integer_values(low, high, _shape(self), kind, stream(generator)), node)


def _continuous(name: str, draw: Any, check: Any, defaults: dict[str, float], doc: str) -> None:
    def fill(self: Tensor, *given: Any, generator: Any = None, **named: Any) -> Tensor:
        values = dict(defaults)
        for key, value in zip(values, given):
            values[key] = value
        for key, value in named.items():
            if key not in values:
                raise TypeError(f"{name}() got an unexpected keyword argument '{key}'")
            values[key] = value
        numbers = [fill_number(v, name, k) for k, v in values.items()]
        if not self._spec.dtype.is_floating_point and name != "geometric_":
            raise RuntimeError(
                f"{name[:-1].capitalize()} distribution is a continuous probability distribution. "
                "dtype must be a floating point but you specified "
                f"{TYPES.get(self._spec.np.name)}"
            )
        check(*numbers)
        node = "".join(w.capitalize() for w in name.split("_") if w) + "Backward0"
        return _fill(self, draw(stream(generator), _shape(self), *numbers), node)

    fill.__name__ = fill.__qualname__ = name
    fill.__doc__ = doc
    public(name, function=False)(fill)


def _need(holds: bool, message: str) -> None:
    if not holds:
        raise RuntimeError(message)


_continuous(
    "exponential_",
    lambda rng, shape, lambd: rng.standard_exponential(shape) / lambd,
    lambda lambd: _need(
        lambd > 0, f"exponential_ expects lambda > 0.0, but found lambda={lambd:g}"
    ),
    {"lambd": 1.0},
    "Fill this tensor with exponential numbers of a rate and return it.",
)
_continuous(
    "log_normal_",
    lambda rng, shape, mean, std: np.exp(mean + std * rng.standard_normal(shape)),
    lambda mean, std: _need(std > 0, f"log_normal_ expects std > 0.0, but found std={std:g}"),
    {"mean": 1.0, "std": 2.0},
    "Fill this tensor with numbers whose logarithms are normal and return it.",
)
_continuous(
    "cauchy_",
    lambda rng, shape, median, sigma: median + sigma * rng.standard_cauchy(shape),
    lambda median, sigma: _need(
        sigma > 0, f"cauchy_ expects sigma > 0.0, but found sigma={sigma:g}"
    ),
    {"median": 0.0, "sigma": 1.0},
    "Fill this tensor with Cauchy numbers and return it.",
)
_continuous(
    "geometric_",
    lambda rng, shape, p: rng.geometric(p, shape),
    lambda p: _need(0 < p < 1, f"geometric_ expects p to be in (0, 1), but got p={p:g}"),
    {"p": 0.5},
    "Fill this tensor with the number of the first success and return it.",
)


# ---------------------------------------------------------------- the default generator


@public(method=False)
def manual_seed(seed: int) -> Generator:
    """Start the default stream afresh from a seed; return the generator.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> _ = torch.manual_seed(3)
    >>> a = torch.rand(2)
    >>> _ = torch.manual_seed(3)
    >>> torch.equal(a, torch.rand(2))
    True
    """
    return default_generator.manual_seed(seed)


@public(method=False)
def seed() -> int:
    """Start the default stream from a seed that nobody knows beforehand; return it."""
    return default_generator.seed()


@public(method=False)
def initial_seed() -> int:
    """Return the seed that the default stream started from."""
    return default_generator.initial_seed()


def state_of(generator: Generator) -> Tensor:
    """Return the state of a stream as a tensor of bytes."""
    found = generator.numpy.bit_generator.state
    inner = found["state"]
    parts = [
        int(inner["state"]).to_bytes(16, "little"), int(inner["inc"]).to_bytes(16, "little"),
        int(found["has_uint32"]).to_bytes(4, "little"), int(found["uinteger"]).to_bytes(4, "little"),
        int(generator.initial_seed()).to_bytes(8, "little"),
    ]  # fmt: skip
    return made(np.frombuffer(b"".join(parts), np.uint8).copy())


def restore(generator: Generator, new_state: Any) -> None:
    """Put a stream into a state that `state_of` gave."""
    if not isinstance(new_state, Tensor) or new_state._spec.np != np.uint8:
        raise TypeError("RNG state must be a torch.ByteTensor")
    if new_state._spec.numel != 48:
        raise RuntimeError(
            "Expected a CPUGeneratorImplState of size 48 but found the input RNG state size to be "
            f"{new_state._spec.numel}"
        )
    data = np.asarray(new_state._value()).tobytes()
    at = [int.from_bytes(data[a:b], "little") for a, b in ((0, 16), (16, 32), (32, 36), (36, 40))]
    generator._seed = int.from_bytes(data[40:], "little")
    generator.numpy.bit_generator.state = {
        "bit_generator": "PCG64",
        "state": {"state": at[0], "inc": at[1]},
        "has_uint32": at[2],
        "uinteger": at[3],
    }


@public(method=False)
def get_rng_state() -> Tensor:
    """Return the state of the default stream as a tensor of bytes."""
    return state_of(default_generator)


@public(method=False)
def set_rng_state(new_state: Tensor) -> None:
    """Put the default stream into a state that `get_rng_state` gave."""
    restore(default_generator, new_state)


def _get_state(self: Generator) -> Tensor:
    """Return the state of the stream as a tensor of bytes."""
    return state_of(self)


def _set_state(self: Generator, new_state: Tensor) -> Generator:
    """Put the stream into a state that `get_state` gave; return the generator."""
    restore(self, new_state)
    return self


Generator.get_state = _get_state  # type: ignore[attr-defined]
Generator.set_state = _set_state  # type: ignore[attr-defined]


FUNCTIONS["Generator"], FUNCTIONS["default_generator"] = Generator, default_generator  # type: ignore[assignment]
