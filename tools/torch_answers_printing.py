"""Store what real PyTorch prints and promotes to: tests/eager/answers/{printing,promotion_tables}.json.

Run with an interpreter that has PyTorch 2.13; the tests read the stored answers and never import it.
The random cases come from a seed, so a second run writes the same files.

    python tools/torch_answers_printing.py             # write both files
    python tools/torch_answers_printing.py --fuzz 5000  # compare tapejit with PyTorch, store nothing
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

ANSWERS = Path(__file__).resolve().parent.parent / "tests" / "torch" / "answers"
REALS = ("float32", "float64", "float16")
COMPLEX = ("complex64", "complex128")
SIGNED = ("int8", "int16", "int32", "int64")
UNSIGNED = ("uint8", "uint16", "uint32", "uint64")
DTYPES = ("bool", *SIGNED, *UNSIGNED, *REALS, *COMPLEX)
NUMBERS = {"bool": True, "int": 2, "float": 2.5, "complex": 2j}
SHAPES = [
    (), (1,), (2,), (3,), (5,), (8,), (13,), (30,), (999,), (1000,), (1001,), (1500,),
    (1, 1), (2, 3), (3, 4), (4, 7), (3, 20), (20, 2), (1, 1100), (1100, 1), (40, 30), (7, 150),
    (1, 1, 1), (2, 2, 2), (2, 3, 4), (1, 2, 12), (8, 3, 50), (2, 1, 2, 3), (3, 2, 40, 5),
    (0,), (0, 3), (3, 0), (2, 0, 4), (1, 1, 1, 1, 2),
]  # fmt: skip
LONGEST = 3500  # characters of a stored text: a thousand one-digit numbers fit
NODES = ["AddBackward", "XBackward", "BinaryCrossEntropyWithLogitsBackward"]


# --- cases: a list of values that is repeated to fill the shape, and how to print it


def array_of(case: dict[str, Any]) -> np.ndarray:
    """Return the array of a case; the tests hold the same three lines."""
    values = case["values"]
    if case["dtype"].startswith("complex"):
        values = [complex(*v) for v in values]
    return np.resize(np.array(values, dtype=case["dtype"]), case["shape"])


def values_of(rng: np.random.Generator, dtype: str, kind: str, count: int) -> list[Any]:
    """Return values of a dtype, as JSON holds them."""
    if dtype == "bool":
        return rng.integers(0, 2, count).astype(bool).tolist()
    if dtype in SIGNED or dtype in UNSIGNED:
        limits = np.iinfo(dtype)
        high = int(rng.choice([2, 10, 100, 1000, limits.max]))
        high = min(high, int(limits.max))
        low = max(int(limits.min), -int(rng.choice([0, 9, high])))
        return rng.integers(low, high, count, dtype=dtype, endpoint=True).tolist()
    if dtype in COMPLEX:
        part = "float32" if dtype == "complex64" else "float64"
        other = str(rng.choice(KINDS))
        return [
            list(pair)
            for pair in zip(
                values_of(rng, part, kind, count), values_of(rng, part, other, count), strict=True
            )
        ]
    values = {
        "normal": lambda: rng.normal(size=count),
        "whole": lambda: rng.integers(-9, 100, count).astype(float),
        "scaled": lambda: rng.normal(size=count) * 10.0 ** rng.integers(-6, 9),
        "scaled whole": lambda: rng.integers(-9, 99, count) * 10.0 ** rng.integers(0, 9),
        "wide": lambda: rng.normal(size=count) * 10.0 ** rng.integers(-8, 9, count),
        "thousand": lambda: rng.choice([1.0, 999.5, 1000.0, 1001.0, 0.1, 100.0, 100.1], count),
        "edges": lambda: rng.choice([1e-4, 9.9e-5, 1.1e-4, 1e8, 1.1e8, 99999.5, 0.99995], count),
        "zeros": lambda: np.zeros(count),
        "extreme": lambda: rng.choice([1e-38, 1e38, 5e-324, 1e-45, 65504.0, 1e16], count),
    }[kind]()  # fmt: skip
    with np.errstate(over="ignore"):
        values = values.astype(dtype).astype(float)
    if rng.random() < 0.35:
        special = rng.choice([0.0, -0.0, np.nan, np.inf, -np.inf], count)
        values = np.where(rng.random(count) < 0.3, special, values)
    return values.tolist()


KINDS = (
    "normal", "whole", "scaled", "scaled whole", "wide", "thousand", "edges", "zeros", "extreme",
)  # fmt: skip


def random_options(rng: np.random.Generator) -> dict[str, Any]:
    """Return arguments of set_printoptions; none half of the time."""
    if rng.random() < 0.5:
        return {}
    drawn: dict[str, Any] = {}
    if rng.random() < 0.2:
        drawn["profile"] = str(rng.choice(["short", "default"]))
    for name, values in (
        ("precision", [0, 1, 2, 3, 6, 8, 12]),
        ("threshold", [0, 1, 5, 20]),
        ("edgeitems", [0, 1, 2, 4, 6]),
        ("linewidth", [1, 20, 40, 60, 79, 81, 100, 132]),
    ):
        if rng.random() < 0.3:
            drawn[name] = int(rng.choice(values))
    if rng.random() < 0.25:
        drawn["sci_mode"] = bool(rng.random() < 0.5)
    return drawn


def random_case(rng: np.random.Generator) -> dict[str, Any]:
    """Return one case without its answer."""
    family = rng.choice(4, p=[0.6, 0.15, 0.05, 0.2])
    dtype = str(rng.choice([REALS, SIGNED + UNSIGNED, ("bool",), COMPLEX][family]))
    shape = SHAPES[rng.integers(len(SHAPES))]
    if rng.random() < 0.25:  # a single line of every length: where suffixes wrap
        shape = (int(rng.integers(1, 24)),)
    case: dict[str, Any] = {
        "shape": list(shape),
        "dtype": dtype,
        "values": values_of(rng, dtype, str(rng.choice(KINDS)), int(rng.integers(1, 17))),
    }
    options = random_options(rng)
    if options:
        case["options"] = options
    if dtype in REALS + COMPLEX and rng.random() < 0.5:
        case["requires_grad"] = True
        if rng.random() < 0.7:
            case["grad_fn"] = str(rng.choice(NODES))
    if rng.random() < 0.1:
        case["default"] = str(rng.choice(["float64", "float16"]))
    if rng.random() < 0.05:
        case["name"] = str(rng.choice(["Mine", "LongerNameOfAClass"]))
    return case


def picked_cases() -> list[dict[str, Any]]:
    """Return cases that each show one rule, and every length of line before a suffix."""
    nan, inf = float("nan"), float("inf")
    reals = [
        [0.0, nan], [1.0, nan, -inf], [-0.0, 0.0], [1e-4], [1.0, 1001.0], [1.0, 1000.0], [1e8],
        [1.1e8], [0.5, nan, inf], [0.0], [1.5], [3.0], [nan], [inf], [-inf], [-1.0], [123456789.0],
        [16777217.0], [1.5, 0.0], [1e-5, 1.0], [0.1, 100.0], [0.1, 100.1], [99999.99], [1e-45],
        [5e-324, 1e308], [2.5, 1e7 + 0.5], [0.00011, 0.1], [1e16, 2e16], [0.99999, 0.5], [9.99999],
    ]  # fmt: skip
    cases: list[dict[str, Any]] = []
    for values, dtype in itertools.product(reals, ("float32", "float64")):
        shown = [v for v in values if dtype == "float64" or not abs(v) > 3e38 or v in (inf, -inf)]
        cases += [{"shape": shape, "dtype": dtype, "values": shown} for shape in ([], [len(shown)])]
    for count in range(1, 26):
        for grad_fn in (None, "AddBackward"):
            cases.append(
                {"shape": [count], "dtype": "float32", "values": [2.0], "requires_grad": True}
                | ({"grad_fn": grad_fn} if grad_fn else {})
            )
    # The width of the last line grows by one: the column at which a suffix wraps.
    for digits in range(1, 38):
        for shape in ([1], [2, 1]):
            name = "B" * digits + "Backward"
            tensor = {"shape": shape, "dtype": "float64", "values": [10.0**8] * 2}
            cases.append(tensor | {"requires_grad": True, "grad_fn": name})
    # After a suffix has wrapped, the next one is counted from the indent: names of every length.
    for digits in range(1, 16):
        cases.append(
            {"shape": [2], "dtype": "float64", "values": [123456.5], "options": {"linewidth": 52}}
            | {"requires_grad": True, "grad_fn": "B" * digits + "Backward"}
        )
    hidden = {"threshold": 0, "edgeitems": 0}
    cases += [
        {"shape": shape, "dtype": "float32", "values": [1.5], "options": hidden}
        for shape in ([], [1], [2, 3])
    ]
    # As many elements as both edges together show: nothing is left out between them.
    for shape in ([200, 6], [6, 200], [5, 7, 6], [6, 6, 40], [4], [5]):
        options = {"threshold": 3, "edgeitems": 2} if len(shape) == 1 else {"threshold": 100}
        cases.append({"shape": shape, "dtype": "int64", "values": [1, 2, 30], "options": options})
    for dtype, shape in itertools.product(DTYPES, ([0], [0, 3], [2, 0], [1], [2, 2])):
        values = [[1.0, -2.0]] if dtype in COMPLEX else [1]
        cases.append({"shape": shape, "dtype": dtype, "values": values})
    for count in (999, 1000, 1001):
        for shape in ([count], [1, count], [count, 1]):
            if shape[-1] > 1 or count > 1000:
                cases.append({"shape": shape, "dtype": "int64", "values": [7, 8]})
    parts = [
        [1.0, 2.0],
        [3.5, -4.0],
        [0.0, -0.0],
        [nan, nan],
        [1e-5, 1.0],
        [inf, -inf],
        [-1.0, 0.1],
    ]
    for count in range(1, len(parts) + 1):
        for shape in ([], [count], [count, 2]):
            cases.append({"shape": shape, "dtype": "complex64", "values": parts[:count]})
    return cases


# --- PyTorch's answers


def made_by_function(x: torch.Tensor, name: str) -> torch.Tensor:
    """Return a copy of a tensor made by a Function of this name; its node is ``<name>Backward``."""
    methods = {
        "forward": staticmethod(lambda ctx, x: x.clone()),
        "backward": staticmethod(lambda ctx, g: g),
    }
    return type(name, (torch.autograd.Function,), methods).apply(x)


def printed(case: dict[str, Any]) -> str:
    """Return what PyTorch prints."""
    torch.set_default_dtype(getattr(torch, case.get("default", "float32")))
    torch.set_printoptions(profile="default")
    torch.set_printoptions(**case.get("options", {}))
    try:
        x = torch.from_numpy(array_of(case).copy()).reshape(case["shape"])
        if case.get("requires_grad"):
            x.requires_grad_()
        if "name" in case:
            x = x.as_subclass(type(case["name"], (torch.Tensor,), {}))
            if case.get("requires_grad"):
                case["grad_fn"] = "AliasBackward0"
        elif "grad_fn" in case:
            x = made_by_function(x, case["grad_fn"].removesuffix("Backward"))
        return repr(x)
    finally:
        torch.set_default_dtype(torch.float32)
        torch.set_printoptions(profile="default")


def printing_answers(count: int, seed: int) -> list[dict[str, Any]]:
    """Return the cases with PyTorch's answers; seed 0 has the picked cases before the random ones."""
    rng = np.random.default_rng(seed)
    answers = picked_cases() if seed == 0 else []
    answers += [random_case(rng) for _ in range(count)]
    for case in answers:
        case["text"] = printed(case)
    return answers


def name_or_error(function: Any, *args: Any) -> str:
    """Return the name of the dtype that a function returns, or that there is none."""
    try:
        return str(function(*args)).removeprefix("torch.")
    except RuntimeError:
        return "RuntimeError"


def operand(label: str) -> Any:
    """Return the tensor or number of a label such as ``tensor int8`` or ``number float``."""
    kind, name = label.split()
    if kind == "number":
        return NUMBERS[name]
    return torch.empty((2,) if kind == "tensor" else (), dtype=getattr(torch, name), device="meta")


def promotion_answers() -> dict[str, Any]:
    """Return PyTorch's promotion tables."""
    labels = [f"{kind} {name}" for kind in ("tensor", "zero") for name in DTYPES]
    labels += [f"number {name}" for name in NUMBERS]
    answers: dict[str, Any] = {"labels": labels, "dtypes": DTYPES}
    for default in ("float32", "float64"):
        torch.set_default_dtype(getattr(torch, default))
        answers[f"result_type {default}"] = [
            [name_or_error(torch.result_type, operand(a), operand(b)) for b in labels]
            for a in labels
        ]
    torch.set_default_dtype(torch.float32)
    objects = [getattr(torch, name) for name in DTYPES]
    answers["promote_types"] = [
        [name_or_error(torch.promote_types, a, b) for b in objects] for a in objects
    ]
    answers["can_cast"] = [[torch.can_cast(a, b) for b in objects] for a in objects]
    few = ("bool", "uint8", "int8", "int64", "float16", "float32", "float64", "complex64")
    some = [f"{kind} {name}" for kind in ("tensor", "zero") for name in few]
    answers["triples"] = [
        [*t, name_or_error(lambda *of: torch.addcmul(*of).dtype, *map(operand, t))]
        for t in itertools.combinations_with_replacement(some, 3)
    ]
    answers["limits"] = {
        name: repr((torch.finfo if name in REALS + COMPLEX else torch.iinfo)(getattr(torch, name)))
        for name in DTYPES
        if name != "bool"
    }
    return answers


def fuzz(count: int, seed: int) -> int:
    """Compare tapejit's printing with PyTorch's; return the number of differences."""
    root = Path(__file__).resolve().parent.parent
    sys.path[:0] = [str(root), str(root / "tests" / "torch")]
    from printing_cases import our_text

    wrong = 0
    for case in printing_answers(count, seed):
        ours = our_text(case)
        if ours != case["text"]:
            wrong += 1
            if wrong <= 5:
                print({k: v for k, v in case.items() if k != "text"}, case["text"], ours, sep="\n")
    return wrong


def write(name: str, rows: str) -> None:
    ANSWERS.mkdir(parents=True, exist_ok=True)
    (ANSWERS / f"{name}.json").write_text(rows + "\n", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fuzz", type=int, metavar="N", help="compare N random cases")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    if args.fuzz:
        wrong = fuzz(args.fuzz, args.seed)
        print(f"{wrong} differences")
        return int(wrong > 0)
    cases = [case for case in printing_answers(450, seed=0) if len(case["text"]) < LONGEST]
    write("printing", "[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]")
    tables = promotion_answers()
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in tables.items()]
    write("promotion_tables", "{\n" + ",\n".join(lines) + "\n}")
    print(f"{len(cases)} printed tensors, {len(tables['triples'])} triples")
    return 0


if __name__ == "__main__":
    sys.exit(main())
