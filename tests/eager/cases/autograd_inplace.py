"""In-place operations: leaves, version counters, saved values, views, index assignment.

One file past its usual length: a table of independent cases whose answers lie in one file too.
"""

from transcripts import raising


def _leaf(torch):
    return torch.tensor([1.0, 2.0, 3.0], requires_grad=True)


def _grid(torch):
    return torch.arange(6.0).reshape(2, 3).requires_grad_()


def case_leaf_that_requires_grad(torch):
    x = _leaf(torch)

    def by_operator():
        nonlocal x
        x += 1

    def by_item():
        x[0] = 5

    yield raising(torch, by_operator, "leaf", "in-place")
    yield raising(torch, by_item, "leaf", "in-place")
    for name in ("zero_", "exp_", "neg_", "sqrt_", "relu_"):
        yield name, raising(torch, getattr(x, name), "leaf", "in-place")
    yield raising(torch, lambda: x.fill_(1), "leaf", "in-place")
    yield raising(torch, lambda: x.mul_(2), "leaf", "in-place")
    yield raising(torch, lambda: x.copy_(torch.ones(3)), "leaf", "in-place")
    yield raising(torch, lambda: x.clamp_(0, 1), "leaf", "in-place")
    yield x, x._version


def case_leaf_that_does_not_require_grad(torch):
    c = torch.ones(3)
    c += 1
    c[0] = 7
    c.mul_(2)
    yield c, c._version
    c.requires_grad_()
    yield c, c._version


def case_view_of_a_leaf(torch):
    x = _leaf(torch)

    def write():
        v = x[0:2]
        v.mul_(2)

    yield raising(torch, write, "view", "leaf", "in-place")
    yield raising(torch, lambda: x.view(3, 1).add_(1), "view", "leaf", "in-place")
    yield x


def case_versions(torch):
    c = torch.ones(3)
    yield c._version
    c.add_(1)
    yield c._version
    c[0] = 2
    yield c._version
    c += 1
    yield c._version
    d = c.view(3)
    d.mul_(2)
    yield c._version, d._version
    e = c + 1
    yield e._version, c.detach()._version, c.clone()._version


def case_versions_of_views_are_shared(torch):
    base = torch.zeros(4)
    a = base[:2]
    b = base.view(2, 2)
    a.fill_(1.0)
    yield base._version, a._version, b._version
    b[1, 1] = 5
    yield base._version, a._version, base


def case_results_keep_their_identity(torch):
    c = torch.ones(2)
    yield c.add_(1) is c, c.mul_(2) is c, c.zero_() is c, c.fill_(3) is c
    before = c
    c += 1
    yield before is c, before
    c = c + 1
    yield before is c, before


def case_non_leaf_add(torch):
    x = _leaf(torch)
    y = x * 2
    y += 1
    yield y
    y.sum().backward()
    yield x.grad


def case_non_leaf_multiply(torch):
    x = _leaf(torch)
    y = x + 1
    y *= x
    yield y, y._version
    y.sum().backward()
    yield x.grad


def case_non_leaf_chain(torch):
    x = _leaf(torch)
    y = x * 1
    y.mul_(2).add_(3).pow_(2)
    yield y
    y.sum().backward()
    yield x.grad


def case_in_place_operations_differentiate(torch):
    x = torch.tensor([0.3, 0.6], requires_grad=True)
    for name in (
        "exp_",
        "log_",
        "sin_",
        "cos_",
        "tanh_",
        "sigmoid_",
        "sqrt_",
        "neg_",
        "abs_",
        "reciprocal_",
        "square_",
    ):
        x.grad = None
        y = x * 1
        getattr(y, name)()
        y.sum().backward()
        yield name, y, x.grad


def case_in_place_with_arguments(torch):
    x = torch.tensor([0.3, 0.6], requires_grad=True)
    w = torch.tensor([2.0, 5.0], requires_grad=True)
    for name in ("add_", "sub_", "mul_", "div_", "pow_"):
        x.grad = w.grad = None
        y = x * 1
        getattr(y, name)(w)
        y.sum().backward()
        yield name, y, x.grad, w.grad


def case_saved_result_modified(torch):
    x = _leaf(torch)
    y = x.exp()
    z = y * 2
    y.add_(1)
    yield raising(torch, lambda: z.sum().backward(), "modified by an inplace operation", "version")


def case_saved_operand_modified(torch):
    x = _leaf(torch)
    a = x * 2
    b = a * a
    a.add_(1)
    yield raising(torch, lambda: b.sum().backward(), "modified by an inplace operation")


def case_saved_constant_modified(torch):
    x = _leaf(torch)
    c = torch.tensor([1.0, 2.0, 3.0])
    y = x * c
    c[0] = 100
    yield raising(torch, lambda: y.sum().backward(), "modified by an inplace operation")


def case_message_names_shape_and_version(torch):
    x = _leaf(torch)
    y = x.sigmoid()
    y.mul_(1)
    y.mul_(1)
    words = ("torch.FloatTensor [3]", "Sigmoid", "version 2", "expected version 0")
    yield raising(torch, lambda: y.sum().backward(), *words)


def case_what_was_not_saved_may_be_modified(torch):
    x = _leaf(torch)
    a = x * 2
    b = a + 1
    a.zero_()
    b.sum().backward()
    yield x.grad
    x.grad = None
    a = x.exp()
    b = a.sum()
    a = a + 1
    b.backward()
    yield x.grad
    c = torch.ones(3)
    y = x + c
    c.zero_()
    y.sum().backward()
    yield x.grad


def case_operand_not_needed_may_be_modified(torch):
    """x * c needs c for x's gradient; c's own copy of x is not kept, since c requires none."""
    x = _leaf(torch)
    c = torch.tensor([1.0, 2.0, 3.0])
    a = x * 1
    y = a * c
    a.zero_()
    y.sum().backward()
    yield x.grad


def case_modified_before_use_is_fine(torch):
    x = _leaf(torch)
    y = x * 2
    y.add_(1)
    z = y * y
    z.sum().backward()
    yield x.grad


def case_relu_in_place_then_used(torch):
    x = torch.tensor([-1.0, 2.0], requires_grad=True)
    y = (x * 2).relu_()
    yield y
    y.sum().backward()
    yield x.grad
    z = (x * 1).clamp_(min=0.5)
    z.sum().backward()
    yield z, x.grad


def case_index_assignment_of_elements(torch):
    x = torch.tensor([2.0, 3.0], requires_grad=True)
    y = torch.zeros(3)
    y[0] = x[0] ** 2
    yield y, y.requires_grad, y.is_leaf
    y[2] = x[1] * x[0]
    yield y
    y.sum().backward()
    yield x.grad


def case_index_assignment_overwrites(torch):
    x = torch.tensor([2.0, 3.0], requires_grad=True)
    y = x * 2
    y[0] = 7.0
    yield y
    y.sum().backward()
    yield x.grad
    z = x * 1
    z[0] = x[1] * 5
    z[0] = x[1] * 11
    x.grad = None
    z.sum().backward()
    yield x.grad


def case_index_assignment_of_slices(torch):
    x = _leaf(torch)
    y = torch.zeros(2, 3)
    y[0] = x
    y[1, 1:] = x[:2] * 10
    yield y
    (y * torch.arange(6.0).reshape(2, 3)).sum().backward()
    yield x.grad


def case_index_assignment_broadcasts(torch):
    s = torch.tensor(2.0, requires_grad=True)
    y = torch.zeros(2, 3)
    y[:, 0] = s
    y[0] = s * torch.tensor([1.0, 2.0, 3.0])
    yield y
    y.sum().backward()
    yield s.grad


def case_index_assignment_by_mask(torch):
    x = _leaf(torch)
    y = x * 2
    y[x > 1.5] = 0.0
    yield y
    y.sum().backward()
    yield x.grad
    x.grad = None
    z = torch.zeros(3)
    z[torch.tensor([True, False, True])] = x[:2]
    yield z
    (z * z).sum().backward()
    yield x.grad


def case_index_assignment_by_list(torch):
    x = _leaf(torch)
    y = torch.zeros(5)
    y[[4, 0, 2]] = x
    yield y
    (y * torch.arange(5.0)).sum().backward()
    yield x.grad
    z = torch.zeros(2, 2)
    z[torch.tensor([0, 1]), torch.tensor([1, 0])] = x[:2]
    yield z


def case_index_assignment_strided_and_negative(torch):
    x = _leaf(torch)
    y = torch.zeros(6)
    y[::2] = x
    y[-1] = x[-1]
    yield y
    (y * torch.arange(6.0)).sum().backward()
    yield x.grad


def case_index_assignment_of_wrong_shape(torch):
    x = _leaf(torch)
    y = torch.zeros(2, 3)

    def write():
        y[:, 0] = x

    yield raising(torch, write, "3", "2")
    yield y, y.requires_grad


def case_augmented_index_assignment(torch):
    x = _leaf(torch)
    y = x * 1
    y[0] += 5
    y[1:] *= x[0]
    yield y
    y.sum().backward()
    yield x.grad


def case_assignment_into_a_constant_makes_a_graph(torch):
    x = _leaf(torch)
    buffer = torch.zeros(3)
    view = buffer[1:]
    buffer[0] = x[0]
    yield buffer.requires_grad, view.requires_grad
    view[0] = x[1] * 2
    yield buffer
    buffer.sum().backward()
    yield x.grad


def case_dtype_of_assigned_values(torch):
    x = _leaf(torch)
    y = torch.zeros(3, dtype=torch.float64)
    y[0] = x[0]
    yield y
    y.sum().backward()
    yield x.grad
    i = torch.zeros(3, dtype=torch.int64)
    i[0] = 2.7
    yield i


def case_view_shows_writes_of_the_base(torch):
    x = _grid(torch)
    y = x * 1
    row = y[0]
    y[0, 1] = 50.0
    yield row, y
    row.sum().backward()
    yield x.grad


def case_write_to_a_view_changes_base_and_gradient(torch):
    x = _grid(torch)
    y = x * 1
    row = y[0]
    row.mul_(10)
    yield row, y
    y.sum().backward()
    yield x.grad


def case_grad_fn_of_a_written_view(torch):
    x = _grid(torch)
    y = x * 1
    row = y[0]
    yield row.grad_fn.name(), y.grad_fn.name()
    row.add_(1)
    yield row.grad_fn.name(), y.grad_fn.name()
    yield [n and n.name() for n, _ in y.grad_fn.next_functions]


def case_write_through_a_view_of_a_view(torch):
    x = _grid(torch)
    y = x * 1
    y.view(3, 2).t()[0].mul_(3)
    yield y
    y.sum().backward()
    yield x.grad


def case_write_through_transpose(torch):
    x = _grid(torch)
    y = x * 2
    y.t()[1].zero_()
    yield y
    (y * y).sum().backward()
    yield x.grad


def case_diagonal_is_a_view(torch):
    x = torch.ones(3, 3, requires_grad=True)
    y = x * 2
    y.diagonal().fill_(0)
    yield y
    y.sum().backward()
    yield x.grad


def case_view_saved_then_base_modified(torch):
    x = _grid(torch)
    y = x * 1
    row = y[0]
    z = row * row
    y.add_(1)
    yield raising(torch, lambda: z.sum().backward(), "modified by an inplace operation")


def case_base_saved_then_view_modified(torch):
    x = _grid(torch)
    y = x * 1
    z = y * y
    y[1].zero_()
    yield raising(torch, lambda: z.sum().backward(), "modified by an inplace operation")


def case_split_views_refuse_writes(torch):
    x = _leaf(torch)
    y = x * 1
    a, b = y.split([1, 2])
    yield raising(torch, lambda: a.add_(1), "view", "multiple views")
    c, _, _ = y.unbind(0)
    yield raising(torch, lambda: c.mul_(2), "view", "multiple views")
    yield a, b


def case_expanded_tensor_refuses_writes(torch):
    c = torch.ones(1, 3).expand(2, 3)
    yield raising(torch, lambda: c.add_(1), "more than one element", "memory location")
    yield c


def case_copy_in_place(torch):
    x = _leaf(torch)
    y = torch.zeros(3)
    yield y.copy_(x)
    y.sum().backward()
    yield x.grad
    z = torch.zeros(2, 3)
    z.copy_(x)
    yield z
    z[1].copy_(x * 2)
    yield z


def case_zero_and_fill_cut_the_graph(torch):
    x = _leaf(torch)
    y = x * 2
    y.zero_()
    yield y
    y.sum().backward()
    yield x.grad
    z = x * 3
    z.fill_(4)
    yield z


def case_masked_fill_in_place(torch):
    x = _leaf(torch)
    y = x * 2
    y.masked_fill_(x > 2, -1.0)
    yield y
    y.sum().backward()
    yield x.grad


def case_index_add_and_scatter_in_place(torch):
    x = _leaf(torch)
    y = torch.zeros(4)
    y.index_add_(0, torch.tensor([0, 3, 0]), x)
    yield y
    y.sum().backward()
    yield x.grad
    z = torch.zeros(4)
    z.scatter_(0, torch.tensor([3, 1, 0]), x * x)
    yield z
    x.grad = None
    z.sum().backward()
    yield x.grad


def case_in_place_result_must_fit(torch):
    c = torch.ones(3)
    yield raising(torch, lambda: c.add_(torch.ones(2, 3)), "shape")
    i = torch.ones(3, dtype=torch.int64)
    yield raising(torch, lambda: i.add_(0.5), "Float", "Long")
    yield raising(torch, lambda: i.div_(2), "Float", "Long")
    yield c, i


def case_in_place_by_itself(torch):
    x = _leaf(torch)
    y = x * 2
    y.add_(y)
    yield y
    y.sum().backward()
    yield x.grad
    z = x * 2
    z.mul_(z)
    yield z
    yield raising(torch, lambda: z.sum().backward(), "modified by an inplace operation")


def case_gradients_through_a_loop_of_updates(torch):
    w = torch.tensor(0.5, requires_grad=True)
    h = torch.zeros(4)
    h[0] = 1.0
    for t in range(3):
        h[t + 1] = (h[t].clone() * w).tanh()
    yield h
    h.sum().backward()
    yield w.grad


def case_loop_of_updates_without_clone(torch):
    """Each write bumps the version of the saved view of the same tensor."""
    w = torch.tensor(0.5, requires_grad=True)
    h = torch.zeros(4)
    h[0] = 1.0
    for t in range(3):
        h[t + 1] = (h[t] * w).tanh()
    yield raising(torch, lambda: h.sum().backward(), "modified by an inplace operation")


def case_swap_by_assignment(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = x * 1
    y[0], y[1] = y[1].clone(), y[0].clone()
    yield y
    (y * torch.tensor([1.0, 10.0])).sum().backward()
    yield x.grad


def case_grad_is_updated_in_place(torch):
    x = _leaf(torch)
    (x * x).sum().backward()
    x.grad.mul_(10)
    yield x.grad
    x.grad += 1
    yield x.grad
    x.grad[0] = 0
    yield x.grad
    x.grad.clamp_(max=30.0)
    yield x.grad


def case_memory_is_shared_by_views(torch):
    c = torch.arange(6.0)
    v = c.view(2, 3)
    v[1, 2] = 100
    c[0] = -1
    yield c, v
    yield v.data_ptr() == c.data_ptr(), v.is_contiguous(), v.t().is_contiguous()
    w = v.t().contiguous()
    w[0, 0] = 9
    yield c
    yield v._base is c, c._base


def case_reshape_copies_only_when_it_must(torch):
    c = torch.arange(6.0).reshape(2, 3)
    r = c.reshape(6)
    r[0] = 50
    yield c
    s = c.t().reshape(6)
    s[0] = -50
    yield c, s
    yield raising(torch, lambda: c.t().view(6), "view size", "reshape")


def case_data_set_of_a_parameter_and_of_a_view(torch):
    w = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
    w.data = torch.tensor([3.0, 4.0, 5.0])
    yield w, w.shape
    (w * w).sum().backward()
    yield w.grad
    e = torch.nn.Embedding(2, 2)
    with torch.no_grad():
        e.weight.copy_(torch.ones(2, 2))
    yield e.double().weight, e(torch.tensor([1])).dtype
    base = torch.arange(6.0)
    v = base[1:4]
    v.data = torch.tensor([9.0, 8.0])
    v[0] = -1.0
    base[1] = 7.0
    yield v, base


def case_views_keep_the_memory_that_data_leaves(torch):
    x = torch.tensor([1.0, 2.0, 3.0])
    part, name = x[1:], x.data
    deep = part[:1]
    x.data = torch.tensor([[5.0]], dtype=torch.float64)
    part.add_(10)
    yield x, part, name, deep
    x.mul_(2)
    yield x, part, name, deep
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    seen = []
    w.register_hook(lambda g: seen.append(g.clone()))
    d = w.data
    w.data = torch.tensor([3.0, 4.0])
    (w * w).sum().backward()
    d += 1
    yield w, w.grad, d, seen


def case_writes_after_a_look(torch):
    """What a graph has saved is known to be old also when it was computed in between."""
    changed = "modified by an inplace operation"
    for look in (lambda t: None, lambda t: t.tolist()):
        x = torch.tensor([1.0, 2.0], requires_grad=True)
        y = x * 2
        y.retain_grad()
        look(y)
        y.mul_(3)
        look(y)
        y.sum().backward()
        yield y.grad, x.grad
        x = torch.tensor([1.0, 2.0], requires_grad=True)
        y, seen = x * 2, []
        y.register_hook(lambda g, seen=seen: seen.append(g.tolist()) or g * 2)
        look(y)
        y.mul_(3)
        y.sum().backward()
        yield seen, x.grad
        x = torch.tensor([1.0, 2.0], requires_grad=True)
        y = x.exp()
        z, part = y.sum(), y[0] * y[0]
        look(z), look(part)
        y.add_(1)
        yield raising(torch, lambda z=z: z.backward(), changed)
        yield raising(torch, lambda part=part: part.backward(), changed)
        y = x * 2
        y.data.add_(1)
        z = (y * y).sum()
        look(z)
        y.data.mul_(1)
        z.backward()
        yield x.grad
        y = x * 2
        a = y.sin()
        look(a)
        y.sin_()
        yield raising(torch, lambda a=a: a.sum().backward(), changed)
        y = x * 2
        look(y)
        y.sin_().mul_(2)
        x.grad = None
        (y + 1).sum().backward()
        yield x.grad


def case_several_results_written_at_once(torch):
    class Both(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a, b, c):
            ctx.mark_dirty(a, b)
            return a.mul_(2), b.add_(1), a + c

        @staticmethod
        def backward(ctx, ga, gb, gc):
            return (ga + gc) * 2, gb, gc

    for share in (False, True):
        x = torch.tensor([1.0, 2.0], requires_grad=True)
        a, b = x * 1, x * 3
        seen = (a.detach().numpy(), b.detach().numpy()) if share else ()
        p, q, r = Both.apply(a, b, x)
        (p * 1 + q * 10 + r * 100).sum().backward()
        yield p is a, q is b, [t.tolist() for t in (p, q, r)], x.grad, [s.tolist() for s in seen]
        norm = torch.nn.BatchNorm1d(2, affine=False)
        seen = (norm.running_mean.numpy(), norm.running_var.numpy()) if share else ()
        norm(torch.tensor([[1.0, 2.0], [3.0, 5.0]]))
        yield norm.running_mean, norm.running_var, [s.tolist() for s in seen]


def case_a_hook_that_looks_at_a_graph_of_views(torch):
    w = torch.ones(4, requires_grad=True)
    seen = []

    def loss():
        h = (w * 2).sin()

        def product():
            a, b = h.chunk(2)
            return a * b.exp()

        y = product()
        y.register_hook(lambda g: seen.append(g.sum().item()))
        return (y * y).sum()

    for look in (False, True):
        total = loss()
        if look:
            yield total.item()
        total.backward()
        yield w.grad, seen
    p = torch.tensor([1.0, 2.0], requires_grad=True)
    p.register_hook(lambda g: g * 10)
    for _ in range(3):
        p.grad = None
        (p * p).sum().backward()
        with torch.no_grad():
            p -= 0.01 * p.grad
        yield p, p.grad
