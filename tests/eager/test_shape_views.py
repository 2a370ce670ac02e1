"""Views: strides as NumPy has them, writes that reach everything that shares the memory."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tapejit.torch as torch
from tapejit.torch.ops.memory import view_strides
from tapejit.torch.spec import spec_of_array


def numbers(*shape):
    return torch.arange(float(np.prod(shape))).reshape(shape)


@st.composite
def strided_arrays(draw):
    """Arrays of ones of the memory orders that slicing, permuting and expanding give."""
    shape = draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    a = np.zeros(shape)
    a = a.transpose(draw(st.permutations(range(a.ndim))))
    a = a[tuple(slice(None, None, draw(st.integers(1, 2))) for _ in shape)]
    if draw(st.booleans()):
        a = np.broadcast_to(a, (draw(st.integers(1, 3)), *a.shape))
    return a


@settings(max_examples=300, deadline=None)
@given(strided_arrays(), st.data())
def test_a_view_exists_exactly_when_numpy_need_not_copy(a, data):
    rest, shape = a.size, []
    while rest > 1 and len(shape) < 4:
        n = data.draw(st.sampled_from([k for k in range(1, rest + 1) if rest % k == 0]))
        shape.append(n)
        rest //= n
    shape = (*shape, rest)
    found = view_strides(spec_of_array(a), shape)
    try:
        view = np.reshape(a, shape, copy=False)
    except ValueError:
        assert found is None
    else:
        steps = [s // a.itemsize for s in view.strides]
        assert found is not None
        assert [s for s, n in zip(found, shape) if n > 1] == [
            s for s, n in zip(steps, shape) if n > 1
        ]


STEPS = {
    "t": lambda x: x.t() if x.dim() < 3 else x.permute(2, 0, 1),
    "select": lambda x: x[-1] if x.dim() and x.size(0) else x,
    "slice": lambda x: x[1:] if x.dim() and x.size(0) > 1 else x,
    "step": lambda x: x[..., ::2] if x.dim() else x,
    "unsqueeze": lambda x: x.unsqueeze(-1) if x.dim() < 3 else x,
    "squeeze": lambda x: x.squeeze(),
    "view": lambda x: x.view(-1) if x.is_contiguous() else x,
    "diagonal": lambda x: x.diagonal() if x.dim() > 1 else x,
    "detach": lambda x: x.detach(),
}


@settings(max_examples=80, deadline=None)
@given(st.lists(st.sampled_from(sorted(STEPS)), max_size=4), st.booleans(), st.booleans())
def test_a_write_through_a_chain_of_views_reaches_the_base(steps, exposed, looked_at):
    a = np.arange(24.0).reshape(4, 3, 2)
    base = torch.from_numpy(a) if exposed else torch.tensor(a)
    chain = [base]
    for name in steps:
        chain.append(STEPS[name](chain[-1]))
    if looked_at:
        repr(chain[-1])
    before = [np.array(x.tolist()) for x in chain]
    chain[-1].add_(100)
    for x, old in zip(chain, before):
        new = np.array(x.tolist())
        moved = new != old
        np.testing.assert_array_equal(new[moved], old[moved] + 100)
        assert moved.sum() == before[-1].size
    if exposed:
        np.testing.assert_array_equal(a, np.array(base.tolist()))


def test_views_see_what_is_written_to_the_array_later():
    a = np.zeros((2, 3))
    base = torch.from_numpy(a)
    row, column = base[1], base.t()[2]
    doubled = row * 2
    a[1, 2] = 7
    assert row.tolist() == [0, 0, 7] and column.tolist() == [0, 7]
    assert doubled.tolist() == [0, 0, 0]
    row[0] = 5
    assert a[1, 0] == 5


def test_rows_recorded_before_memory_is_shared_read_it_as_it_was():
    x = torch.zeros(4)
    part = x[1:3]
    later = part + 1
    array = x.numpy()
    array[1] = 9
    assert later.tolist() == [1, 1] and part.tolist() == [9, 0]


def test_batches_of_plain_data_are_one_program():
    from tapejit.torch import program

    data, w = numbers(12, 5), torch.ones(5, requires_grad=True)
    seen = []
    for k in range(0, 12, 2):
        (data[k : k + 2] * w).sum().backward()
        seen.append(len(program._programs))
    assert len(set(seen[2:])) == 1, seen
    assert w.grad.tolist() == np.arange(60.0).reshape(12, 5).sum(0).tolist()


def test_gradient_through_views_and_writes():
    x = torch.ones(2, 3, requires_grad=True)
    y = x * 2
    y.t()[0] = y[1, :2] * 3
    y.diagonal().mul_(5)
    y.view(6)[1:3] *= 10
    w = numbers(2, 3) + 1
    (y * w).sum().backward()
    # y = [[30 x10, 20 x01, 20 x02], [6 x11, 10 x11, 2 x12]]
    assert x.grad.tolist() == [[0, 40, 60], [2 * 3 * 5 * 1, 2 * 3 * 4 + 10 * 5, 12]]


def test_a_leaf_that_is_a_view_is_protected():
    x = torch.arange(6.0).view(2, 3).requires_grad_()
    with pytest.raises(RuntimeError, match="view of a leaf"):
        x[0] = 1
    with pytest.raises(RuntimeError, match="view of a leaf"):
        x.t()[0] = 1
    with torch.no_grad():
        x.t()[0] = 1
    assert x.tolist() == [[1, 1, 2], [1, 4, 5]] and x.is_leaf and x.requires_grad


@pytest.mark.parametrize(
    "split", [lambda y: y.unbind(), lambda y: y.split(1), lambda y: y.chunk(2)]
)
def test_one_of_several_views_is_not_written_to(split):
    plain = torch.zeros(2, 2)
    split(plain)[0].add_(1)
    assert plain.tolist() == [[1, 1], [0, 0]]
    with pytest.raises(RuntimeError, match="multiple views"):
        split(torch.zeros(2, 2, requires_grad=True) * 1)[0].add_(1)


def test_elements_that_share_a_place_are_not_written_to():
    x = torch.zeros(3)
    with pytest.raises(RuntimeError, match="single memory location"):
        x.expand(2, 3).add_(1)
    x.expand(1, 3).add_(1)
    assert x.tolist() == [1, 1, 1]


def test_shape_in_place_keeps_other_views_alive():
    x = torch.arange(6.0)
    part, column = x[1:3], x.view(2, 3)[:, 0]
    assert x.unsqueeze_(0) is x
    x.t_().add_(10)
    assert x.shape == (6, 1) and part.tolist() == [11, 12] and column.tolist() == [10, 13]
    part.zero_()
    assert x.squeeze_().tolist() == [10, 0, 0, 13, 14, 15]
    assert x._version == part._version == column._version > 3


def test_shape_in_place_has_a_gradient():
    x = torch.arange(6.0).reshape(2, 3).requires_grad_()
    y = x * 3
    view = y[0]
    y.transpose_(0, 1)
    assert y.grad_fn.name() == "TransposeBackward1" and y.shape == (3, 2)
    (y * numbers(3, 2)).sum().backward()
    assert x.grad.tolist() == [[0, 6, 12], [3, 9, 15]] and view.tolist() == [0, 3, 6]


def test_shape_of_a_leaf_in_place():
    w = torch.ones(2, 3, requires_grad=True)
    with pytest.raises(RuntimeError, match="leaf"):
        w.t_()
    with torch.no_grad():
        w.t_()
    assert w.shape == (3, 2) and w.is_leaf
    (w * 2).sum().backward()
    assert w.grad.shape == (3, 2)


def test_as_strided_writes_where_it_reads():
    x = torch.zeros(6, requires_grad=True)
    y = x * 1
    y.as_strided((2,), (3,), 1).add_(torch.tensor([5.0, 7.0]))
    assert y.tolist() == [0, 5, 0, 0, 7, 0]
    y.as_strided((2, 2), (1, 1)).sum().backward()
    assert x.grad.tolist() == [1, 2, 1, 0, 0, 0]
    with pytest.raises(RuntimeError, match="out of bounds"):
        x.as_strided((4,), (2,))


def test_resize_keeps_elements_in_order():
    x = torch.arange(4.0)
    assert x.resize_(2, 3).tolist() == [[0, 1, 2], [3, 0, 0]] and x.resize_(2) is x
    with pytest.raises(RuntimeError, match="require grad"):
        torch.ones(2, requires_grad=True).resize_(3)
    part = x[:1]
    with pytest.raises(RuntimeError, match="shares"):
        x.resize_(1)
    assert part.tolist() == [0]


def test_data_ptr_names_memory():
    x = torch.zeros(2, 3)
    assert x.data_ptr() == x.t().data_ptr() == x[0].data_ptr() != x[1].data_ptr()
    assert x[1].data_ptr() - x.data_ptr() == 3 * x.element_size()
    assert x.data_ptr() == x.add_(1).data_ptr() != x.clone().data_ptr()
    assert torch.zeros(0).data_ptr() == 0
