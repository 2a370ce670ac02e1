"""Indices: reads, writes and gradients against NumPy on indices drawn at random."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tapejit.torch as torch

SHAPE = (3, 4, 2)


@st.composite
def indices(draw):
    """An index of SHAPE: ints, slices, None, Ellipsis, and neighbouring arrays or one mask."""
    items, axis = [], 0
    arrays = draw(st.sampled_from(["none", "one", "two", "mask"]))
    while axis < 3 and draw(st.integers(0, 5)):
        n = SHAPE[axis]
        kind = draw(st.sampled_from(["slice", "none", "array" if arrays != "none" else "int"]))
        if kind == "slice":
            bounds = [draw(st.none() | st.integers(-5, 5)) for _ in range(2)]
            items.append(slice(*bounds, draw(st.none() | st.integers(1, 3))))
            axis += 1
        elif kind == "int":
            items.append(draw(st.integers(-n, n - 1)))
            axis += 1
        elif kind == "none":
            items.append(None)
        elif arrays == "mask":
            items.append(np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n))))
            axis, arrays = axis + 1, "none"
        else:
            for _ in range(2 if arrays == "two" and axis < 2 else 1):
                m = SHAPE[axis]
                at = draw(st.lists(st.integers(-m, m - 1), min_size=2, max_size=2))
                items.append(np.array(at))
                axis += 1
            arrays = "none"
    if draw(st.booleans()):
        items.append(Ellipsis)
    return tuple(items)


def of_tensors(index):
    return tuple(torch.tensor(i) if isinstance(i, np.ndarray) else i for i in index)


@settings(max_examples=200, deadline=None)
@given(indices(), st.booleans())
def test_read_write_and_gradient_are_numpys(index, graded):
    # Ints never meet arrays in these indices, so that NumPy's rule and PyTorch's agree.
    if any(isinstance(i, np.ndarray) for i in index):
        index = tuple(slice(i, i + 1) if isinstance(i, int) and i >= 0 else i for i in index)
        index = tuple(slice(None) if isinstance(i, int) else i for i in index)
    a = np.arange(24.0).reshape(SHAPE)
    x = torch.tensor(a, requires_grad=graded)
    found = x[of_tensors(index)]
    np.testing.assert_array_equal(np.array(found.tolist()).reshape(a[index].shape), a[index])
    assert tuple(found.shape) == a[index].shape
    if graded:
        w = np.cos(np.arange(float(a[index].size))).reshape(a[index].shape)
        (found * torch.tensor(w)).sum().backward()
        wanted = np.zeros(SHAPE)
        np.add.at(wanted, index, w)
        np.testing.assert_allclose(np.array(x.grad.tolist()), wanted, atol=1e-12)
    y = x * 1
    y[of_tensors(index)] = -5.0
    b = a.copy()
    b[index] = -5.0
    np.testing.assert_array_equal(np.array(y.tolist()), b)


def test_an_int_among_tensors_is_a_view_first():
    x = torch.arange(24).reshape(2, 3, 4)
    assert x[0, :, [0, 1]].shape == (3, 2)
    assert x[[0, 1], :, [0, 1]].shape == (2, 3)
    assert x[[0, 1], 0, [0, 1]].tolist() == [0, 13]


def test_positions_are_looked_at_when_they_are_given():
    x = torch.zeros(3, requires_grad=True)
    late = torch.tensor([1]) + 5
    for read in (lambda: x[late], lambda: x.gather(0, late), lambda: x.index_select(0, late)):
        with pytest.raises((IndexError, RuntimeError), match="out of"):
            read()
    assert x[late - 5].tolist() == [0]


def test_other_positions_are_no_new_program():
    from tapejit.torch import program

    table, seen = torch.ones(5, 2, requires_grad=True), []
    for k in range(5):
        table[torch.tensor([k, (2 * k) % 5])].sum().backward()
        seen.append(len(program._programs))
    assert len(set(seen[2:])) == 1, seen
    assert table.grad[:, 0].tolist() == [2, 2, 2, 2, 2]


def test_a_number_where_a_mask_is_true():
    x = torch.arange(4.0, requires_grad=True)
    y = x * 2
    y[y > 3] = 0.0
    (y * y).sum().backward()
    assert x.grad.tolist() == [0, 8, 0, 0]


@pytest.mark.parametrize("reduce", ["sum", "prod", "mean", "amax", "amin"])
@pytest.mark.parametrize("include_self", [True, False])
def test_scatter_reduce_joins_what_meets(reduce, include_self):
    at, new = [0, 2, 0, 0], np.array([3.0, 5.0, 2.0, 4.0])
    x = np.array([7.0, 8.0, 1.0])
    join = {"sum": sum, "prod": np.prod, "mean": np.mean, "amax": max, "amin": min}[reduce]
    wanted = []
    for k in range(3):
        met = [v for i, v in zip(at, new) if i == k]
        wanted.append(join(met + [x[k]] * (include_self or not met)))
    found = torch.tensor(x).scatter_reduce(
        0, torch.tensor(at), torch.tensor(new), reduce, include_self=include_self
    )
    assert found.tolist() == pytest.approx(wanted)


def test_index_put_adds_up_repeated_places():
    x = torch.zeros(3, requires_grad=True)
    v = torch.tensor([1.0, 2.0, 4.0], requires_grad=True)
    y = (x * 1).index_put_((torch.tensor([0, 0, 2]),), v, accumulate=True)
    assert y.tolist() == [3, 0, 4]
    (y * torch.tensor([1.0, 10.0, 100.0])).sum().backward()
    assert v.grad.tolist() == [1, 1, 100] and x.grad.tolist() == [1, 10, 100]


def test_refusals_name_what_is_wrong():
    x = torch.zeros(2, 3)
    for index, error, words in [
        (5, IndexError, "out of bounds for dimension 0 with size 2"),
        ((0, 0, 0), IndexError, "too many indices"),
        (1.0, IndexError, "valid indices"),
        (slice(None, None, -1), ValueError, "step must be greater than zero"),
        (torch.tensor([True]), IndexError, "shape of the mask"),
        (([0, 1], [0, 1, 2]), IndexError, "shape mismatch"),
    ]:
        with pytest.raises(error, match=words):
            x[index]
    with pytest.raises(TypeError, match="can't assign a list"):
        x[0] = [1.0, 2.0, 3.0]
    with pytest.raises(RuntimeError, match="expanded size"):
        x[:, 0] = torch.zeros(3)


def test_elements_equal_to_an_extreme_share_its_gradient_alike():
    index = torch.tensor([0, 0, 0])
    for include_self, wanted, own in ((False, [1 / 3] * 3, 0.0), (True, [0.25] * 3, 0.25)):
        x = torch.tensor([2.0], requires_grad=True)
        v = torch.tensor([2.0, 2.0, 2.0], requires_grad=True)
        made = x.scatter_reduce(0, index, v, "amax", include_self=include_self)
        found = torch.autograd.grad(made.sum(), (x, v))
        assert made.tolist() == [2.0]
        assert found[0].tolist() == pytest.approx([own])
        assert found[1].tolist() == pytest.approx(wanted)
    far = torch.tensor([-np.inf], requires_grad=True)
    (g,) = torch.autograd.grad(far.scatter_reduce(0, index, v, "amax").sum(), far)
    assert g.tolist() == [0.0]
