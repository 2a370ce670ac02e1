"""Grad modes: no_grad, enable_grad, set_grad_enabled, inference_mode, as contexts and decorators."""

import threading

from transcripts import raising


def _x(torch):
    return torch.tensor([1.0, 2.0], requires_grad=True)


def case_no_grad(torch):
    x = _x(torch)
    yield torch.is_grad_enabled()
    with torch.no_grad():
        yield torch.is_grad_enabled(), x, x * 2
        y = x * 2
    yield torch.is_grad_enabled(), y, y + x


def case_no_grad_keeps_flags_of_leaves(torch):
    x = _x(torch)
    with torch.no_grad():
        yield x.requires_grad, torch.ones(2, requires_grad=True), x.view(2), x.detach()
        yield x[0], x.clone(), (x * 1).requires_grad_()


def case_no_grad_restores_after_an_exception(torch):
    try:
        with torch.no_grad():
            raise KeyError("x")
    except KeyError:
        pass
    yield torch.is_grad_enabled()
    yield (_x(torch) * 2).requires_grad


def case_nested_modes(torch):
    found = []
    with torch.no_grad():
        found.append(torch.is_grad_enabled())
        with torch.enable_grad():
            found.append(torch.is_grad_enabled())
            with torch.no_grad():
                found.append(torch.is_grad_enabled())
            found.append(torch.is_grad_enabled())
        found.append(torch.is_grad_enabled())
        with torch.set_grad_enabled(True):
            found.append(torch.is_grad_enabled())
        found.append(torch.is_grad_enabled())
    found.append(torch.is_grad_enabled())
    yield found


def case_no_grad_as_decorator(torch):
    @torch.no_grad()
    def f(a, b=2):
        """The text."""
        return a * b, torch.is_grad_enabled()

    yield f(_x(torch)), f(_x(torch), b=3)
    yield f.__name__, f.__doc__, torch.is_grad_enabled()


def case_no_grad_as_decorator_without_call(torch):
    @torch.no_grad
    def f(a):
        return a * 2

    yield f(_x(torch)), torch.is_grad_enabled()


def case_enable_grad_as_decorator(torch):
    @torch.enable_grad()
    def f(a):
        return a * 2

    with torch.no_grad():
        yield f(_x(torch)), torch.is_grad_enabled()


def case_set_grad_enabled_as_decorator(torch):
    @torch.set_grad_enabled(False)
    def f(a):
        return a * 2

    yield torch.is_grad_enabled()
    yield f(_x(torch)), torch.is_grad_enabled()


def case_set_grad_enabled_as_function(torch):
    x = _x(torch)
    torch.set_grad_enabled(False)
    yield torch.is_grad_enabled(), (x * 2).requires_grad
    torch.set_grad_enabled(mode=True)
    yield torch.is_grad_enabled(), (x * 2).requires_grad


def case_set_grad_enabled_as_context(torch):
    x = _x(torch)
    for train in (True, False):
        with torch.set_grad_enabled(train):
            y = (x * 2).sum()
        yield y, torch.is_grad_enabled()


def case_set_grad_enabled_wants_a_boolean(torch):
    yield raising(torch, lambda: torch.set_grad_enabled("yes"), "bool")
    yield torch.is_grad_enabled()


def case_one_context_object_twice(torch):
    x = _x(torch)
    off = torch.no_grad()
    with off:
        a = x * 2
    with off:
        b = x * 3
    yield a, b, x * 4
    yield type(off).__name__


def case_decorated_recursion(torch):
    @torch.no_grad()
    def power(a, n):
        return a if n == 1 else a * power(a, n - 1)

    yield power(_x(torch), 4), torch.is_grad_enabled()


def case_decorated_generator(torch):
    @torch.no_grad()
    def numbers(a):
        for k in range(3):
            yield a * k

    found = []
    for y in numbers(_x(torch)):
        found.append((y.requires_grad, torch.is_grad_enabled()))
    yield found, torch.is_grad_enabled()


def case_decorated_method(torch):
    class Model:
        def __init__(self, w):
            self.w = w

        @torch.no_grad()
        def predict(self, x):
            return self.w * x

        def loss(self, x):
            return (self.w * x).sum()

    model = Model(_x(torch))
    yield model.predict(torch.ones(2)), model.loss(torch.ones(2))


def case_update_inside_no_grad(torch):
    x = _x(torch)
    (x * x).sum().backward()
    with torch.no_grad():
        x -= 0.5 * x.grad
    yield x, x.is_leaf, x.requires_grad, x.grad_fn


def case_rebinding_inside_no_grad_makes_a_constant(torch):
    """The usual mistake: `x = x - ...` is another tensor, and it does not require grad."""
    x = _x(torch)
    (x * x).sum().backward()
    with torch.no_grad():
        x = x - 0.5 * x.grad
    yield x, x.requires_grad, x.grad
    yield raising(torch, lambda: (x * x).sum().backward(), "does not require grad")


def case_result_of_no_grad_can_be_made_a_leaf(torch):
    x = _x(torch)
    with torch.no_grad():
        y = x * 2
    y.requires_grad_()
    (y * y).sum().backward()
    yield y.grad, x.grad


def case_in_place_on_results_inside_no_grad(torch):
    x = _x(torch)
    y = x * 2
    with torch.no_grad():
        y.add_(1)
    yield y, y._version
    y.sum().backward()
    yield x.grad


def case_saved_value_changed_inside_no_grad(torch):
    x = _x(torch)
    y = x.exp()
    with torch.no_grad():
        y.mul_(2)
    yield raising(torch, lambda: y.sum().backward(), "modified by an inplace operation")


def case_leaf_saved_and_changed_inside_no_grad(torch):
    x = _x(torch)
    w = torch.ones(2, requires_grad=True)
    y = (x * w).sum()
    with torch.no_grad():
        x.mul_(2)
    yield raising(torch, lambda: y.backward(), "modified by an inplace operation")
    z = (x * w).sum()
    z.backward()
    yield x.grad, w.grad


def case_no_grad_view_then_in_place(torch):
    x = _x(torch)
    with torch.no_grad():
        v = x[0:1]
        v.fill_(9.0)
    yield x, v.requires_grad


def case_no_grad_view_written_with_grad(torch):
    x = _x(torch)
    with torch.no_grad():
        v = x[0:1]
    yield v.requires_grad, v.is_leaf

    def write():
        v.fill_(3.0)

    yield raising(torch, write, "view", "no_grad")


def case_inference_mode(torch):
    x = _x(torch)
    with torch.inference_mode():
        y = x * 2
        yield torch.is_grad_enabled(), torch.is_inference_mode_enabled(), y
    yield torch.is_inference_mode_enabled(), y, y.is_inference(), x.is_inference()


def case_inference_tensors_stay_out_of_graphs(torch):
    x = _x(torch)
    with torch.inference_mode():
        y = torch.ones(2) * 3
    yield y * 2, y + 1
    yield raising(torch, lambda: y * x, "inference tensor", "saved for backward")
    yield raising(torch, lambda: y.requires_grad_(), "inference")
    z = y.clone() * x
    yield z


def case_inference_tensors_in_place(torch):
    with torch.inference_mode():
        y = torch.ones(2)
        y.add_(1)
    yield raising(torch, lambda: y.add_(1), "inference")
    yield raising(torch, lambda: y._version, "inference", "version")
    with torch.inference_mode():
        y.mul_(3)
    yield y


def case_inference_mode_as_decorator(torch):
    @torch.inference_mode()
    def f(a):
        return a * 2

    y = f(_x(torch))
    yield y, y.is_inference(), torch.is_inference_mode_enabled()


def case_inference_mode_false(torch):
    x = _x(torch)
    with torch.inference_mode(False):
        y = x * 2
    yield y, y.is_inference()
    with torch.inference_mode(), torch.inference_mode(False):
        z = x * 2
    yield z, z.is_inference()


def case_enable_grad_inside_inference_mode(torch):
    x = _x(torch)
    with torch.inference_mode():
        with torch.enable_grad():
            y = x * 2
            yield torch.is_grad_enabled()
        yield y.requires_grad, y.is_inference()


def case_leaf_made_inside_no_grad(torch):
    with torch.no_grad():
        w = torch.ones(2, requires_grad=True)
        y = w * 2
    yield w, y
    (w * 3).sum().backward()
    yield w.grad


def case_evaluation_loop(torch):
    w = torch.tensor([[1.0], [2.0]], requires_grad=True)
    total = 0.0
    with torch.no_grad():
        for k in range(3):
            x = torch.full((2, 2), float(k))
            total += (x @ w).sum().item()
    yield total, w.grad
    yield (torch.ones(1, 2) @ w)


def case_autograd_names_of_modes(torch):
    with torch.autograd.no_grad():
        yield torch.is_grad_enabled()
    with torch.autograd.set_grad_enabled(False):
        yield torch.is_grad_enabled()
        with torch.autograd.enable_grad():
            yield torch.is_grad_enabled()
    with torch.autograd.inference_mode():
        yield torch.is_grad_enabled()


def case_modes_are_of_the_thread(torch):
    found = []
    with torch.no_grad():
        worker = threading.Thread(target=lambda: found.append(torch.is_grad_enabled()))
        worker.start()
        worker.join()
        found.append(torch.is_grad_enabled())
    yield found
