"""Every test run keeps its compiled kernels in a directory of its own."""

from __future__ import annotations

import os
import tempfile

_folder = tempfile.TemporaryDirectory(prefix="tapejit-tests-")
os.environ["TAPEJIT_CACHE_DIR"] = os.path.join(_folder.name, "cache")
os.environ.setdefault("TAPEJIT_CHECKED", "1")
# Two test workers share two cores: BLAS threads would only get in each other's way.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
