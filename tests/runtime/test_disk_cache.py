"""Kernels on disk: found by the next process, rebuilt when damaged, refused from others."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

SCRIPT = textwrap.dedent("""
    import json, os, sys, warnings
    import numpy as np
    import tapejit as tj
    from tapejit.runtime import cache

    def loss(x, w):
        return np.sum(np.tanh(x * w) ** 2)

    policy, calls = sys.argv[1], int(sys.argv[2])
    f = tj.value_and_grad(loss, compile=policy)
    x, w = np.linspace(-1, 1, 5), np.linspace(1, 2, 5)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(calls):
            v, g = f(x, w)
    h = np.tanh(x * w)
    assert np.allclose(v, np.sum(h**2)) and np.allclose(g, 2 * h * (1 - h**2) * w)
    stats = f.stats()
    print(json.dumps({
        "stats": {k: stats[k] for k in ("cache_hits", "kernels", "interpreted", "captures")},
        "warnings": [f"{c.category.__name__}: {c.message}" for c in caught],
        "numba": "numba" in sys.modules,
        "seconds": stats["compile_seconds"],
    }))
""")


def start(folder: Path, policy: str = "always", calls: int = 2, **env: str) -> Any:
    script = folder.parent / "script.py"
    script.write_text(SCRIPT)
    root = Path(__file__).parents[2]
    given = {**os.environ, "TAPEJIT_CACHE_DIR": str(folder), "PYTHONPATH": str(root), **env}
    args = [sys.executable, str(script), policy, str(calls)]
    return subprocess.Popen(args, env=given, stdout=subprocess.PIPE, text=True)


def finish(process: Any) -> Any:
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    return json.loads(out.splitlines()[-1])


def run(folder: Path, *args: Any, **env: str) -> Any:
    return finish(start(folder, *args, **env))


@pytest.fixture(scope="module")
def cached(tmp_path_factory: Any) -> Path:
    folder: Path = tmp_path_factory.mktemp("disk") / "cache"
    first = run(folder)
    assert first["stats"] == {"cache_hits": 0, "kernels": 1, "interpreted": 0, "captures": 2}
    assert first["warnings"] == []
    return folder


def files(folder: Path, suffix: str) -> list[Path]:
    return sorted(p for p in (folder / "kernels").rglob("*") if p.name.endswith(suffix))


def test_second_process_loads(cached: Path) -> None:
    second = run(cached)
    assert second["stats"]["cache_hits"] == 1 and second["warnings"] == []
    assert not second["numba"], "machine code from disk needs no compiler"
    assert len(files(cached, ".bin")) == 1


def test_auto_uses_the_disk_at_once(cached: Path, tmp_path: Path) -> None:
    found = run(cached, "auto", 3)
    assert found["stats"] == {"cache_hits": 1, "kernels": 1, "interpreted": 0, "captures": 2}
    empty = run(tmp_path / "cache", "auto", 3)
    assert empty["stats"] == {"cache_hits": 0, "kernels": 0, "interpreted": 1, "captures": 2}
    assert not empty["numba"], "a function that never gets hot imports no compiler"


@pytest.mark.parametrize(
    ("suffix", "how"),
    [(".bin", "truncated"), (".bin", "garbage"), (".bin", "altered"), (".bin", "emptied")],
)
def test_damaged_entries_are_rebuilt(cached: Path, suffix: str, how: str) -> None:
    (victim,) = files(cached, suffix)
    data = victim.read_bytes()
    changed = data[:-9] + bytes([data[-9] ^ 1]) + data[-8:]
    bad = {"truncated": data[: len(data) // 2], "garbage": b"\xff\x00" * 50, "altered": changed}
    victim.write_bytes(bad.get(how, b""))
    found = run(cached)
    (warning,) = found["warnings"]
    assert warning.startswith("CacheWarning") and "rebuilt" in warning
    again = run(cached)
    assert again["warnings"] == [] and again["stats"]["cache_hits"] == 1


def test_directories_of_others_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    folder.mkdir(mode=0o700)
    folder.chmod(0o770)
    found = run(folder)
    (warning,) = found["warnings"]
    assert "CacheWarning: kernels are not kept" in warning and "chmod go-w" in warning
    assert found["stats"]["kernels"] == 1 and files(folder, ".bin") == []


def test_cache_can_be_switched_off(tmp_path: Path) -> None:
    found = run(tmp_path / "cache", TAPEJIT_CACHE="0")
    assert found["stats"]["kernels"] == 1 and found["warnings"] == []
    assert not (tmp_path / "cache").exists()


def test_processes_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    old = os.umask(0o002)
    try:
        both = [start(folder), start(folder)]
    finally:
        os.umask(old)
    found = [finish(p) for p in both]
    assert [f["warnings"] for f in found] == [[], []]
    assert sum(f["stats"]["cache_hits"] for f in found) == 1, "one waits for the other and loads"
    assert files(folder, ".tmp") == []


def test_the_key_covers_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    from tapejit.runtime import cache

    old = cache.key_of("source", "signature", "flags"), cache._program_file("hash", "title")
    for part in (
        ("source2", "signature", "flags"),
        ("source", "f8", "flags"),
        ("source", "signature", ""),
    ):
        assert cache.key_of(*part) != old[0]
    monkeypatch.setattr(cache, "_environment", lambda: "another processor")
    monkeypatch.setattr(cache, "_versions", lambda: "another numba")
    assert cache.key_of("source", "signature", "flags") != old[0]
    assert cache._program_file("hash", "title") != old[1]
