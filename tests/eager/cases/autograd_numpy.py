"""NumPy and tensors: shared memory both ways, refusals, conversions, ufuncs."""

import numpy as np
from transcripts import raising


def case_numpy_shares_memory(torch):
    t = torch.tensor([1.0, 2.0, 3.0])
    a = t.numpy()
    a[0] = 10
    yield t, a
    t[1] = 20
    yield a
    t.mul_(2)
    yield a
    t += 1
    yield a, t.numpy() is not a


def case_from_numpy_shares_memory(torch):
    a = np.array([1.0, 2.0, 3.0])
    t = torch.from_numpy(a)
    yield t, t.requires_grad, t.is_leaf
    a[0] = 10
    yield t
    t[1] = 20
    yield a
    t.zero_()
    yield a
    a += 5
    yield t, t.sum()


def case_results_do_not_follow_later_writes(torch):
    """A recorded operation means the values of its moment, whoever writes afterwards."""
    a = np.array([1.0, 2.0, 3.0])
    t = torch.from_numpy(a)
    doubled = t * 2
    total = t.sum()
    a[:] = 100
    yield doubled, total, t
    later = t * 2
    t.zero_()
    yield later, a


def case_saved_operands_follow_shared_memory(torch):
    """NumPy's writes are not counted by versions: backward sees what is there."""
    a = np.array([1.0, 2.0, 3.0])
    c = torch.from_numpy(a)
    x = torch.ones(3, dtype=torch.float64, requires_grad=True)
    y = (x * c).sum()
    a[:] = 10
    y.backward()
    yield y.detach(), x.grad


def case_views_through_numpy(torch):
    t = torch.arange(6.0).reshape(2, 3)
    a = t.numpy()
    row = a[1]
    row[:] = -1
    yield t
    t[:, 0].fill_(7)
    yield a, row
    yield t.t().numpy(), t.t().numpy().flags["C_CONTIGUOUS"]
    yield t.t().numpy().strides


def case_from_numpy_of_a_view(torch):
    a = np.arange(12.0).reshape(3, 4)
    t = torch.from_numpy(a[::2, 1:])
    yield t, t.shape, t.stride(), t.is_contiguous()
    t.mul_(10)
    yield a


def case_numpy_of_what_requires_grad(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    yield raising(torch, lambda: x.numpy(), "requires grad", "detach")
    yield raising(torch, lambda: (x * 2).numpy(), "requires grad", "detach")
    yield raising(torch, lambda: np.asarray(x), "requires grad", "detach")
    yield raising(torch, lambda: np.array(x), "requires grad", "detach")
    yield raising(torch, lambda: np.sin(x), "requires grad", "detach")
    yield x.detach().numpy(), x.data.numpy(), x.numpy(force=True)
    with torch.no_grad():
        yield x.numpy(), (x * 2).numpy()


def case_detached_numpy_writes_into_the_leaf(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    x.detach().numpy()[0] = 5
    yield x, x._version
    (x * x).sum().backward()
    yield x.grad
    x.grad.numpy()[:] = 0
    yield x.grad


def case_dtypes_both_ways(torch):
    for dtype in (
        "float64",
        "float32",
        "float16",
        "int64",
        "int32",
        "int16",
        "int8",
        "uint8",
        "bool",
        "complex64",
        "complex128",
    ):
        a = np.ones(2, dtype=dtype)
        t = torch.from_numpy(a)
        yield t.dtype, t, t.numpy()


def case_dtypes_that_have_no_tensor(torch):
    yield raising(torch, lambda: torch.from_numpy(np.array(["a", "b"])), "supported types")
    yield raising(torch, lambda: torch.from_numpy(np.array([None, 1])), "supported types")
    yield raising(torch, lambda: torch.from_numpy([1.0, 2.0]), "ndarray")
    yield raising(torch, lambda: torch.tensor(["a"]))
    yield raising(
        torch, lambda: torch.bfloat16 and torch.ones(1, dtype=torch.bfloat16).numpy(), "BFloat16"
    )


def case_negative_strides_are_refused(torch):
    yield raising(torch, lambda: torch.from_numpy(np.arange(3.0)[::-1]), "negative")
    yield torch.from_numpy(np.arange(3.0)[::-1].copy())


def case_tensor_copies_numpy(torch):
    a = np.array([1.0, 2.0])
    t = torch.tensor(a)
    a[0] = 100
    yield t, t.dtype
    yield torch.tensor(np.float32(2.5)), torch.tensor(np.int64(3)), torch.tensor(np.bool_(True))
    yield torch.tensor([np.float64(1.0), np.float64(2.0)]), torch.Tensor(a)


def case_as_tensor_shares_when_it_can(torch):
    a = np.array([1.0, 2.0])
    t = torch.as_tensor(a)
    u = torch.as_tensor(a, dtype=torch.float32)
    a[0] = 100
    yield t, u
    yield torch.as_tensor([1, 2]), torch.as_tensor(3.5), torch.as_tensor(t) is t


def case_asarray_and_array(torch):
    t = torch.tensor([1.0, 2.0])
    a = np.asarray(t)
    b = np.array(t)
    a[0] = 50
    yield t, a, b
    yield np.asarray(t, dtype=np.float64), np.asarray(torch.tensor(3)), np.asarray(torch.eye(2))


def case_numpy_functions_on_tensors(torch):
    t = torch.tensor([1.0, 4.0, 9.0])
    yield np.sqrt(t)
    yield np.exp(t * 0), np.mean(np.asarray(t)), np.max(np.asarray(t))
    yield np.dot(t, t), np.stack([t, t]), np.concatenate([t, t])


def case_arithmetic_of_tensor_and_array(torch):
    t = torch.tensor([1.0, 2.0], dtype=torch.float64)
    a = np.array([10.0, 20.0])
    yield t + a, type(t + a).__name__
    yield type(t * a).__name__, t * a
    yield np.float64(3.0) * 1.0, t * np.float64(3.0), t + np.float32(1.0), t * np.int64(2)


def case_numpy_scalars_in_a_graph(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = x * np.float64(3.0) + np.float32(0.5)
    yield y, y.dtype
    y.sum().backward()
    yield x.grad


def case_arrays_in_a_graph_need_from_numpy(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    a = np.array([3.0, 4.0], dtype=np.float32)
    y = (x * torch.from_numpy(a)).sum()
    y.backward()
    yield y, x.grad


def case_indexing_by_arrays(torch):
    t = torch.tensor([1.0, 2.0, 3.0])
    yield t[np.array([0, 2])], t[np.array([True, False, True])], t[np.int64(1)]


def case_zero_dimensional(torch):
    t = torch.tensor(3.5)
    a = t.numpy()
    yield a, a.shape
    yield float(t), t.item(), np.asarray(t)
    a[...] = 7
    yield t


def case_dlpack(torch):
    t = torch.arange(4.0)
    a = np.from_dlpack(t)
    yield a
    t[0] = 9
    yield a
    u = torch.from_dlpack(np.array([1.0, 2.0]))
    yield u
    yield torch.utils.dlpack.from_dlpack(t) is t, torch.from_dlpack(t)
    x = torch.ones(2, requires_grad=True)
    yield raising(torch, lambda: np.from_dlpack(x), "require", "grad")


def case_training_step_seen_through_an_alias(torch):
    a = np.array([1.0, 2.0], dtype=np.float32)
    w = torch.from_numpy(a).requires_grad_()
    for _ in range(3):
        loss = (w * w).sum()
        loss.backward()
        with torch.no_grad():
            w -= 0.1 * w.grad
            w.grad.zero_()
        yield a
    a[:] = 1
    yield (w * 2), w


def case_tolist_and_item(torch):
    t = torch.tensor([[1.5, 2.0], [3.0, -4.25]])
    yield t.tolist(), t[0].tolist(), t[0, 0].tolist(), t[1, 1].item()
    yield torch.tensor([1, 2]).tolist(), torch.tensor(True).item(), torch.tensor(2).item()
    yield torch.tensor([]).tolist(), torch.zeros(2, 0).tolist(), torch.tensor([[7.0]]).item()
    yield raising(torch, lambda: t.item(), "4", "scalar")
    yield raising(torch, lambda: torch.tensor([]).item(), "0", "scalar")


def case_item_of_what_requires_grad(torch):
    x = torch.tensor(2.0, requires_grad=True)
    y = x * 3
    yield x.item(), y.item(), y.tolist(), int(y)
    yield float(y)
