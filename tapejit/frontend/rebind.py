"""What a function reaches besides its arguments: globals, closures, attributes, other functions.

Before a capture, the function is copied onto globals and cells in which arrays are tracers (inputs
of the tape, read again at every call), and functions of the user are copied likewise; objects and
containers that hold arrays are copied too, so that code sees tracers in their place. Everything
else that the function may read (a number, a string, which function a name is bound to) becomes a
`Check`, tested at each call: when one fails the tape is not used. Writes to the copies are carried
back after the capture, and noted: a function that changes what it can reach cannot be replayed.
"""

from __future__ import annotations

import builtins
import functools
import sys
from collections.abc import Callable, Set
from types import CellType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from ..core.streams import is_generator
from . import staging
from .clones import Clones
from .effects import (
    BUILTINS,
    MODULES,
    RANDOM,
    UNSEEN,
    EffectModule,
    effect_of,
    random_function,
    recorded,
)
from .paths import (
    MISSING,
    PLAIN,
    Check,
    Path,
    dump,
    is_numeric,
    is_plain,
    same_entries,
    shallow,
)
from .reach import (
    Reach,
    inner_function,
    is_user_module,
    names_in,
    stored_names,
)
from .rewrite import rewritten
from .scan import Scan
from .tracer import Tracer
from .views import ModuleView

__all__ = ["Check", "Path", "Surroundings", "is_user_module", "names_in"]

_ARRAY_LIKE = (np.ufunc, np.dtype)


class Surroundings(Scan):
    """All that a function reaches, found by looking from its code.

    Attributes
    ----------
    arrays : dict
        Path of each array found, by identity.
    checks : list of Check
        What must not change for a capture to stay valid.
    opaque : list of array
        Arrays that code sees as they are: their contents must not change either.
    doubts : list of str
        Why the function cannot be replayed, as far as can be told before it runs.
    changed : list of str
        What the function changed while it ran.
    """

    def __init__(
        self,
        make_tracer: Callable[[Any, Path], Any] | None,
        reach: Reach | None = None,
        moving: Set[Path] = frozenset(),
    ) -> None:
        self.arrays: dict[int, Path] = {}
        super().__init__(reach)
        self.opaque: list[Any] = []
        self.changed: list[str] = []
        self.numbers: dict[Path, Any] = {}
        self._make = make_tracer
        self._moving = moving
        self._functions: dict[int, Any] = {}
        self._spaces: dict[int, dict[str, Any]] = {}
        self._cells: dict[int, CellType] = {}
        self._filled: set[tuple[Any, ...]] = set()
        self._restore: list[Callable[[], str | None]] = []
        self.clones = Clones(self)

    # ------------------------------------------------------------ copies of functions

    def rebind(self, fn: Any) -> Any:
        """Return a copy of a callable that sees tracers where it saw arrays."""
        if self._reach is None:
            self._reach = Reach(fn)
        if isinstance(fn, FunctionType):
            return self._function(fn)
        if isinstance(fn, MethodType):
            owner = self.value(Path("is", fn.__self__, None, "self"), fn.__self__)
            return MethodType(self.rebind(fn.__func__), owner)
        if isinstance(fn, functools.partial):
            args = [
                self.value(Path("item", fn.args, k, f"argument {k} of partial"), v)
                for k, v in enumerate(fn.args)
            ]
            named = {
                name: self.value(Path("item", fn.keywords, name, f"{name} of partial"), v)
                for name, v in fn.keywords.items()
            }
            return functools.partial(self.rebind(fn.func), *args, **named)
        if hasattr(type(fn), "__tapejit_rebind__"):
            return fn.__tapejit_rebind__(self.rebind)
        if isinstance(fn, type):
            self.members(fn)
            return fn
        inner = inner_function(fn)
        if inner is not None and not is_user_module(type(fn).__module__):
            self.scan(inner)
            return fn
        if callable(fn) and is_user_module(type(fn).__module__):
            made = self.value(Path("is", fn, None, type(fn).__name__), fn)
            call = type(fn).__call__
            return MethodType(self.rebind(call), made) if isinstance(call, FunctionType) else made
        return fn

    def met(self, fn: Any) -> Any:
        """Return the copy of a function that is called while a capture runs."""
        if isinstance(fn, MethodType):
            return MethodType(self.met(fn.__func__), fn.__self__)
        if isinstance(fn, functools.partial):
            return functools.partial(self.met(fn.func), *fn.args, **fn.keywords)
        return self._function(fn) if isinstance(fn, FunctionType) else fn

    def _function(self, fn: FunctionType) -> Any:
        found = self._functions.get(id(fn))
        if found is not None:
            return found
        if "__tapejit__" in fn.__globals__:
            return fn  # made by a copy: it is rewritten already
        if not is_user_module(fn.__module__) or getattr(fn, "__tapejit_plain__", False):
            return fn
        space = self._space(fn.__globals__)
        closure = dict(zip(fn.__code__.co_freevars, fn.__closure__ or ()))
        seen = {name: self._cell(cell, name) for name, cell in closure.items()}
        body = rewritten(fn) or fn.__code__
        cells = tuple(seen[name] for name in body.co_freevars)
        copy = FunctionType(body, space, fn.__name__, fn.__defaults__, cells or None)
        copy.__kwdefaults__ = fn.__kwdefaults__
        copy.__qualname__, copy.__module__ = fn.__qualname__, fn.__module__
        self._functions[id(fn)] = copy
        self._seen[id(fn)] = fn
        code = Path("attr", fn, "__code__", f"the code of {fn.__name__}")
        self.checks.append(Check(code, fn.__code__, False))
        self._functions[id(copy)] = copy
        for name in dict.fromkeys(names_in(fn.__code__)):
            if (id(space), name) in self._filled:
                continue
            self._filled.add((id(space), name))
            if name in fn.__globals__:
                path = Path("item", fn.__globals__, name, f"global {name}")
                space[name] = self.value(path, fn.__globals__[name])
            elif name in UNSEEN:
                self.doubts.append(f"it uses {name}(), which can read anything")
        for name in stored_names(fn.__code__):
            if (id(space), name, "back") not in self._filled:
                self._filled.add((id(space), name, "back"))
                put = space.get(name, MISSING)
                self.after(functools.partial(self._global_back, fn, space, name, put))
        self._attributes(fn, copy)
        self._defaults(fn, copy)
        return copy

    def _space(self, names: dict[str, Any]) -> dict[str, Any]:
        """Return the globals of copied functions: one for each module, so that they share it."""
        found = self._spaces.get(id(names))
        if found is None:
            found = self._spaces[id(names)] = dict(names)
            given = names.get("__builtins__", builtins)
            table = dict(given if isinstance(given, dict) else vars(given))
            for name in BUILTINS:
                table[name] = recorded(table[name], f"it calls {name}()")
            table["isinstance"] = traced_isinstance
            table["__import__"] = self._import
            found["__builtins__"] = table
            found["__tapejit__"] = staging
        return found

    def _import(self, *args: Any, **kwargs: Any) -> Any:
        module = builtins.__import__(*args, **kwargs)
        return self._module(Path("is", module, None, module.__name__), module)

    def _cell(self, old: CellType, name: str) -> CellType:
        """Return the cell that stands for a closure variable, shared by all who share it."""
        new = self._cells.get(id(old))
        if new is None:
            new = self._cells[id(old)] = CellType()
            self._seen[id(old)] = old
            path = Path("cell", old, None, f"closure variable {name}")
            value = path.get()
            if name == "__class__" and isinstance(value, type):
                new.cell_contents = value
            elif value is not MISSING:
                made = self.value(path, value)
                new.cell_contents = made
                self.after(functools.partial(self._cell_back, old, new, made, name))
            else:
                self.after(functools.partial(self._cell_back, old, new, MISSING, name))
        return new

    def _attributes(self, fn: FunctionType, copy: FunctionType) -> None:
        """Copy the attributes of a function, such as ``f.calls``, and carry changes back."""
        if not fn.__dict__:
            return
        put = {}
        for name, v in fn.__dict__.items():
            wanted = self.wants(name) and not name.startswith("__")
            path = Path("item", fn.__dict__, name, f"{fn.__name__}.{name}")
            put[name] = self.value(path, v) if wanted else v
        copy.__dict__.update(put)

        def back() -> str | None:
            if same_entries(put, copy.__dict__):
                return None
            for name, v in copy.__dict__.items():
                if name not in put or v is not put[name]:
                    fn.__dict__[name] = self.clones.original(v)
            return f"an attribute of {fn.__name__}"

        self.after(back)

    def _defaults(self, fn: FunctionType, copy: FunctionType) -> None:
        if fn.__defaults__:
            self.checks.append(
                Check(
                    Path("attr", fn, "__defaults__", f"defaults of {fn.__name__}"),
                    fn.__defaults__,
                    False,
                )
            )
            copy.__defaults__ = tuple(
                self.value(Path("item", fn.__defaults__, k, f"default {k} of {fn.__name__}"), v)
                for k, v in enumerate(fn.__defaults__)
            )
        if fn.__kwdefaults__:
            copy.__kwdefaults__ = {
                k: self.value(Path("item", fn.__kwdefaults__, k, f"default of {k}"), v)
                for k, v in fn.__kwdefaults__.items()
            }

    # ------------------------------------------------------------ after the capture

    def sees_raw_code(self) -> bool:
        """Whether code runs that has not been copied, and may draw random numbers unnoticed."""
        names = set() if self._reach is None else self._reach.names
        return bool(self._scanned) or not names.isdisjoint(("rvs", "stats", "random_state"))

    def restore(self) -> None:
        """Write back what the function assigned outside, and note it in `changed`."""
        for step in self._restore:
            label = step()
            if label is not None:
                self.changed.append(label)
        for check in self.checks:
            if not check.holds():
                self.changed.append(check.path.label)
                break

    def _global_back(
        self, fn: FunctionType, space: dict[str, Any], name: str, put: Any
    ) -> str | None:
        now = space.get(name, MISSING)
        if now is put:
            return None
        if now is MISSING:
            fn.__globals__.pop(name, None)
        else:
            fn.__globals__[name] = self.clones.original(now)
        return f"global {name}"

    def _cell_back(self, old: CellType, new: CellType, put: Any, name: str) -> str | None:
        try:
            now = new.cell_contents
        except ValueError:
            now = MISSING
        if now is put:
            return None
        if now is MISSING:
            del old.cell_contents
        else:
            old.cell_contents = self.clones.original(now)
        return f"closure variable {name}"

    def watch(self, label: str, holder: Any) -> None:
        """Have a change of a container or ``__dict__`` noted after the capture."""
        before = shallow(holder)

        def look() -> str | None:
            if same_entries(before, shallow(holder)):
                return None
            self.clones.release(holder)
            return label

        self._restore.append(look)

    def after(self, step: Callable[[], str | None]) -> None:
        """Have `step` run after the capture; it returns the label of what was changed."""
        self._restore.append(step)

    # ------------------------------------------------------------ values

    def value(self, path: Path, value: Any, replace: bool = True) -> Any:
        """Note a value that the function may read, and return what its copy shall see.

        Without `replace`, code will see the value itself whatever is returned.
        """
        if isinstance(value, np.ndarray):
            return self._array(path, value, replace)
        if isinstance(value, (*PLAIN, np.generic)):
            if type(value) in (int, float):
                self.numbers[path] = value
                if replace and self._make is not None and path in self._moving:
                    return self.clones.stands_for(self._make(value, path), value)
            self.checks.append(Check(path, value, True))
            return value
        if isinstance(value, ModuleType):
            return self._module(path, value)
        proxy = _replacement(value)
        if proxy is not None or isinstance(value, _ARRAY_LIKE):
            self.checks.append(Check(path, value, False))
            return value if proxy is None else proxy
        if replace and self._make is not None:
            if is_generator(value):
                return self.clones.stands_for(self._make(value, path), value)
            drawn = self._drawing(path, value)
            if drawn is not None:
                return drawn
        effect = effect_of(value)
        if effect is not None:
            self.checks.append(Check(path, value, False))
            if replace and callable(value):
                return recorded(value, effect)
            self.doubts.append(f"{effect} ({path.label})")
            return value
        if is_plain(value) and not self._moving_inside(path, value):
            self.checks.append(Check(path, dump(value), True, dumped=True))
            if isinstance(value, (list, dict)):
                self.watch(path.label, value)
            return value
        if path.kind != "is":
            self.checks.append(Check(path, value, False))
        if replace and self.clones.wanted(value):
            return self.clones.make(path.label, value)
        if isinstance(value, functools._lru_cache_wrapper) and replace:
            return self._cached(path, value)
        if isinstance(value, (FunctionType, functools.partial, MethodType)) or hasattr(
            type(value), "__tapejit_rebind__"
        ):
            if replace:
                return self.rebind(value)
            self.scan(value)
            return value
        self.scan(value, path.label)
        return value

    def _cached(self, path: Path, fn: Any) -> Any:
        """Return a cached function whose results are traced, being arrays that outlive the call."""
        self.scan(fn.__wrapped__)
        inner = self.rebind(fn.__wrapped__)

        def note(found: Any) -> Any:
            if is_numeric(found) and self._make is not None:
                place = Path("is", found, None, f"a cached result of {fn.__name__}")
                return self.clones.stands_for(self._make(found, place), found)
            if type(found) in (tuple, list):
                return type(found)(note(v) for v in found)
            return found

        @functools.wraps(fn, updated=())
        def call(*args: Any, **kwargs: Any) -> Any:
            if any(isinstance(a, Tracer) for a in (*args, *kwargs.values())):
                return inner(*args, **kwargs)
            return note(fn(*args, **kwargs))

        call.__tapejit_plain__ = True  # type: ignore[attr-defined]  # named like the user's own
        return call

    def _drawing(self, path: Path, value: Any) -> Any:
        """Return what stands for a method of a generator, or a function of ``numpy.random``."""
        found = random_function(value)
        owner = getattr(value, "__self__", None)
        if found is None and is_generator(owner) and callable(value):
            place = Path("is", owner, None, f"the generator of {path.label}")
            found = getattr(self.value(place, owner), value.__name__)
        if found is not None:
            self.checks.append(Check(path, value, False))
        return found

    def _array(self, path: Path, value: Any, replace: bool) -> Any:
        self.arrays.setdefault(id(value), path)
        if value.dtype.hasobject:
            self.doubts.append(f"it can read {path.label}, an array of objects")
            return value
        if replace and self._make is not None and is_numeric(value):
            return self.clones.stands_for(self._make(value, path), value)
        self.checks.append(Check(path, value, False))
        self.opaque.append(value)
        return value

    def _module(self, path: Path, value: ModuleType) -> Any:
        if value is np:
            from .. import numpy as traced_numpy

            return traced_numpy
        self.checks.append(Check(path, value, False))
        if value is sys.modules.get("numpy.random"):
            return RANDOM
        if value.__name__.partition(".")[0] == "scipy":
            from ..scipy import replacement

            return replacement(value) or value
        if value.__name__ in MODULES:
            return EffectModule(value, MODULES[value.__name__])
        return ModuleView(self, value) if is_user_module(value.__name__) else value

    def _moving_inside(self, path: Path, value: Any) -> bool:
        """Note the numbers of a plain container; whether one has been seen to change."""
        if not isinstance(value, (list, dict)) or len(value) > 64:
            return False
        found = False
        for key, v in value.items() if isinstance(value, dict) else enumerate(value):
            if type(v) in (int, float):
                place = Path("item", value, key, f"{path.label}[{key!r}]")
                self.numbers[place] = v
                found = found or place in self._moving
        return found

    def moves(self, value: Any, path: Path | None) -> bool:
        """Whether a number has been seen to change from call to call, so that it is an input."""
        return path is not None and type(value) in (int, float) and path in self._moving


def _replacement(value: Any) -> Any:
    from .. import numpy as traced_numpy
    from ..scipy import replacement

    if not callable(value):
        return None
    if type(value) is traced_numpy.DISPATCHED and value not in traced_numpy.REPLACED:
        return traced_numpy.over_lists(value)
    try:
        found = traced_numpy.REPLACED.get(value)
    except TypeError:  # not hashable
        return None
    return replacement(value) if found is None and callable(value) else found


def traced_isinstance(value: Any, kinds: Any) -> bool:
    """Answer ``isinstance`` for a traced value as for the array or number that it stands for."""
    if type(value) is not Tracer or isinstance(value, kinds):
        return isinstance(value, kinds)
    if value.aval.weak:
        return isinstance(value.aval.weak_type(0), kinds)
    if value.ndim:
        return isinstance(_ARRAY, kinds)
    return isinstance(value.dtype.type(0), kinds)


_ARRAY = np.empty(0)
