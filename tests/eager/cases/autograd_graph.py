"""The graph as it can be looked at: names of nodes, next_functions, AccumulateGrad."""

from transcripts import raising


def _walk(node, depth=6):
    """A graph as nested [name, *inputs]."""
    if node is None or depth == 0:
        return None if node is None else "..."
    return [node.name(), *[_walk(n, depth - 1) for n, _ in node.next_functions]]


def _names(*tensors):
    return [t.grad_fn.name() for t in tensors]


def case_names_of_arithmetic(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = torch.tensor([3.0, 4.0], requires_grad=True)
    yield _names(x + y, x - y, x * y, x / y, x**y, -x, abs(x))
    yield (+x) is x
    yield _names(x + 1, x - 1, x * 2, x / 2, x**2, 2**x, 1 - x, 1 / x, 1 + x, 2 * x)
    yield _names(x.add(y), torch.sub(x, y), torch.rsub(x, y), x.mul(y), x.div(y), torch.pow(2, x))
    yield _names(x % 2, torch.fmod(x, y), x.reciprocal(), x.square(), x.sqrt(), x.rsqrt())


def case_names_of_pointwise(torch):
    x = torch.tensor([0.2, 0.4], requires_grad=True)
    yield _names(x.exp(), x.log(), x.log2(), x.log10(), x.log1p(), x.expm1(), x.exp2())
    yield _names(x.sin(), x.cos(), x.tan(), x.asin(), x.acos(), x.atan(), x.sinh(), x.cosh())
    yield _names(x.tanh(), x.sigmoid(), x.relu(), x.erf(), x.erfc(), x.abs(), x.sign(), x.floor())
    yield _names(x.ceil(), x.round(), x.trunc(), x.clamp(0, 1), x.clamp(min=0), x.lgamma())
    yield _names(torch.atan2(x, x), torch.maximum(x, x), torch.minimum(x, x), torch.hypot(x, x))
    yield _names(torch.where(x > 0.3, x, -x), torch.lerp(x, x, 0.5), torch.addcmul(x, x, x))


def case_names_of_reductions(torch):
    x = torch.tensor([[1.0, 2.0], [3.0, 5.0]], requires_grad=True)
    yield _names(x.sum(), x.sum(0), x.mean(), x.mean(1), x.prod(), x.prod(0), x.norm(), x.var())
    yield _names(x.std(), x.var(0), x.max(), x.min(), x.max(0).values, x.min(0).values)
    yield _names(x.amax(0), x.amin(), x.median(), x.logsumexp(0), x.cumsum(0), x.cumprod(0))
    yield _names(torch.linalg.norm(x), x.trace(), x.diagonal(), x.sort()[0], x.topk(1)[0])


def case_names_of_shape_operations(torch):
    x = torch.arange(6.0).reshape(2, 3).requires_grad_()
    yield _names(x.view(6), x.reshape(3, 2), x.t(), x.T, x.transpose(0, 1), x.permute(1, 0))
    yield _names(x.unsqueeze(0), x.squeeze(), x.flatten(), x.expand(4, 2, 3), x.repeat(2, 1))
    yield _names(x[0], x[:, 1], x[None], x[..., 0], x[x > 2], x[[0, 1]], x[0, 0], x[0:1, ::2])
    yield _names(torch.cat([x, x]), torch.stack([x, x]), x.split(1)[1], x.chunk(3, 1)[2])
    yield _names(x.flip(0), x.roll(1, 0), x.tril(), x.triu(), x.select(0, 1), x.narrow(1, 0, 2))
    yield _names(
        x.gather(1, torch.zeros(2, 1, dtype=torch.long)), x.index_select(0, torch.tensor([1]))
    )
    yield _names(
        x.unbind(0)[0], x.contiguous() * 1, x.clone(), x.masked_fill(x > 2, 0.0), x.movedim(0, 1)
    )


def case_names_of_products(torch):
    a = torch.ones(2, 2, requires_grad=True)
    v = torch.ones(2, requires_grad=True)
    b = torch.ones(3, 2, 2, requires_grad=True)
    yield _names(a @ a, a.mm(a), a @ v, a.mv(v), v @ v, v.dot(v), b.bmm(b), b @ a, v @ a)
    yield _names(
        torch.matmul(a, a), torch.outer(v, v), torch.addmm(a, a, a), torch.einsum("ij,j", a, v)
    )
    yield _names(torch.linalg.inv(a + torch.eye(2)), torch.linalg.det(a + torch.eye(2)))
    yield _names(torch.nn.functional.linear(v, a), torch.nn.functional.linear(a, a, v))


def case_names_of_nn_functions(torch):
    f = torch.nn.functional
    x = torch.tensor([[0.1, 0.2], [0.4, 0.3]], requires_grad=True)
    y = torch.ones(2, 2)
    yield _names(f.relu(x), f.sigmoid(x), f.tanh(x), f.softplus(x), f.gelu(x), f.silu(x), f.elu(x))
    yield _names(f.softmax(x, 1), f.log_softmax(x, 1), f.leaky_relu(x), f.layer_norm(x, (2,)))
    yield _names(f.mse_loss(x, y), f.l1_loss(x, y), f.smooth_l1_loss(x, y), f.huber_loss(x, y))
    yield _names(f.binary_cross_entropy(x, y), f.binary_cross_entropy_with_logits(x, y))
    yield _names(f.cross_entropy(x, torch.tensor([0, 1])), f.nll_loss(x, torch.tensor([0, 1])))


def case_next_functions_of_a_chain(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = ((x * 2 + 1).exp() / 3).sum()
    yield _walk(y.grad_fn)


def case_next_functions_of_two_leaves(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    c = torch.tensor([1.0, 2.0])
    yield _walk((x * w + c).grad_fn)
    yield _walk((c * w + x).grad_fn)
    yield _walk((c * 2 + c * x).grad_fn)


def case_next_functions_of_constants_are_none(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    c = torch.tensor([1.0, 2.0])
    yield (x + c).grad_fn.next_functions[1]
    yield (x * c).grad_fn.next_functions[1]
    yield len((x + 1).grad_fn.next_functions), len((x * c).grad_fn.next_functions)
    yield len(x.sum().grad_fn.next_functions), len((x + c).grad_fn.next_functions)


def case_next_functions_of_stack(torch):
    x = torch.tensor(1.0, requires_grad=True)
    y = torch.tensor(2.0)
    s = torch.stack([x, y, x * 2])
    yield _walk(s.grad_fn)
    yield _walk(torch.cat([s, s]).grad_fn)


def case_next_functions_of_a_layer(torch):
    x = torch.ones(2, 3)
    w = torch.ones(4, 3, requires_grad=True)
    b = torch.ones(4, requires_grad=True)
    yield _walk(torch.nn.functional.linear(x, w, b).relu().mean().grad_fn)
    yield _walk((x @ w.t() + b).grad_fn)


def case_output_number_of_next_functions(torch):
    x = torch.tensor([3.0, 1.0, 2.0, 0.0], requires_grad=True)
    a, b = x.split(2)
    yield [i for _, i in (a * b).grad_fn.next_functions]
    values = x.sort().values
    yield [(n.name(), i) for n, i in (values * 2).grad_fn.next_functions[:1]]


def case_accumulate_grad_of_leaf(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = x * 2
    node = y.grad_fn.next_functions[0][0]
    yield node.name(), node.variable is x, node.next_functions
    z = x * 3
    yield z.grad_fn.next_functions[0][0] is node
    y.sum().backward()
    yield node.variable.grad


def case_same_node_for_the_same_tensor(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = x * 2
    z = y * y
    (one, _), (other, _) = z.grad_fn.next_functions
    yield one is other, one is y.grad_fn, one == y.grad_fn
    yield y.grad_fn is y.grad_fn


def case_names_in_repr_of_node(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = x * 2
    yield repr(y.grad_fn).startswith("<MulBackward0 object at 0x")
    yield type(y.grad_fn).__name__, str(y.grad_fn)[:13]
    yield repr(y.grad_fn.next_functions[0][0]).startswith("<AccumulateGrad object at 0x")


def case_in_place_renames_the_node(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = x * 2
    before = y.grad_fn
    y.add_(1)
    yield before.name(), y.grad_fn.name()
    yield y.grad_fn.next_functions[0][0] is before
    y.exp_()
    yield _walk(y.grad_fn)


def case_subgraphs_share_a_node(torch):
    x = torch.tensor(2.0, requires_grad=True)
    h = x * x
    a = h + 1
    b = h * 3
    yield a.grad_fn.next_functions[0][0] is b.grad_fn.next_functions[0][0]
    (a * b).backward()
    yield x.grad


def case_cast_in_the_graph(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    d = torch.tensor([1.0, 2.0], dtype=torch.float64)
    yield _walk((x * d).grad_fn), (x * d).dtype
    yield _walk(x.double().sum().grad_fn)


def case_views_in_the_graph(torch):
    x = torch.arange(4.0, requires_grad=True)
    yield _walk((x.view(2, 2)[0] * 2).grad_fn)
    yield _walk(x[1:3].sum().grad_fn)
    yield _walk(x.reshape(2, 2).t().flatten().grad_fn)


def case_leaf_has_no_grad_fn(torch):
    x = torch.ones(2, requires_grad=True)
    yield x.grad_fn, x.detach().grad_fn, torch.ones(2).grad_fn
    yield raising(torch, lambda: x.grad_fn.name(), "name")


def case_node_metadata(torch):
    x = torch.tensor(2.0, requires_grad=True)
    node = (x * 2).grad_fn
    node.metadata["note"] = 7
    yield node.metadata


def case_node_hook(torch):
    x = torch.tensor(2.0, requires_grad=True)
    y = x * 3
    z = y * y
    seen = []
    handle = y.grad_fn.register_hook(lambda gi, go: seen.append((gi[0].item(), go[0].item())))
    z.backward(retain_graph=True)
    yield seen, x.grad
    handle.remove()
    z.backward()
    yield seen
