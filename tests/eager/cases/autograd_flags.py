"""requires_grad, is_leaf, contagion, detach and data: which tensors belong to a graph."""

import numpy as np
from transcripts import raising


def case_created_tensors_are_leaves(torch):
    made = [
        torch.tensor([1.0]),
        torch.zeros(2),
        torch.ones(2, requires_grad=True),
        torch.full((2,), 3.0, requires_grad=True),
        torch.arange(3.0, requires_grad=True),
        torch.linspace(0, 1, 3, requires_grad=True),
        torch.eye(2, requires_grad=True),
        torch.rand(2, requires_grad=True),
        torch.from_numpy(np.ones(2)),
    ]
    yield [(t.requires_grad, t.is_leaf, t.grad_fn, t.grad) for t in made]
    yield [t.dtype for t in made]


def case_like_functions_do_not_inherit_requires_grad(torch):
    x = torch.ones(2, requires_grad=True)
    yield torch.zeros_like(x), torch.ones_like(x), torch.full_like(x, 2.0)
    yield torch.zeros_like(x, requires_grad=True)
    yield torch.empty_like(x).requires_grad, torch.rand_like(x).requires_grad
    yield x.new_zeros(2), x.new_ones((1, 2)), x.new_tensor([5.0]), x.new_full((2,), 4.0)


def case_results_are_not_leaves(torch):
    x = torch.ones(2, requires_grad=True)
    c = torch.ones(2)
    yield (x + 1).is_leaf, (c + 1).is_leaf, (x + c).is_leaf, (c * c).is_leaf
    yield (x + 1).requires_grad, (c + 1).requires_grad, (x + c).requires_grad
    yield x.view(2).is_leaf, x[0].is_leaf, c[0].is_leaf, x.t().is_leaf


def case_requires_grad_is_settable(torch):
    x = torch.ones(2)
    x.requires_grad = True
    yield x, x.is_leaf
    y = x * 2
    x.requires_grad = False
    yield x, y
    yield (x * 2).requires_grad
    x.requires_grad = True
    y.sum().backward()
    yield x.grad


def case_requires_grad_of_non_leaf_cannot_be_unset(torch):
    x = torch.ones(2, requires_grad=True)
    y = x * 2

    def unset():
        y.requires_grad = False

    yield raising(torch, unset, "leaf", "requires_grad")
    yield raising(torch, lambda: y.requires_grad_(False), "leaf", "requires_grad")

    def set_again():
        y.requires_grad = True

    yield raising(torch, set_again, "leaf", "requires_grad")
    yield y.requires_grad_() is y, y


def case_requires_grad_in_place_returns_self(torch):
    x = torch.zeros(2)
    yield x.requires_grad_() is x, x.requires_grad
    yield x.requires_grad_(False).requires_grad
    yield x.requires_grad_(requires_grad=True).requires_grad


def case_integer_tensors_cannot_require_grad(torch):
    x = torch.tensor([1, 2])

    def assign():
        x.requires_grad = True

    yield raising(torch, assign, "floating point")
    yield raising(torch, lambda: x.requires_grad_(), "floating point")
    yield raising(torch, lambda: torch.arange(3, requires_grad=True), "floating")
    yield raising(torch, lambda: torch.ones(2, dtype=torch.bool, requires_grad=True), "floating")
    x.requires_grad = False
    yield x


def case_complex_tensors_may_require_grad(torch):
    z = torch.tensor([1 + 2j, 3 - 1j], requires_grad=True)
    yield z.requires_grad, z.is_leaf, z.dtype
    (z.abs() ** 2).sum().backward()
    yield z.grad


def case_integer_results_do_not_require_grad(torch):
    x = torch.tensor([1.5, -2.5, 0.0], requires_grad=True)
    yield x > 0, x == x, x.argmax(), x.argsort(), x.sign()
    yield x.long(), x.to(torch.int32), x.bool(), torch.isnan(x)
    values, indices = x.sort()
    yield values, indices
    yield x.max(dim=0)


def case_index_tensor_takes_no_part(torch):
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    i = torch.tensor([2, 0, 2])
    y = x[i]
    yield y, i.requires_grad
    y.sum().backward()
    yield x.grad, i.grad


def case_contagion_through_every_operand(torch):
    x = torch.ones(2, requires_grad=True)
    c = torch.ones(2)
    pairs = [x + c, c + x, c * x, c - x, c / x, torch.maximum(c, x), torch.where(c > 0, c, x)]
    yield [(p.requires_grad, p.grad_fn.name()) for p in pairs]
    yield torch.stack([c, x]).requires_grad, torch.cat([c, c]).requires_grad
    yield 2 + x, x + 2, 2 * x, 2 - x, 2 / x, 2**x


def case_contagion_is_not_retroactive(torch):
    c = torch.ones(2)
    y = c * 3
    c.requires_grad_()
    z = y + c
    z.sum().backward()
    yield y.requires_grad, c.grad


def case_detach_is_a_leaf_that_shares_memory(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = x * 2
    d = y.detach()
    yield d, d.is_leaf, d.grad_fn, d.requires_grad
    d[0] = 100
    yield y, d
    yield d.data_ptr() == y.data_ptr()


def case_detach_stops_the_gradient(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = (x * x.detach()).sum()
    y.backward()
    yield x.grad
    z = x.detach() * 3
    yield z.requires_grad, z.is_leaf
    d = x.detach().requires_grad_()
    (d * d).sum().backward()
    yield d.grad, x.grad


def case_detach_in_place(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = x * 2
    yield y.detach_() is y
    yield y, y.is_leaf, y.grad_fn
    x.detach_()
    yield x, x.requires_grad


def case_detach_in_place_of_view(torch):
    x = torch.ones(2, requires_grad=True)
    v = (x * 1)[0:1]
    yield raising(torch, lambda: v.detach_(), "view", "detach")


def case_data_shares_memory_without_version(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = x.exp()
    version = y._version
    y.data.mul_(2)
    yield y._version == version
    y.sum().backward()
    yield x.grad, y.detach()


def case_detached_write_counts_as_version(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = x.exp()
    y.detach().mul_(2)
    yield y._version
    yield raising(torch, lambda: y.sum().backward(), "modified by an inplace operation")


def case_data_assignment(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    x.data = torch.tensor([5.0, 6.0, 7.0])
    yield x, x.shape, x.is_leaf
    (x * x).sum().backward()
    yield x.grad
    x.data = x.data - 0.1 * x.grad
    yield x


def case_data_is_not_part_of_the_graph(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    yield x.data, x.data.requires_grad, x.data.is_leaf, x.data.grad
    x.data += 1
    yield x
    x.data.zero_()
    yield x, x._version


def case_clone_is_differentiable(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = x.clone()
    yield y
    y[0] = 10
    yield x, y
    y.sum().backward()
    yield x.grad


def case_conversion_of_dtype_is_differentiable(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = x.double()
    yield y
    (y * y).sum().backward()
    yield x.grad
    yield x.to(torch.float64).grad_fn.name(), x.float() is x, x.half().dtype


def case_parameter_of_nn(torch):
    p = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
    yield p.requires_grad, p.is_leaf, repr(p), isinstance(p, torch.Tensor)
    q = torch.nn.Parameter(torch.tensor([1.0]), requires_grad=False)
    yield q.requires_grad, repr(q)
    yield p * 2
    (p * p).sum().backward()
    yield p.grad


def case_parameter_detaches_its_data(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    p = torch.nn.Parameter(x * 2)
    yield p.is_leaf, p.grad_fn
    p.sum().backward()
    yield p.grad, x.grad


def case_tensor_from_a_tensor_warns(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    yield torch.tensor(x)
    yield x.new_tensor([3.0])


def case_as_tensor_keeps_the_graph(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    yield torch.as_tensor(x) is x
    y = torch.as_tensor(x, dtype=torch.float64)
    yield y


def case_grad_attribute_of_leaf_is_none_first(torch):
    x = torch.ones(2, requires_grad=True)
    c = torch.ones(2)
    yield x.grad, c.grad
    (x * c).sum().backward()
    yield x.grad, c.grad


def case_requires_grad_of_views_of_leaf(torch):
    x = torch.ones(2, 2)
    row = x[0]
    x.requires_grad_()
    yield row.requires_grad, x[0].requires_grad

    def write():
        row[0] = 5

    yield raising(torch, write, "view", "leaf", "in-place")
    with torch.no_grad():
        row[0] = 5
    yield x, row


def case_requires_grad_on_a_view(torch):
    base = torch.ones(2, 2)
    row = base[0]
    row.requires_grad_()
    yield row.is_leaf, row.requires_grad, base.requires_grad
    (row * 3).sum().backward()
    yield row.grad, base.grad


def case_output_nr_and_version(torch):
    x = torch.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)
    a, b = x.split(2)
    yield a.output_nr, b.output_nr, x.output_nr
    yield x._version, a._version
    with torch.no_grad():
        x.add_(1)
        x.mul_(2)
    yield x._version
