"""Which names of PyTorch exist in tapejit.torch: write docs/torch-names.md, or check it.

The names of real PyTorch are stored in tests/eager/answers/names.json. Modules, private names and
what a namespace merely imports (``typing.Any``) are left out.

    python tools/torch_names.py             # write the page
    python tools/torch_names.py --check     # exit status 1 when the page is out of date
    python tools/torch_names.py --collect   # store the names anew; needs an interpreter with PyTorch
"""

from __future__ import annotations

import importlib
import json
import re
import sys
import textwrap
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "torch-names.md"
STORED = ROOT / "tests" / "torch" / "answers" / "names.json"
NAMESPACES = (
    "torch", "torch.Tensor", "torch.nn.functional", "torch.nn", "torch.nn.init", "torch.nn.utils",
    "torch.optim", "torch.optim.lr_scheduler", "torch.linalg", "torch.fft", "torch.special",
    "torch.autograd", "torch.autograd.functional", "torch.func", "torch.utils.data",
)  # fmt: skip

# Names of `torch` and `torch.Tensor` that are not there, in groups with a reason each: a list of all
# of them would hide what a reader looks for. A name that tapejit has is never counted here.
OUTSIDE = (
    ("other devices and their libraries",
     r"(cudnn|miopen|mkldnn|profiler)_.*|is_(cuda|mps|xpu|ipu|hpu|vulkan|mtia|xla|maia|meta|mkldnn)|"
     r"cuda|ipu|xpu|hpu|mtia|to_mkldnn|is_vulkan_available|AcceleratorError|Event|Stream|StreamObjType|"
     r"DeviceObjType|OutOfMemoryError|get_device_module|pin_memory|is_pinned|record_stream|is_shared|"
     r"share_memory_|module_load|has_(mkl|openmp|spectral|lapack)|set_flush_denormal|is_distributed|"
     r"(get|set)_default_device|compiled_with_cxx11_abi|batch_norm_(stats|elemt|gather|update|backw).*"),
    ("quantised numbers and dtypes of few bits",
     r".*quantiz.*|is_quantized|quantized_.*|q(int|uint|scheme|_).*|fbgemm_.*|fused_moving.*|int_repr|"
     r"choose_qparams.*|per_(channel|tensor)_.*|u?int[1-7]|bits.*|bit|float[48]_.*|b?float16_storage|"
     r"bfloat16|BFloat16.*|complex32|chalf|Q(U)?Int.*|AVG|SUM|AggregationType"),
    ("sparse and nested tensors",
     r".*sparse.*|(crow|ccol|col|row)_indices(_copy)?|(indices|values)(_copy)?|coalesce|"
     r"is_coalesced|smm|spmm|dsmm|hsmm|hspmm|saddmm|sspaddmm|to_dense|to_padded_tensor|dense_dim|"
     r"jagged|is_nested"),
    ("mixed precision", r".*autocast.*|GradScaler|(get|set)_float32_matmul_precision"),
    ("TorchScript, tracing, storages and symbolic sizes",
     r"(?!(Bool|Byte|Char|Double|Float|Half|Int|Long|Short)Tensor$|Generator$|Size$|Tensor$)[A-Z]\w*|"
     r"sym_.*|parse_.*|import_ir_.*|merge_type.*|unify_type.*|get_file_path|fork|wait|init_num_threads|"
     r"cond|while_loop|compile|classproperty|prepare_multi.*|default_generator|thread_safe_.*|"
     r"slice_inverse|typename|(un)?typed_storage|storage|storage_type|as_subclass|reinforce"),
    ("copies of views, and parts of other functions",
     r"(alias|as_strided|detach|diagonal|expand|narrow|permute|select|slice|split|split_with_sizes|"
     r"squeeze|t|transpose|unbind|unfold|unsqueeze|view|view_as_complex|view_as_real)_copy|unsafe_.*|"
     r"native_.*|conv_tbc|convolution|segment_reduce|hash_tensor|norm_except_dim|"
     r"max_pool1d_with_indices|embedding_renorm_|affine_grid_generator|grid_sampler.*|is_storage|"
     r"(gru|lstm|rnn_relu|rnn_tanh)(_cell)?"),
    ("gone from PyTorch itself, or kept there for old programs only",
     r"symeig|eig|lstsq|matrix_rank|solve|set_default_tensor_type|range|nuclear_norm|"
     r"frobenius_norm|legacy_contiguous_format|channels_last_3d"),
)  # fmt: skip
GROUPED = ("torch", "torch.Tensor")
WRITTEN_IN_C = ("torch._C._nn", "torch._C._linalg", "torch._C._fft", "torch._C._special")


def collect(root: str, meant: bool = True) -> dict[str, list[str]]:
    """Return the names of every namespace of a package shaped as ``torch``.

    With `meant`, names of modules that are not for users are left out.
    """
    own = root.partition(".")[0] if meant else None
    return {n: sorted(_names(_find(root, n), own)) for n in NAMESPACES}


def _find(root: str, namespace: str) -> Any:
    """Return a namespace, importing its modules; None when there is none."""
    place: Any = importlib.import_module(root)
    name = root
    for part in namespace.split(".")[1:]:
        name += f".{part}"
        found = getattr(place, part, None)
        if found is None:
            try:
                found = importlib.import_module(name)
            except ModuleNotFoundError:
                return None
        place = found
    return place


def _names(place: Any, own: str | None) -> set[str]:
    """Return the names of a namespace; of a module, those that its package means for users."""
    kept = set()
    for name in dir(place):
        if name.startswith("_") or name == "TYPE_CHECKING":
            continue
        value = getattr(place, name, None)  # a property that only instances have is None
        if isinstance(value, ModuleType) or type(value).__module__ in ("typing", "__future__"):
            continue
        if own and isinstance(place, ModuleType) and not _meant(place, name, value, own):
            continue
        kept.add(name)
    return kept


def _meant(place: ModuleType, name: str, value: Any, own: str) -> bool:
    """Whether a name of a module is for users: no import, and below the top no note or helper."""
    home = getattr(value, "__module__", None)  # functions written in C have none
    if isinstance(home, str) and home.partition(".")[0] != own:
        return False
    if place.__name__ == own or own != "torch":
        return True
    inner = isinstance(home, str) and home.startswith(("torch._", "torch.overrides"))
    if isinstance(value, type) and issubclass(value, Exception):
        return True
    if name == "Tensor" or (inner and home not in WRITTEN_IN_C):
        return False
    return callable(value) and (isinstance(value, type) or bool(value.__doc__))


def reason(namespace: str, name: str) -> str | None:
    """Return the group of a name that is left out on purpose."""
    if namespace not in GROUPED:
        return None
    for title, pattern in OUTSIDE:
        if re.fullmatch(pattern, name):
            return title
    return None


def page() -> str:
    """Return the text of the page."""
    stored = json.loads(STORED.read_text(encoding="utf-8"))
    theirs: dict[str, list[str]] = stored["names"]
    ours, named = collect("tapejit.torch", meant=False), collect("tapejit.torch")
    rows, sections = [], []
    for namespace in NAMESPACES:
        have = set(ours[namespace])
        there = [n for n in theirs[namespace] if n in have]
        absent = [n for n in theirs[namespace] if n not in have]
        groups: dict[str, list[str]] = {}
        for name in absent:
            groups.setdefault(reason(namespace, name) or "", []).append(name)
        missing = groups.pop("", [])
        outside = sum(map(len, groups.values()))
        only = (
            sorted(set(named[namespace]) - set(theirs[namespace])) if namespace in GROUPED else []
        )
        anchor = namespace.replace(".", "").lower()
        rows.append(f"| [`{namespace}`](#{anchor}) | {len(there)} | {len(missing)} | {outside} |")
        parts = [f"## {namespace}", _listed("There", there), _listed("Not there", missing)]
        parts += [
            f"Left out, {title}: {len(groups[title])}." for title, _ in OUTSIDE if title in groups
        ]
        parts.append(_listed("Only in tapejit", only))
        sections.append("\n\n".join(p for p in parts if p))
    head = f"""# Names of PyTorch in tapejit.torch

Written by `tools/torch_names.py` from the two packages; PyTorch is version {stored["version"]}. A name that
is there takes PyTorch's arguments and means the same; an argument that it does not support raises.
A name that is not there raises `AttributeError`. What differs otherwise is told in
[coming from PyTorch](coming-from-pytorch.md).

*Left out* are names that belong to devices, number formats and tools that tapejit has nothing to do
with; each section says how many of which kind. *Only in tapejit* are switches that PyTorch does not
need.

| namespace | there | not there | left out |
|---|---|---|---|
"""
    return head + "\n".join(rows) + "\n\n" + "\n\n".join(sections) + "\n"


def _listed(title: str, names: list[str]) -> str:
    if not names:
        return ""
    text = ", ".join(f"`{n}`" for n in names)
    return "\n".join(textwrap.wrap(f"{title} ({len(names)}): {text}", 110, break_on_hyphens=False))


def main(argv: list[str]) -> int:
    """Write, check or collect."""
    if "--collect" in argv:
        import torch

        version = torch.__version__.partition("+")[0]
        stored = {"version": version, "names": collect("torch")}
        STORED.write_text(json.dumps(stored, indent=0) + "\n", encoding="utf-8")
        return 0
    made = page()
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == made:
        return 0
    if "--check" in argv:
        print(f"{PAGE.name} is out of date: run python tools/torch_names.py")
        return 1
    PAGE.write_text(made, encoding="utf-8")
    print(f"{PAGE.name} written")
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main(sys.argv[1:]))
