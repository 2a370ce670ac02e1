"""How results lie in memory when a format is asked for; writes to elements that share a place."""

from transcripts import raising


def _laid(x, torch):
    return (
        x.stride(),
        x.is_contiguous(),
        x.is_contiguous(memory_format=torch.channels_last),
        x.is_contiguous(memory_format=torch.contiguous_format),
    )


def _images(torch, *shape):
    n = 1
    for k in shape:
        n *= k
    return torch.arange(float(n)).reshape(shape)


def case_channels_last_copies(torch):
    x = _images(torch, 2, 3, 4, 5)
    for y in (
        x.contiguous(memory_format=torch.channels_last),
        x.clone(memory_format=torch.channels_last),
        x.to(memory_format=torch.channels_last),
        x.to(torch.float64, memory_format=torch.channels_last),
        x.double(memory_format=torch.channels_last),
        x.to(torch.float32, copy=True, memory_format=torch.channels_last),
        x.permute(0, 2, 3, 1).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last),
    ):
        yield _laid(y, torch), y.shape, y.dtype
        yield torch.equal(y.to(x.dtype), x), y.sum(), y[1, 2, 3, 4]
    yield _laid(x, torch), _laid(x.contiguous(memory_format=torch.contiguous_format), torch)


def case_channels_last_of_what_is_so(torch):
    x = _images(torch, 2, 3, 4, 5).contiguous(memory_format=torch.channels_last)
    yield x.contiguous(memory_format=torch.channels_last) is x
    yield x.to(memory_format=torch.channels_last) is x
    yield x.clone(memory_format=torch.channels_last) is x
    yield _laid(x.contiguous(), torch), _laid(x.clone(memory_format=torch.contiguous_format), torch)
    for shape in ((2, 1, 4, 5), (2, 3, 1, 1), (1, 1, 1, 1), (0, 3, 4, 5)):
        y = _images(torch, *shape)
        yield _laid(y, torch), _laid(y.clone(memory_format=torch.channels_last), torch)
        yield y.contiguous(memory_format=torch.channels_last) is y


def case_channels_last_3d(torch):
    x = _images(torch, 2, 3, 2, 2, 2)
    y = x.contiguous(memory_format=torch.channels_last_3d)
    yield y.stride(), y.is_contiguous(), y.is_contiguous(memory_format=torch.channels_last_3d)
    yield torch.equal(x, y)


def case_formats_that_do_not_fit(torch):
    x = _images(torch, 2, 3, 4)
    for f in (
        lambda: x.contiguous(memory_format=torch.channels_last),
        lambda: x.clone(memory_format=torch.channels_last),
        lambda: x.to(memory_format=torch.channels_last),
        lambda: x.to(memory_format=torch.channels_last_3d),
        lambda: x.reshape(1, 2, 3, 4).contiguous(memory_format=torch.channels_last_3d),
    ):
        yield raising(torch, f, "required rank")


def case_views_of_channels_last(torch):
    x = _images(torch, 2, 3, 2, 2).contiguous(memory_format=torch.channels_last)
    yield raising(torch, lambda: x.view(-1), "view size is not compatible")
    yield x.reshape(-1), x.permute(0, 2, 3, 1).is_contiguous(), x.permute(0, 2, 3, 1).view(-1)
    x[0, 1] = -1.0
    x.add_(1)
    yield x, x.numpy().strides


def case_gradients_through_channels_last(torch):
    x = _images(torch, 1, 2, 2, 2).requires_grad_()
    for f in (
        lambda: x.contiguous(memory_format=torch.channels_last),
        lambda: x.clone(memory_format=torch.channels_last),
        lambda: x.to(memory_format=torch.channels_last),
    ):
        y = f()
        yield type(y.grad_fn).__name__, y.is_leaf, _laid(y, torch)
        (y * y * 0.5).sum().backward()
        yield x.grad
        x.grad = None


def case_one_value_written_to_an_expanded_view(torch):
    for write in (
        lambda x: x.fill_(2.0),
        lambda x: x.zero_(),
        lambda x: x.t().fill_(3.0),
        lambda x: x[1].fill_(4.0),
        lambda x: x[:, 1].fill_(5.0),
        lambda x: x[:, 1].add_(torch.tensor([1.0, 2.0, 3.0])),
        lambda x: x[:, 2].mul_(2.0),
        lambda x: x.detach().fill_(6.0),
    ):
        base = torch.tensor([[1.0], [2.0], [3.0]])
        x = base.expand(3, 4)
        write(x)
        yield base, x, base._version
    base = torch.tensor([[1.0], [2.0], [3.0]])
    x = base.expand(2, 3, 4)
    x[1, :, 0] = torch.tensor([7.0, 8.0, 9.0])
    x[0, 1, 3] = -1.0
    yield base, x
    x = torch.tensor(1.0).expand(3)
    x.fill_(5.0)
    yield x, x._base


def case_other_writes_to_an_expanded_view(torch):
    shared = "more than one element of the written-to tensor"
    for write in (
        lambda x: x.add_(1.0),
        lambda x: x.copy_(torch.ones(3, 4)),
        lambda x: x.mul_(2.0),
        lambda x: x.sin_(),
        lambda x: x.clamp_(min=1.0),
        lambda x: x.normal_(),
        lambda x: x.__setitem__(1, 5.0),
        lambda x: x.__setitem__(slice(None), 5.0),
        lambda x: x.fill_(torch.tensor(3.0)),
        lambda x: x[0].neg_(),
    ):
        x = torch.tensor([[1.0], [2.0], [3.0]]).expand(3, 4)
        yield raising(torch, lambda write=write, x=x: write(x), shared)
        yield x


def case_filling_under_a_graph(torch):
    x = torch.tensor([[1.0], [2.0]], requires_grad=True)
    base = x * 2
    y = base.expand(2, 3)
    y[:, 1] = torch.tensor([5.0, 6.0])
    (base * torch.tensor([[1.0], [10.0]])).sum().backward()
    yield base, y, x.grad
    w = torch.tensor([7.0], requires_grad=True)
    base = torch.ones(2, 1) * w
    base.expand(2, 3)[1, 0] = 3.0
    (base * torch.tensor([[1.0], [10.0]])).sum().backward()
    yield base, w.grad


def case_einsum_of_truth_values(torch):
    b = torch.tensor([[True, False], [True, True]])
    v = b[0]
    for rule in ("ij->", "ij->ji", "ii", "ij->i", "ii->i"):
        yield torch.einsum(rule, b)
    for rule, xs in (("i,j", (v, v)), ("i,i->i", (v, b[1])), ("i,j,j->ij", (v, v, v)), ("ij,k->k", (b, v)), ("ij,i->i", (b, v))):  # fmt: skip
        yield torch.einsum(rule, *xs)
    for rule, xs in (("ij,jk", (b, b)), ("ij,j", (b, v)), ("i,i", (v, v)), ("i,i,j->j", (v, v, v))):
        yield raising(
            torch, lambda rule=rule, xs=xs: torch.einsum(rule, *xs), "not implemented for 'Bool'"
        )
