"""Short kernels without choices are optimised in one round, to the same machine code as in two."""

import ast

import numpy as np
import pytest

import tapejit as tj
from tapejit.runtime.direct import image

X = np.linspace(0.5, 2.0, 10)
PLAIN = {
    "squares": lambda x: np.sum(x * x),
    "two sums": lambda x: np.sum(x * x) * np.sum(x**3),
    "differences": lambda x: np.sum(np.diff(x) ** 2),
    "quotients": lambda x: np.sum(1.0 / (x + 2.0)),
}
OTHERS = {
    "a choice": lambda x: np.sum(np.where(x > 1.0, x * x, x)),
    "a formula": lambda x: np.sum(np.exp(x)),
    "nested loops": lambda x: np.sum((x[:, None] * np.arange(3.0)) ** 2),
}


def kernel_of(f):
    tree = ast.parse(tj.value_and_grad(f).source(X))
    (kernel,) = [s for s in tree.body if isinstance(s, ast.FunctionDef)]
    return kernel


@pytest.mark.parametrize("f", PLAIN.values(), ids=PLAIN)
def test_one_round_makes_what_two_make(f, monkeypatch):
    assert image.is_plain(kernel_of(f))
    rounds, objects = [], []
    optimise, emitted = image._optimise, image._emitted

    def optimised(whole, straight, plain=False):
        rounds.append(plain)
        optimise(whole, straight, plain and len(rounds) == 1)

    def kept(module):
        objects.append(emitted(module))
        return objects[-1]

    monkeypatch.setattr(image, "_optimise", optimised)
    monkeypatch.setattr(image, "_emitted", kept)
    source = tj.value_and_grad(f).source(X)
    arrays = [image.Argument(np.dtype(float), 1), image.Argument(np.dtype(float), 1, True)]
    for _ in range(2):
        assert image.image(source, arrays, {}, dict) is not None
    assert rounds == [True, True]
    assert objects[0] == objects[1]


@pytest.mark.parametrize("f", OTHERS.values(), ids=OTHERS)
def test_what_has_choices_or_loops_in_loops_is_not_plain(f):
    assert not image.is_plain(kernel_of(f))


def test_a_long_kernel_is_not_plain():
    lines = "".join(f"    v{k} = x + 1.0\n" for k in range(200))
    tree = ast.parse(f"def kernel(x):\n{lines}")
    assert not image.is_plain(tree.body[0])
