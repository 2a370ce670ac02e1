"""``detect_anomaly``: find the operation whose gradient is NaN, with the line that recorded it."""

from __future__ import annotations

import warnings
from typing import Any

from ..record import LOCAL


class detect_anomaly:
    """While it lasts, backward passes raise at the first NaN gradient and name the forward line.

    Parameters
    ----------
    check_nan : bool
        Whether NaN gradients raise.
    """

    def __init__(self, check_nan: bool = True) -> None:
        self.check_nan = check_nan
        warnings.warn(
            "Anomaly Detection has been enabled. This mode will increase the runtime and should "
            "only be enabled for debugging.",
            UserWarning,
            stacklevel=2,
        )

    def __enter__(self) -> None:
        rec = LOCAL.rec
        rec.flush()
        self._before = rec.anomaly
        rec.set_modes(anomaly=self.check_nan)

    def __exit__(self, *error: Any) -> None:
        LOCAL.rec.set_modes(anomaly=self._before)


class set_detect_anomaly:
    """Switch anomaly detection on or off, at once and until the end of a ``with``."""

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        rec = LOCAL.rec
        rec.flush()
        self._before = rec.anomaly
        rec.set_modes(anomaly=mode and check_nan)

    def __enter__(self) -> None:
        return None

    def __exit__(self, *error: Any) -> None:
        LOCAL.rec.set_modes(anomaly=self._before)


def is_anomaly_enabled() -> bool:
    """Return whether anomaly detection is on in this thread."""
    return LOCAL.rec.anomaly
