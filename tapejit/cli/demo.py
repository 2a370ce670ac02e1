"""Train a classifier of handwritten digits from a plain NumPy loss, and time what tapejit adds."""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

from .layout import facts, seconds
from .problems import CommandError

SUMMARY = "train a classifier of handwritten digits"
ROUNDS = 200


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--steps", type=int, default=2000, metavar="N", help="default 2000")
    parser.add_argument("--seed", type=int, default=0, help="of the split, weights and batches")
    parser.add_argument(
        "--plot",
        default="loss_curve.png",
        metavar="FILE",
        help="where to draw the loss curve (default loss_curve.png, here)",
    )
    parser.add_argument("--show-tape", action="store_true", help="print the tape of a step")
    parser.add_argument("--show-source", action="store_true", help="print the generated source")


def run(options: argparse.Namespace) -> int:
    """Train, measure, report."""
    if options.steps < 1:
        raise CommandError(f"--steps must be 1 or more, not {options.steps}")
    if options.seed < 0:
        raise CommandError(f"--seed must be 0 or more, not {options.seed}")
    folder = os.path.dirname(os.path.abspath(options.plot))
    if not os.path.isdir(folder):
        raise CommandError(f"--plot {options.plot}: there is no directory {folder}")

    import tapejit as tj

    from . import digits

    data = digits.load(options.seed)
    params = digits.start(options.seed)
    print(
        f"Handwritten digits: {len(data.train_x)} images to learn from, {len(data.test_x)} held out"
    )
    print(
        f"Model: {digits.PIXELS} pixels -> {digits.HIDDEN} tanh -> {digits.CLASSES} scores; "
        f"softmax cross-entropy, weight decay\n"
        f"Training: Adam on batches of {digits.BATCH}, {options.steps} steps, "
        f"seed {options.seed}; the gradient is\n"
        f"    step = tapejit.value_and_grad(loss)\n"
    )
    step = tj.value_and_grad(digits.loss)
    history = train(step, params, data, options)
    found = digits.accuracy(params, data.test_x, data.test_y)
    right = round(found * len(data.test_y))
    print(f"\nHeld-out accuracy {found:.1%} ({right} of {len(data.test_y)})\n")

    example = next(digits.batches(data.train_x, data.train_y, options.seed))
    report(step, params, example, history)
    if options.show_tape:
        from ..runtime.stages import short_text

        print("\nThe tape of a step\n\n" + short_text(step.tape(params, *example)))
    if options.show_source:
        print("\nThe source of a step\n\n" + step.source(params, *example))
    print("\n" + plotted(options.plot, history, params, data, found))
    return 0


class History:
    """What the training run noted.

    Attributes
    ----------
    losses : list of float
        The loss of each batch.
    held_out : list of (int, float)
        Steps and the loss on the held-out images then.
    first_seconds : float
        What the first call took.
    compiled_at : int or None
        The step at which the kernel took over.
    """

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.held_out: list[tuple[int, float]] = []
        self.first_seconds = 0.0
        self.compiled_at: int | None = None


def train(step: Any, params: Any, data: Any, options: argparse.Namespace) -> History:
    """Run the training loop under a progress bar."""
    import numpy as np
    from tqdm import tqdm

    from . import digits

    history = History()
    adam = digits.Adam(params, options.steps)
    test_labels = np.eye(digits.CLASSES)[data.test_y]
    source = digits.batches(data.train_x, data.train_y, options.seed)
    every = max(1, options.steps // 40)
    with tqdm(total=options.steps, unit="step", ncols=80, desc="training", disable=None) as bar:
        for k in range(options.steps):
            x, labels = next(source)
            started = time.perf_counter()
            value, gradient = step(params, x, labels)
            if k == 0:
                history.first_seconds = time.perf_counter() - started
            if history.compiled_at is None and step.stats()["kernels"]:
                history.compiled_at = k + 1
            adam.step(params, gradient)
            history.losses.append(float(value))
            if (k + 1) % every == 0 or k + 1 == options.steps:
                held = float(digits.loss(params, data.test_x, test_labels))
                history.held_out.append((k + 1, held))
                bar.set_postfix_str(f"held-out loss {held:.3f}", refresh=False)
            bar.update()
    return history


def report(step: Any, params: Any, example: Any, history: History) -> None:
    """Print what a step costs by each way, measured in turn, and when the kernel has paid."""
    import tapejit as tj

    from . import digits

    step.compile(params, *example)
    stats = step.stats()
    interpreted = tj.value_and_grad(digits.loss, compile="never")
    took = medians(
        {
            "numpy": lambda: digits.loss(params, *example),
            "interpreted": lambda: interpreted(params, *example),
            "compiled": lambda: step(params, *example),
        }
    )
    print(f"A step's value and gradient (medians of {ROUNDS} calls each, in turn)")
    ratio = took["interpreted"] / took["compiled"]
    print(
        facts(
            [
                ("interpreted tape", seconds(took["interpreted"])),
                ("compiled", f"{seconds(took['compiled'])}, {ratio:.1f} times faster"),
                ("for comparison", f"{seconds(took['numpy'])} for the loss alone in plain NumPy"),
            ]
        )
    )
    spent = stats["compile_seconds"]
    at = history.compiled_at
    when = f"at step {at}" if at else "for these timings only"
    saved = took["interpreted"] - took["compiled"]
    paid = f"after {spent / saved:,.0f} steps" if saved > 0 else "never: it is not faster here"
    how = "loaded from disk in" if stats["cache_hits"] else "compiled in"
    print("\nFirst call and kernel")
    print(
        facts(
            [
                (
                    "first call",
                    f"{seconds(history.first_seconds)}: Python runs the loss on tracers",
                ),
                ("kernel", f"{how} {seconds(spent)}, {when}"),
                ("pays for itself", paid),
            ]
        )
    )
    if stats["cache_hits"]:
        print("  To see it compiled: tapejit cache clear, and run again.")


def medians(ways: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """Return the median duration of each way, called in turn so that noise meets them alike."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for k in range(ROUNDS + 5):
        for name, call in ways.items():
            started = time.perf_counter()
            call()
            if k >= 5:  # the first rounds capture, and warm the caches
                times[name].append(time.perf_counter() - started)
    return {name: statistics.median(found) for name, found in times.items()}


def plotted(path: str, history: History, params: Any, data: Any, found: float) -> str:
    """Draw the loss curve where matplotlib is installed; return the line that says so."""
    try:
        import matplotlib
    except ImportError:
        return "No picture: matplotlib is missing. pip install matplotlib, and run again"
    matplotlib.use("Agg")
    from .picture import draw

    try:
        draw(path, history.losses, history.held_out, params, data, found)
    except (OSError, ValueError) as error:
        raise CommandError(f"--plot {path}: {error}") from error
    return f"Loss curve: {path}"
