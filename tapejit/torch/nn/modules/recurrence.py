"""Recurrent steps and whole layers as operations: one row for a step, one for a pass over a sequence.

A pass multiplies the inputs of all times by their weights at once, ``X = x @ w_ih.T + b_ih``, and
then goes from state to state:

- RNN: ``h' = f(X_t + w_hh h + b_hh)``;
- GRU: ``r, z`` are sigmoids, ``n = tanh(X_t + r (w_hh h + b_hh))``, ``h' = n + z (h - n)``;
- LSTM: ``i, f, o`` are sigmoids, ``g`` a tanh, ``c' = f c + i g``, ``h' = o tanh(c')``; with a
  projection, ``h' = w_hr (o tanh(c'))``.

The same step functions serve cells and layers, so that a layer equals its cell in a loop.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ....frontend.capture import current
from ....frontend.staging.loops import for_loop
from ....frontend.tracer import Tracer
from ....scipy import special
from ...codes import op

Step = Callable[[Any, tuple[Any, ...]], tuple[Any, ...]]

GATES = {"RNN_TANH": 1, "RNN_RELU": 1, "GRU": 3, "LSTM": 4}
"""By how much the weights of a kind of layer are taller than its state."""


def _product(x: Any, w: Any, *b: Any) -> Any:
    y = x @ w.T
    return y + b[0] if b else y


def _relu(x: Any) -> Any:
    # Zero where x is 0, and NaN where it is NaN, as PyTorch's.
    return np.where(x <= 0, 0 * x, x)


def step_rnn(f: Callable[[Any], Any]) -> Callable[..., Any]:
    """Return the step of a plain network with a nonlinearity."""

    def step(a: Any, state: tuple[Any, ...], *w: Any) -> tuple[Any, ...]:
        return (f(a + _product(state[0], *w)),)

    return step


def step_gru(a: Any, state: tuple[Any, ...], *w: Any) -> tuple[Any, ...]:
    """Return the next state of a gated unit: ``a`` is the input after its weights."""
    (h,) = state
    n = h.shape[-1]
    b = _product(h, *w)
    gates = special.expit(a[..., : 2 * n] + b[..., : 2 * n])
    new = np.tanh(a[..., 2 * n :] + gates[..., :n] * b[..., 2 * n :])
    return (new + gates[..., n:] * (h - new),)


def step_lstm(a: Any, state: tuple[Any, ...], *w: Any, projected: Any = None) -> tuple[Any, ...]:
    """Return the next state and cell: ``a`` is the input after its weights."""
    h, c = state
    n = c.shape[-1]
    gates = a + _product(h, *w)
    let = special.expit(gates[..., : 2 * n])
    out = special.expit(gates[..., 3 * n :])
    cell = let[..., n:] * c + let[..., :n] * np.tanh(gates[..., 2 * n : 3 * n])
    h = out * np.tanh(cell)
    return (h if projected is None else h @ projected.T), cell


STEPS: dict[str, Callable[..., Any]] = {
    "RNN_TANH": step_rnn(np.tanh),
    "RNN_RELU": step_rnn(_relu),
    "GRU": step_gru,
    "LSTM": step_lstm,
}


def _weights(w: tuple[Any, ...], bias: bool) -> tuple[tuple[Any, ...], tuple[Any, ...], Any]:
    """Return what the input, the state, and the projection are multiplied with."""
    k = 4 if bias else 2
    rest = w[k] if len(w) > k else None
    return ((w[0], w[2]), (w[1], w[3]), rest) if bias else ((w[0],), (w[1],), rest)


def _cell(name: str, mode: str, node: str) -> Any:
    def impl(x: Any, *rest: Any, bias: bool) -> Any:
        state, w = (rest[:2], rest[2:]) if mode == "LSTM" else (rest[:1], rest[1:])
        of_input, of_state, _ = _weights(w, bias)
        made = STEPS[mode](_product(x, *of_input), state, *of_state)
        return made if len(made) > 1 else made[0]

    return op(name, node=node)(impl)


rnn_tanh_cell = _cell("rnn_tanh_cell", "RNN_TANH", "TanhBackward0")
rnn_relu_cell = _cell("rnn_relu_cell", "RNN_RELU", "ReluBackward0")
gru_cell = _cell("gru_cell", "GRU", "AddBackward0")


@op("lstm_cell_gates", node="AddBackward0")
def lstm_gates(x: Any, h: Any, *w: Any, bias: bool) -> Any:
    """The four gates of a cell before their nonlinearities."""
    of_input, of_state, _ = _weights(w, bias)
    return _product(x, *of_input) + _product(h, *of_state)


@op("lstm_cell_state", node="AddBackward0")
def lstm_state(gates: Any, c: Any) -> Any:
    """The next cell state."""
    n = c.shape[-1]
    let = special.expit(gates[..., : 2 * n])
    return let[..., n:] * c + let[..., :n] * np.tanh(gates[..., 2 * n : 3 * n])


@op("lstm_cell_output", node="MulBackward0")
def lstm_output(gates: Any, cell: Any) -> Any:
    """The next hidden state."""
    n = cell.shape[-1]
    return special.expit(gates[..., 3 * n :]) * np.tanh(cell)


@op("recurrent_layer", node="StackBackward0")
def recurrent_layer(x: Any, *rest: Any, mode: str, bias: bool, reverse: bool) -> Any:
    """The outputs of all times and the last state; ``x`` is (time, batch, width)."""
    state, w = (rest[:2], rest[2:]) if mode == "LSTM" else (rest[:1], rest[1:])
    of_input, of_state, projected = _weights(w, bias)
    times, batch, width = x.shape
    flat = _product(x.reshape((times * batch, width)), *of_input)
    a = flat.reshape((times, batch, flat.shape[-1]))
    if reverse:
        a = a[::-1]
    more = {} if projected is None else {"projected": projected}

    def step(row: Any, state: tuple[Any, ...]) -> tuple[Any, ...]:
        made: tuple[Any, ...] = STEPS[mode](row, state, *of_state, **more)
        return made

    run = _rolled if type(a) is Tracer else _unrolled
    outputs, state = run(a, state, step)
    return (outputs[::-1] if reverse else outputs, *state)


def _unrolled(a: Any, state: tuple[Any, ...], step: Step) -> tuple[Any, tuple[Any, ...]]:
    """Go through all times, one by one."""
    outputs = []
    for row in a:
        state = step(row, state)
        outputs.append(state[0])
    return np.stack(outputs), state


def _rolled(a: Any, state: tuple[Any, ...], step: Step) -> tuple[Any, tuple[Any, ...]]:
    """Go through all times by one row of the tape, where there are enough of them.

    Unrolled, a pass over 20 times has 800 rows with its adjoint, which take minutes to compile.
    """
    cap = current()
    assert cap is not None
    h, c = state if len(state) == 2 else (state[0], None)
    outputs = np.zeros_like(np.broadcast_to(h, (a.shape[0], *h.shape)))

    def round(t: Any) -> None:
        nonlocal h, c
        made = step(a[t], (h,) if c is None else (h, c))
        h = made[0]
        if c is not None:
            c = made[1]
        outputs[t] = h

    def get() -> tuple[Any, ...]:
        return (h,) if c is None else (h, c)

    def put(values: tuple[Any, ...]) -> None:
        nonlocal h, c
        h = values[0]
        if c is not None:
            c = values[1]

    names = ("h",) if c is None else ("h", "c")
    for_loop(cap, range(a.shape[0]), round, None, get, put, names, dict, 0)
    return outputs, get()
