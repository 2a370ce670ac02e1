"""The picture of the demonstration: the loss curve and some held-out digits with what was read."""

from __future__ import annotations

from typing import Any

import numpy as np

TRAINED, HELD, WRONG = "#0072B2", "#D55E00", "#D55E00"
ROWS, COLUMNS = 5, 6


def draw(
    path: str,
    losses: list[float],
    held_out: list[tuple[int, float]],
    params: Any,
    data: Any,
    accuracy: float,
) -> None:
    """Write the picture to `path`, in the format that its ending names."""
    from matplotlib import pyplot as plt

    from .digits import scores

    figure: Any = plt.figure(figsize=(10, 4.2), dpi=130)
    left, right = figure.subfigures(1, 2, width_ratios=(1.5, 1))
    axes = left.subplots()
    steps = np.arange(1, len(losses) + 1)
    axes.plot(steps, losses, color=TRAINED, alpha=0.25, linewidth=0.8)
    axes.plot(steps, smooth(losses), color=TRAINED, linewidth=1.8, label="training, running mean")
    axes.plot(*zip(*held_out), color=HELD, linewidth=1.8, label="held out")
    axes.set_yscale("log")
    axes.set_xlabel("step")
    axes.set_ylabel("cross-entropy + weight decay")
    axes.set_title(f"Loss; held-out accuracy {accuracy:.1%}", loc="left", fontsize=11)
    axes.grid(which="both", color="0.92")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    left.subplots_adjust(left=0.13, right=0.97, bottom=0.13, top=0.9)

    read = np.argmax(scores(params, data.test_x), axis=1)
    wrong = np.flatnonzero(read != data.test_y)[: ROWS * COLUMNS // 3]
    rest = np.flatnonzero(read == data.test_y)[: ROWS * COLUMNS - len(wrong)]
    right.suptitle(
        "Held-out digits and what is read in them", x=0.03, ha="left", fontsize=11, y=0.955
    )
    shown = np.concatenate([rest, wrong])
    for place, k in zip(right.subplots(ROWS, COLUMNS).flat, shown):
        place.imshow(data.test_x[k].reshape(8, 8), cmap="gray_r", interpolation="nearest")
        good = read[k] == data.test_y[k]
        text = f"{read[k]}" if good else f"{read[k]}, is {data.test_y[k]}"
        place.set_title(text, fontsize=9, pad=2, color="0.2" if good else WRONG)
        place.set_axis_off()
    right.subplots_adjust(left=0.03, right=0.97, bottom=0.03, top=0.86, hspace=0.45, wspace=0.15)
    figure.savefig(path)
    plt.close(figure)


def smooth(values: list[float]) -> Any:
    """Return the running mean over the last 50 values, fewer near the start."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    last = np.arange(1, len(values) + 1)
    first = last - np.clip(last // 3, 1, 50)
    return (total[last] - total[first]) / (last - first)
