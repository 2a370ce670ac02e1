"""Recurrent cells and layers, with every parameter set from a formula.

The nodes behind a layer's results depend on which library PyTorch runs it with, so results of
layers are yielded detached; those of cells are what a reader would write by hand, and keep theirs.
"""

from __future__ import annotations

from nn_formulas import fill, gradients, leaf, wave, weights
from transcripts import raising

CELLS = ["RNNCell", "GRUCell"]
LAYERS = ["RNN", "GRU", "LSTM"]


def both(result):
    """Return the tensors of a layer's result: output, hidden state, for LSTM cell state."""
    out, state = result
    return (out, *state) if isinstance(state, tuple) else (out, state)


def case_cells(torch):
    """One step from a given state, in both precisions, with all gradients."""
    for name in CELLS:
        for dtype in (torch.float32, torch.float64):
            cell = fill(torch, getattr(torch.nn, name)(3, 2, dtype=dtype))
            x, h = leaf(torch, 2, 3, dtype=dtype), leaf(torch, 2, 2, dtype=dtype, phase=2.0)
            out = cell(x, h)
            yield name, out
            yield gradients(torch, out, [x, h, *cell.parameters()])


def case_lstm_cell(torch):
    """Hidden and cell state."""
    for dtype in (torch.float32, torch.float64):
        cell = fill(torch, torch.nn.LSTMCell(3, 2, dtype=dtype))
        x = leaf(torch, 2, 3, dtype=dtype)
        h, c = leaf(torch, 2, 2, dtype=dtype, phase=2.0), leaf(torch, 2, 2, dtype=dtype, phase=3.0)
        out = cell(x, (h, c))
        yield out
        yield gradients(torch, out, [x, h, c, *cell.parameters()])


def case_cells_second_order(torch):
    """The gradient of a weighted gradient."""
    for name in CELLS:
        cell = fill(torch, getattr(torch.nn, name)(2, 2, dtype=torch.float64))
        x, h = leaf(torch, 1, 2, dtype=torch.float64), wave(torch, 1, 2, dtype=torch.float64)
        out = cell(x, h)
        (g,) = torch.autograd.grad((out * weights(torch, out)).sum(), x, create_graph=True)
        (g * weights(torch, g)).sum().backward()
        yield name, g.detach(), x.grad, cell.weight_ih.grad, cell.weight_hh.grad


def case_cells_without_a_state(torch):
    """The state is zero when it is not given; inputs may be unbatched."""
    for name in [*CELLS, "LSTMCell"]:
        cell = fill(torch, getattr(torch.nn, name)(3, 2))
        x = wave(torch, 2, 3)
        yield name, cell(x), cell(x[0])


def case_cells_without_bias(torch):
    """Two parameters instead of four."""
    for name in [*CELLS, "LSTMCell"]:
        cell = fill(torch, getattr(torch.nn, name)(3, 2, bias=False))
        yield name, [n for n, _ in cell.named_parameters()], cell.weight_ih.shape
        yield cell(wave(torch, 1, 3))


def case_relu_cell(torch):
    """The other nonlinearity."""
    cell = fill(torch, torch.nn.RNNCell(3, 2, nonlinearity="relu"))
    x = leaf(torch, 2, 3)
    out = cell(x)
    yield out, gradients(torch, out, [x, *cell.parameters()])


def case_cells_print(torch):
    """Sizes, and options that differ from the defaults."""
    nn = torch.nn
    yield repr(nn.RNNCell(3, 2)), repr(nn.RNNCell(3, 2, nonlinearity="relu", bias=False))
    yield repr(nn.LSTMCell(3, 2)), repr(nn.GRUCell(3, 2, bias=False))
    yield repr(nn.RNN(3, 2)), repr(nn.LSTM(3, 2, batch_first=True)), repr(nn.GRU(3, 2, bias=False))


def case_cells_start_within_bounds(torch):
    """Every entry within 1 / sqrt(hidden), names as documented."""
    for name in [*CELLS, "LSTMCell"]:
        cell = getattr(torch.nn, name)(3, 4)
        yield name, [(n, tuple(p.shape)) for n, p in cell.named_parameters()]
        yield all(bool((p.abs() <= 0.5).all()) for p in cell.parameters())


def case_cell_errors(torch):
    """Widths that do not fit."""
    for name in [*CELLS, "LSTMCell"]:
        cell = getattr(torch.nn, name)(3, 2)
        yield raising(torch, lambda cell=cell: cell(wave(torch, 1, 4)), "4", "3")
    yield raising(torch, lambda: torch.nn.RNNCell(3, 2)(wave(torch, 1, 3), wave(torch, 1, 3)), "2")
    yield raising(torch, lambda: torch.nn.GRUCell(3, 2)(wave(torch, 1, 1, 3)), "3")


def case_unrolled_cell(torch):
    """Five steps by a Python loop, backward through time."""
    cell = fill(torch, torch.nn.GRUCell(2, 2))
    x, h = leaf(torch, 5, 1, 2), torch.zeros(1, 2)
    for step in x:
        h = cell(step, h)
    yield h
    yield gradients(torch, h, [x, *cell.parameters()])


def case_unrolled_lstm_cell(torch):
    """Five steps of two states."""
    cell = fill(torch, torch.nn.LSTMCell(2, 2))
    x, h, c = leaf(torch, 5, 1, 2), torch.zeros(1, 2), torch.zeros(1, 2)
    for step in x:
        h, c = cell(step, (h, c))
    yield h, c
    yield gradients(torch, (h, c), [x, *cell.parameters()])


def case_layers(torch):
    """Three steps, a batch of two: outputs, last state, gradients."""
    for name in LAYERS:
        for dtype in (torch.float32, torch.float64):
            layer = fill(torch, getattr(torch.nn, name)(2, 2, dtype=dtype))
            x = leaf(torch, 3, 2, 2, dtype=dtype)
            out = both(layer(x))
            yield name, [o.detach() for o in out], out[0].requires_grad
            yield gradients(torch, out, [x, *layer.parameters()])


def case_layers_batch_first(torch):
    """(batch, time, width); the state keeps (layers, batch, width)."""
    for name in LAYERS:
        layer = fill(torch, getattr(torch.nn, name)(2, 2, batch_first=True))
        out = both(layer(wave(torch, 1, 3, 2)))
        yield name, [o.detach() for o in out]


def case_layers_unbatched(torch):
    """(time, width)."""
    for name in LAYERS:
        layer = fill(torch, getattr(torch.nn, name)(2, 2))
        out = both(layer(wave(torch, 3, 2)))
        yield name, [o.detach() for o in out]


def case_layers_with_a_state(torch):
    """A given first state gets a gradient too."""
    for name in LAYERS:
        layer = fill(torch, getattr(torch.nn, name)(2, 2))
        h = leaf(torch, 1, 1, 2, phase=2.0)
        c = leaf(torch, 1, 1, 2, phase=3.0)
        state = (h, c) if name == "LSTM" else h
        out = both(layer(wave(torch, 2, 1, 2), state))
        yield name, [o.detach() for o in out]
        yield gradients(torch, out, [h, c] if name == "LSTM" else [h])


def case_layer_is_its_cell(torch):
    """A layer equals its cell in a loop."""
    for name in LAYERS:
        layer = fill(torch, getattr(torch.nn, name)(2, 3))
        cell = fill(torch, getattr(torch.nn, name + "Cell")(2, 3))
        x, state = wave(torch, 4, 1, 2), None
        for step in x:
            state = cell(step, state)
        last = state[0] if name == "LSTM" else state
        yield name, torch.allclose(both(layer(x))[0][-1], last, atol=1e-6)


def case_two_layers(torch):
    """A second layer reads the first; names end in _l0 and _l1."""
    layer = fill(torch, torch.nn.LSTM(2, 2, num_layers=2))
    yield [(n, tuple(p.shape)) for n, p in layer.named_parameters()]
    out = both(layer(wave(torch, 2, 1, 2)))
    yield [o.detach() for o in out]
    yield repr(layer)


def case_both_directions(torch):
    """A second pass from the end, side by side."""
    layer = fill(torch, torch.nn.GRU(2, 2, bidirectional=True))
    yield [(n, tuple(p.shape)) for n, p in layer.named_parameters()]
    out = both(layer(wave(torch, 3, 1, 2)))
    yield [o.detach() for o in out]
    yield repr(layer)


def case_relu_layer(torch):
    """`nonlinearity` of RNN."""
    layer = fill(torch, torch.nn.RNN(2, 2, nonlinearity="relu"))
    out = both(layer(wave(torch, 3, 1, 2)))
    yield [o.detach() for o in out], repr(layer)


def case_layer_errors(torch):
    """Widths, dimensions and states that do not fit."""
    nn = torch.nn
    for name in LAYERS:
        layer = getattr(nn, name)(3, 2)
        yield raising(torch, lambda layer=layer: layer(wave(torch, 2, 1, 4)), "3", "4")
        yield raising(torch, lambda layer=layer: layer(wave(torch, 3)))
    yield raising(torch, lambda: nn.RNN(3, 2)(wave(torch, 2, 1, 3), wave(torch, 1, 1, 3)))
    yield raising(torch, lambda: nn.RNN(3, 2, nonlinearity="gelu"), "gelu")
    yield raising(torch, lambda: nn.LSTM(3, 0), "hidden_size")


def case_sequence_training(torch):
    """Three steps of SGD on the sum of a sequence, truncated by `detach`."""
    nn = torch.nn
    layer, head = fill(torch, nn.LSTM(1, 2)), fill(torch, nn.Linear(2, 1))
    optimizer = torch.optim.SGD([*layer.parameters(), *head.parameters()], lr=0.1)
    state = None
    for part in wave(torch, 9, 1, 1).split(3):
        out, state = layer(part, state)
        loss = ((head(out[-1]) - part.sum(0)) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(layer.parameters(), 0.5)
        optimizer.step()
        state = tuple(s.detach() for s in state)
        yield loss.detach(), state
    yield layer.weight_hh_l0, head.bias
