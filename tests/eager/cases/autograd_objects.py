"""Tensors as Python objects: truth, numbers, length, iteration, equality, hash, copies, pickles."""

import copy
import gc
import pickle
import threading
import weakref

from transcripts import raising


def case_truth(torch):
    yield (
        bool(torch.tensor(1.0)),
        bool(torch.tensor(0)),
        bool(torch.tensor([0.0])),
        bool(torch.tensor([[True]])),
    )
    yield raising(torch, lambda: bool(torch.tensor([1.0, 2.0])), "ambiguous")
    yield raising(torch, lambda: bool(torch.tensor([])), "ambiguous")
    x = torch.tensor(2.0, requires_grad=True)
    yield "yes" if x > 1 else "no", not x, bool(torch.tensor(float("nan")))


def case_numbers(torch):
    t = torch.tensor(2.75)
    yield int(t), float(t), complex(t), round(float(t), 1), int(torch.tensor([7]))
    yield raising(torch, lambda: float(torch.ones(2)), "scalar")
    yield raising(torch, lambda: int(torch.ones(2, 1)), "scalar")
    yield list(range(torch.tensor(3))), [10, 20, 30][torch.tensor(1)]
    yield raising(torch, lambda: [1, 2][torch.tensor(1.0)], "integer")


def case_length(torch):
    yield len(torch.ones(3)), len(torch.ones(2, 5)), len(torch.zeros(0))
    yield raising(torch, lambda: len(torch.tensor(1.0)), "0-d")


def case_iteration(torch):
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    rows = list(x)
    yield rows
    (rows[0] * rows[1]).sum().backward()
    yield x.grad
    a, b = torch.tensor([5.0, 6.0])
    yield a, b, [v.item() for v in torch.arange(3)], sum(torch.ones(3)), max(torch.arange(4.0))
    yield raising(torch, lambda: list(torch.tensor(1.0)), "0-d")


def case_contains(torch):
    t = torch.tensor([1.0, 2.0])
    yield 2.0 in t, 3.0 in t, torch.tensor(1.0) in t
    yield raising(torch, lambda: "a" in t, "str")


def case_equality(torch):
    t = torch.tensor([1.0, 2.0])
    yield t == t, t == 1.0, t != torch.tensor([1.0, 3.0]), t == torch.tensor([1, 2])
    yield (
        torch.equal(t, torch.tensor([1.0, 2.0])),
        torch.equal(t, torch.ones(3)),
        torch.allclose(t, t + 1e-9),
    )
    yield t == None, t != None  # noqa: E711
    yield t == "a", t is t
    yield raising(torch, lambda: t == torch.ones(3), "2", "3")


def case_hash_is_identity(torch):
    a, b = torch.ones(2), torch.ones(2)
    yield hash(a) == hash(a), hash(a) == hash(b), len({a, b, a}), {a: 1}[a]
    yield a is a.data, a.data is a.data


def case_membership_in_lists_is_by_value(torch):
    a, b = torch.tensor(1.0), torch.tensor(2.0)
    yield a in [a, b], [a, b].index(b), b in [a]
    yield raising(torch, lambda: torch.ones(2) in [torch.zeros(2)], "ambiguous")


def case_comparison_gives_booleans_without_graph(torch):
    x = torch.tensor([1.0, -1.0], requires_grad=True)
    yield x > 0, x <= 0, (x > 0) & (x < 5), ~(x > 0), (x > 0).any(), (x > 0).all()


def case_format(torch):
    t = torch.tensor(3.14159)
    x = torch.tensor([1.0], requires_grad=True)
    yield f"{t:.2f}", f"{t}", f"{torch.tensor(5):d}", f"{t.item():>8.3f}", f"{torch.tensor(2.5):e}"
    yield f"{x}", str(x), repr(x * 2), "%s" % torch.tensor([1])  # noqa: UP031
    yield f"{torch.tensor(2.0, requires_grad=True):.1f}"
    yield raising(torch, lambda: f"{torch.ones(2):.2f}", "format")


def case_deepcopy_of_a_leaf(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    (x * x).sum().backward()
    y = copy.deepcopy(x)
    yield y, y.is_leaf, y.grad, y is x
    with torch.no_grad():
        y.zero_()
    yield x, y
    y.grad.zero_()
    yield x.grad
    yield copy.deepcopy(torch.ones(2))


def case_deepcopy_of_a_non_leaf(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    yield raising(torch, lambda: copy.deepcopy(x * 2), "deepcopy")
    yield copy.deepcopy((x * 2).detach())


def case_deepcopy_keeps_aliases(torch):
    x = torch.tensor([1.0, 2.0])
    pair = copy.deepcopy([x, x, x[0:1]])
    pair[0][0] = 50
    yield pair, pair[0] is pair[1], x


def case_copy_of_a_leaf_is_shallow(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = copy.copy(x)
    with torch.no_grad():
        y[0] = 9
    yield x, y, y is x, y.is_leaf


def case_deepcopy_of_a_parameter_and_a_module(torch):
    p = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
    q = copy.deepcopy(p)
    yield q, type(q).__name__
    model = torch.nn.Linear(2, 1)
    with torch.no_grad():
        model.weight.fill_(1.0)
        model.bias.fill_(0.5)
    other = copy.deepcopy(model)
    with torch.no_grad():
        other.weight.mul_(3)
    yield model.weight, other.weight, [p.is_leaf for p in other.parameters()]


def case_pickle_of_a_leaf(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    (x * x).sum().backward()
    y = pickle.loads(pickle.dumps(x))
    yield y, y.is_leaf, y.grad
    yield pickle.loads(pickle.dumps(torch.arange(4).reshape(2, 2).t()))
    yield pickle.loads(pickle.dumps({"w": torch.ones(2), "n": 3}))


def case_pickle_of_a_non_leaf(torch):
    """The graph does not travel: what arrives is a leaf that still requires grad."""
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = pickle.loads(pickle.dumps(x * 2))
    yield y.requires_grad, y.is_leaf, y.detach()


def case_threads_share_leaves(torch):
    x = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
    found = [None, None]

    def work(k):
        (found[k],) = torch.autograd.grad((x * (k + 1)).sum(), x)

    workers = [threading.Thread(target=work, args=(k,)) for k in range(2)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    yield found, x.grad


def case_result_of_another_thread(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    found = []
    worker = threading.Thread(target=lambda: found.append((x * x).sum()))
    worker.start()
    worker.join()
    found[0].backward()
    yield found, x.grad


def case_dead_tensors_are_collected(torch):
    x = torch.ones(3, requires_grad=True)
    y = x * 2
    gone = weakref.ref(y)
    z = y + 1
    del y
    gc.collect()
    yield gone() is None
    z.sum().backward()
    yield x.grad


def case_graph_keeps_its_leaf_alive(torch):
    def build():
        x = torch.ones(2, requires_grad=True)
        return (x * 3).sum()

    y = build()
    gc.collect()
    leaf = y.grad_fn.next_functions[0][0].next_functions[0][0].variable
    y.backward()
    yield leaf, leaf.grad


def case_isinstance_and_type(torch):
    x = torch.ones(2)
    yield isinstance(x, torch.Tensor), type(x).__name__, torch.is_tensor(x), torch.is_tensor(3)
    yield x.type(), torch.ones(2, dtype=torch.int64).type(), torch.is_floating_point(x)
    yield isinstance(torch.nn.Parameter(x), torch.nn.Parameter), isinstance(x, torch.nn.Parameter)


def case_sizes(torch):
    x = torch.ones(2, 3)
    yield x.shape, x.size(), x.size(0), x.size(-1), x.shape[1], x.dim(), x.ndim, x.numel()
    yield x.shape == (2, 3), isinstance(x.shape, tuple), list(x.shape), x.shape[:1], x.nelement()
    yield repr(x.shape), str(x.size()), torch.Size([1, 2]).numel(), x.stride()
    yield raising(torch, lambda: x.size(5), "out of range")


def case_attributes_may_be_added(torch):
    x = torch.ones(2)
    x.note = "kept"
    yield x.note, hasattr(x, "other"), hasattr(x * 1, "note")
    yield raising(torch, lambda: x.other, "other")


def case_names_that_are_read_only(torch):
    x = torch.ones(2, requires_grad=True)

    def assign(name, value):
        setattr(x, name, value)

    for name, value in (("shape", (1,)), ("is_leaf", False), ("dtype", torch.float64), ("ndim", 3)):
        yield name, raising(torch, lambda n=name, v=value: assign(n, v))
    yield x
