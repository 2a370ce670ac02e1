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


def case_einsum_of_several_dtypes(torch):
    kinds = (torch.bool, torch.int32, torch.int64, torch.float32, torch.float64)
    xs = [torch.tensor([[1, 0], [1, 1]]).to(kind) for kind in kinds]
    for a in xs:
        for b in xs:
            for rule in ("ij,ij->ij", "ij,k->ijk", "ij,i->i", "ij,ki->ki"):
                made = torch.einsum(rule, a, b[0] if rule in ("ij,k->ijk", "ij,i->i") else b)
                yield rule, made.dtype, made
    flag, count, number = xs[0], xs[2], xs[3]
    for rule in ("ij,jk->ik", "ij,ij->", "ij,kj->j"):
        for a, b, words in (
            (flag, number, "not implemented for 'Bool'"),
            (flag, count, "not implemented for 'Bool'"),
            (number, flag, "expected scalar type Float but found Bool"),
            (count, number, "expected scalar type Long but found Float"),
            (number, xs[4], "expected scalar type Float but found Double"),
        ):
            if rule == "ij,kj->j":
                yield torch.einsum(rule, a, b)
                continue
            yield raising(torch, lambda rule=rule, a=a, b=b: torch.einsum(rule, a, b), words)
    # An axis of one element is summed before the product, which is then no matrix product.
    yield (
        torch.einsum("ab,cb->ac", flag[:, :1], number),
        torch.einsum("i,i->", number[0, :1], count[0]),
    )
    yield raising(torch, lambda: torch.bmm(flag[None], number[None]), "not implemented for 'Bool'")
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    torch.einsum("i,ij->ij", w, count).sum().backward()
    yield w.grad


def _in_groups(torch):
    base = torch.tensor([[1.0], [2.0], [3.0]])
    return base, base.expand(3, 4)


def case_some_elements_of_an_expanded_view(torch):
    columns = torch.tensor([[True, False, True, False]] * 3)
    rows = torch.tensor([[True] * 4, [False] * 4, [False, False, False, True]])
    two, at = torch.tensor([0, 2]), (torch.tensor([0, 1]), torch.tensor([1, 2]))
    pair = torch.tensor([5.0, 6.0])
    for write in (
        lambda x: x.masked_fill_(columns, 7.0),
        lambda x: x.masked_fill_(rows, torch.tensor(7.0)),
        lambda x: x.masked_fill_(rows[2], 7.0),
        lambda x: x.t().masked_fill_(rows.t(), -1.0),
        lambda x: x[1:].masked_fill_(rows[1:], -2.0),
        lambda x: x.detach().masked_fill_(rows, -3.0),
        lambda x: x.index_fill_(0, two, 5.0),
        lambda x: x.index_fill_(1, two, torch.tensor(5.0)),
        lambda x: x.index_put_(at, pair),
        lambda x: x.index_put_(at, torch.tensor(4.0)),
        lambda x: x.index_put_((torch.tensor([0, 0]), torch.tensor([1, 2])), pair),
        lambda x: x.index_put_(at, pair, accumulate=True),
        lambda x: x.index_put_((torch.tensor([0, 0]), torch.tensor([1, 2])), pair, True),
        lambda x: x.index_put_((rows,), torch.tensor(9.0)),
        lambda x: x.__setitem__(columns, 9.0),
        lambda x: x.__setitem__(rows, torch.arange(5.0)),
        lambda x: x.__setitem__(torch.tensor([True, False, True]), 8.0),
        lambda x: x.__setitem__(at, pair),
        lambda x: x.__setitem__((slice(0, 2), torch.tensor([1, 2])), pair),
        lambda x: x.__setitem__((0, torch.tensor([1, 2])), 4.0),
        lambda x: x.__setitem__((slice(None), 1), torch.tensor([4.0, 5.0, 6.0])),
        lambda x: x.tril_(),
        lambda x: x.triu_(2),
        lambda x: x.t().triu_(-1),
        lambda x: x[0].expand(3, 4).tril_(-1),
    ):
        base, x = _in_groups(torch)
        write(x)
        yield base, x, base._version
    whole = torch.arange(4.0)
    yield whole.expand(3, 4).triu_(), whole
    deep = torch.arange(6.0).reshape(2, 1, 3)
    deep.expand(2, 3, 3).tril_(-1)
    yield deep
    flags = torch.tensor([[True], [False]])
    flags.expand(2, 3).masked_fill_(torch.tensor([[False] * 3, [False, True, False]]), True)
    yield flags


def case_wrong_writes_to_some_elements(torch):
    _, x = _in_groups(torch)
    mask = torch.tensor([[True, False, True, False]] * 3)
    shared = "more than one element of the written-to tensor"
    yield raising(torch, lambda: x.masked_fill_(mask.float(), 1.0), "boolean masks")
    yield raising(torch, lambda: x.masked_fill_(mask, torch.ones(2)), "0-dimension")
    yield raising(torch, lambda: x.index_fill_(2, torch.tensor([0]), 1.0), "out of range")
    yield raising(torch, lambda: x.index_put_((torch.tensor([3]),), torch.tensor(1.0)), "out of")
    yield raising(torch, lambda: x.masked_scatter_(mask, torch.ones(6)), shared)
    yield raising(torch, lambda: x.scatter_(1, torch.tensor([[0], [1], [2]]), 5.0), shared)
    yield raising(torch, lambda: x.index_add_(0, torch.tensor([0]), torch.ones(1, 4)), shared)
    yield raising(torch, lambda: x.__setitem__((slice(0, 2), slice(0, 2)), 3.0), shared)
    yield x
    w = torch.tensor([[1.0], [2.0]], requires_grad=True)
    leaf = w.expand(2, 3)
    mask = torch.tensor([[True, False, False]] * 2)
    yield raising(torch, lambda: leaf.masked_fill_(mask, 1.0), "a view of a leaf")
    base = w * 2
    y = base.expand(2, 3)
    y.masked_fill_(torch.tensor([[True, False, False], [False] * 3]), 9.0)
    yield y, base
