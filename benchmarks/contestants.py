"""The columns of the table: how each library is loaded, fed and called.

A contestant turns a workload into a call without arguments. Inputs are converted before that
call is made, to whatever the library is happiest with: NumPy arrays, device arrays or tensors.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks import environment, trees
from benchmarks.workloads.base import Args, Workload

Call = Callable[[], Any]


@dataclass(frozen=True)
class Contestant:
    """One column. `load` raises ImportError where the library is not there to be measured."""

    key: str
    label: str
    load: Callable[[], None]
    to_native: Callable[[Workload, Args], Args]
    build: Callable[[Workload, Args], Call]
    has_gradient: bool = True
    package: str | None = None  # imported by the measurement of import times
    quick: bool = True  # part of --quick
    how: str = ""  # what is called, for the reader


def _as_is(workload: Workload, args: Args) -> Args:
    return args


def _load_numba() -> None:
    import numba  # noqa: F401


def _build_hand(workload: Workload, args: Args) -> Call:
    return partial(workload.hand(), *args)


def _load_tapejit() -> None:
    import tapejit

    if not hasattr(tapejit, "value_and_grad"):
        raise ImportError("this tapejit has no value_and_grad yet")


def _build_tapejit(workload: Workload, args: Args, *, compile: str) -> Call:
    import tapejit as tj

    make = {"gradient": tj.value_and_grad, "hessian": tj.hessian, "jacobian": tj.jacobian}
    transform = make[workload.derivative]
    return partial(transform(workload.numpy_loss, argnums=workload.argnums, compile=compile), *args)


def _load_jax() -> None:
    import jax

    jax.config.update("jax_enable_x64", True)
    # By default JAX hands each execution to a second thread and waits for it. Measured on one
    # thread, that makes Rosenbrock of 1000 variables 58 to 80 us instead of 11, so JAX gets its
    # better setting. Only this call works, before the backend starts; no environment variable does.
    jax.config.update("jax_cpu_enable_async_dispatch", False)
    jax.devices()  # starts the backend, so the first call does not pay for it


def _jax_args(workload: Workload, args: Args) -> Args:
    import jax
    import jax.numpy as jnp

    native: Args = jax.block_until_ready(trees.map_leaves(jnp.asarray, args))
    return native


def _build_jax(workload: Workload, args: Args) -> Call:
    import jax

    # of the two Jacobians forward mode is the faster one here, 16 us against 23 us
    make = {"gradient": jax.value_and_grad, "hessian": jax.hessian, "jacobian": jax.jacfwd}
    compiled = jax.jit(make[workload.derivative](workload.jax_loss(), argnums=workload.argnums))

    def call() -> Any:
        return jax.block_until_ready(compiled(*args))

    return call


def _load_torch() -> None:
    import torch

    torch.set_num_threads(environment.threads())


def _torch_args(workload: Workload, args: Args) -> Args:
    import torch

    def tensor(leaf: Any, wanted: bool) -> torch.Tensor:
        made = torch.as_tensor(leaf, dtype=torch.float64 if isinstance(leaf, float) else None)
        return made.requires_grad_(wanted)

    wanted = workload.argnums if isinstance(workload.argnums, tuple) else (workload.argnums,)
    tracked = wanted if workload.derivative == "gradient" else ()  # torch.func tracks by itself
    return tuple(
        trees.map_leaves(partial(tensor, wanted=i in tracked), arg) for i, arg in enumerate(args)
    )


def _build_torch(workload: Workload, args: Args, *, compile: bool) -> Call:
    import torch

    # a compiled function of earlier rows would count against the limit of recompilations
    wrap = partial(torch.compile, dynamic=False) if compile else (lambda f: f)
    if compile:
        torch.compiler.reset()
        warnings.filterwarnings("ignore", category=FutureWarning, module=r"torch\..*")  # its own
    loss = workload.torch_loss()
    if workload.derivative != "gradient":
        make = {"hessian": torch.func.hessian, "jacobian": torch.func.jacrev}
        matrix = wrap(make[workload.derivative](loss, argnums=workload.argnums))
        return lambda: matrix(*args)
    loss = wrap(loss)
    picked = trees.pick(args, workload.argnums)
    inputs = trees.leaves(picked)

    def call() -> Any:
        value = loss(*args)
        return value.detach(), trees.unflatten(picked, torch.autograd.grad(value, inputs))

    return call


def _load_autograd() -> None:
    import autograd
    import autograd.numpy  # noqa: F401


def _build_autograd(workload: Workload, args: Args) -> Call:
    import autograd

    make = {
        "gradient": autograd.value_and_grad,
        "hessian": autograd.hessian,
        "jacobian": autograd.jacobian,
    }
    return partial(make[workload.derivative](workload.autograd_loss(), workload.argnums), *args)


def _load_casadi() -> None:
    import casadi  # noqa: F401


def _build_casadi(workload: Workload, args: Args) -> Call:
    """Arguments are vectors and numbers; results are fresh arrays, as everybody's."""
    import casadi
    import numpy as np

    given = [np.array(arg, dtype=np.float64) for arg in args]
    symbols = [casadi.MX.sym(f"x{i}", a.size) for i, a in enumerate(given)]
    value = workload.casadi_loss()(*symbols)
    picked = trees.pick(symbols, workload.argnums)
    wanted, gradient = trees.leaves(picked), workload.derivative == "gradient"
    if gradient:
        results = [value, *(casadi.densify(casadi.gradient(value, s)) for s in wanted)]
        chosen = workload.argnums if isinstance(workload.argnums, tuple) else (workload.argnums,)
        shapes = [(), *(given[i].shape for i in chosen)]
    else:
        matrix = {"hessian": lambda v, x: casadi.hessian(v, x)[0], "jacobian": casadi.jacobian}
        results = [casadi.densify(matrix[workload.derivative](value, wanted[0]))]
        shapes = [results[0].shape[::-1]]  # its order of elements is Fortran's
    buffer, run = casadi.Function("f", symbols, results).buffer()

    def call() -> Any:
        for i, array in enumerate(given):
            buffer.set_arg(i, memoryview(array))
        made = [np.empty(shape) for shape in shapes]
        for i, array in enumerate(made):
            buffer.set_res(i, memoryview(array))
        run()
        return (made[0], trees.unflatten(picked, made[1:])) if gradient else made[0].T

    return call


def _load_numpy() -> None:
    import numpy  # noqa: F401


def _build_numpy(workload: Workload, args: Args) -> Call:
    return partial(workload.numpy_loss, *args)


def tapejit_contestant(key: str = "tapejit", *, compile: str = "always") -> Contestant:
    """tapejit under one compile policy."""
    build = partial(_build_tapejit, compile=compile)
    how = f'the NumPy function as it stands, compile="{compile}", NumPy arrays in and out'
    return Contestant(key, key, _load_tapejit, _as_is, build, package="tapejit", how=how)


HAND = Contestant(
    "hand",
    "hand",
    _load_numba,
    _as_is,
    _build_hand,
    package="numba",
    how="an adjoint written by hand in Numba for this function, fused, with its own exp, log and "
    "tanh that vectorise, and with what a person knows and no tape says: the limit",
)

CONTESTANTS: tuple[Contestant, ...] = (
    HAND,
    tapejit_contestant(),
    Contestant(
        "jax",
        "JAX",
        _load_jax,
        _jax_args,
        _build_jax,
        package="jax",
        how="`jax.jit`, x64 enabled, on device arrays, synchronous dispatch (faster here), loops as "
        "`lax.scan` with what can stand outside of them outside",
    ),
    Contestant(
        "torch",
        "PyTorch",
        _load_torch,
        _torch_args,
        partial(_build_torch, compile=False),
        package="torch",
        how="eager `autograd.grad` on tensors, fused losses where the library has them",
    ),
    Contestant(
        "torch-compile",
        "torch.compile",
        _load_torch,
        _torch_args,
        partial(_build_torch, compile=True),
        package="torch",
        quick=False,
        how="the same loss under `torch.compile(dynamic=False)`",
    ),
    Contestant(
        "autograd",
        "autograd",
        _load_autograd,
        _as_is,
        _build_autograd,
        package="autograd",
        how="HIPS autograd on NumPy arrays",
    ),
    Contestant(
        "casadi",
        "CasADi",
        _load_casadi,
        _as_is,
        _build_casadi,
        package="casadi",
        how="its virtual machine through `Function.buffer`, the fastest of its calls, which checks "
        "no shapes; results are fresh arrays; for workloads of vectors and numbers",
    ),
    Contestant(
        "numpy",
        "NumPy primal",
        _load_numpy,
        _as_is,
        _build_numpy,
        has_gradient=False,
        package="numpy",
        how="the function alone, without a derivative",
    ),
)
VARIANTS = (tapejit_contestant("tapejit-auto", compile="auto"),)


def by_key(key: str) -> Contestant:
    """The contestant with this key, variants included."""
    return next(c for c in (*CONTESTANTS, *VARIANTS) if c.key == key)
