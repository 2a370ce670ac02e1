"""The tensor: a name for a value that may not have been computed yet.

A tensor names a slot of its thread's trace, or holds an array. Writing in place gives it another
slot; its views are invalidated and recorded again from the new value when they are next used, and a
write to a view rewrites its base. Rows therefore never see a value change.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from sys import getrefcount
from typing import TYPE_CHECKING, Any

import numpy as np

from .codes import CODES, GRAD, INFERENCE, LEAF, PLAIN
from .record import LOCAL, Recorder
from .spec import Spec, spec_of


class More:
    """What only some tensors have: a base, views, memory that others see, hooks.

    Attributes
    ----------
    base, root : Tensor or None
        The tensor this one is a view of, and the end of that chain.
    code : int
        The code of the view row.
    detached : bool
        Whether no gradient flows back to the base.
    hushed : bool
        Whether the view was made while gradients were off: it claims its base's flag.
    silent : bool
        Whether writes are hidden from the version counter (``.data``).
    seen : int
        The root's version when the view was recorded.
    exposed : bool
        Whether code outside may hold the memory: what is read is copied, what is written is
        written there.
    copied : tuple
        Of exposed memory: the trace and slot of the last copy, and the copy.
    held : tuple
        Of a view of plain data: the root's version, and the elements as one block of memory.
    parts : tuple
        Of plain data: its array, and by the codes of views the blocks within it.
    hooks, after : dict or None
        Hooks on the gradient, and hooks after its accumulation.
    retains : bool
        Whether the gradient of an inner result is kept.
    """

    # Defaults of the class: a view sets five of these, and one is made for every view.
    base: Tensor | None = None
    root: Any = None
    code = -1
    detached = silent = exposed = retains = hushed = False
    seen = 0
    copied: tuple[int, int, Any] = (0, 0, None)
    held: tuple[int, Any] = (-1, None)
    parts: tuple[Any, dict[int, Any]] = (None, {})
    views: Sequence[weakref.ref[Tensor]] = ()
    hooks: dict[int, Any] | None = None
    after: dict[int, Any] | None = None

    def adopt(self, view: Tensor) -> None:
        """Remember a view, so that it hears of writes."""
        views = self.views
        if not isinstance(views, list):
            self.views = [weakref.ref(view)]
            return
        if len(views) > 8 and len(views) & (len(views) - 1) == 0:
            views[:] = [v for v in views if v() is not None]
        views.append(weakref.ref(view))

    def idle(self) -> bool:
        """Whether nothing would be lost without this: views are gone, nothing else is said.

        A loop that looks at its parameters by ``w.detach()`` would record the long way ever after.
        """
        if self.base is not None or self.exposed or self.retains or self.parts[0] is not None:
            return False
        if self.hooks or self.after:
            return False
        return all([view() is None for view in self.views])

    def forget(self) -> None:
        """Let views gather their elements anew."""
        for ref in self.views:
            view = ref()
            if view is not None and view._more is not None:
                view._more.held = (-1, None)
                view._more.forget()

    def snapshot(self, t: Tensor) -> Any:
        """Return the contents of memory that code outside may write to."""
        array = t._array
        assert array is not None
        if isinstance(array, np.ndarray):
            if array.base is None and getrefcount(array) <= _ALONE:
                self.exposed = False
                return np.ascontiguousarray(array) if array.ndim else array[()]
            return np.array(array, order="C") if array.ndim else array[()]
        return array


def _alone() -> int:
    """Return what ``getrefcount`` says, in `snapshot`, of an array that only its tensor holds."""

    class Holder:
        def __init__(self) -> None:
            self.array: Any = np.zeros(1)

    t = Holder()
    array = t.array
    return getrefcount(array)


_ALONE = _alone()
_MINE = _ALONE  # the same count, of an array that a local name and a tensor hold


class Tensor:
    """A tensor; made by `tensor`, `zeros` and the like, and by operations."""

    # Whoever makes a tensor by `hot.new` sets all slots.
    __slots__ = (
        "__dict__",
        "__weakref__",
        "_array",
        "_grad",
        "_graph",
        "_kind",
        "_more",
        "_serial",
        "_slot",
        "_spec",
        "_ver",
    )

    _hidden = 0  # writes that the version counter does not show
    __array_priority__ = 1000.0

    _spec: Spec
    _array: Any
    _grad: Tensor | None
    _graph: Any
    _serial: int
    _slot: int
    _kind: int
    _more: More | None
    _ver: int

    def __init__(
        self,
        serial: Any = None,
        slot: Any = None,
        spec: Any = None,
        kind: Any = None,
        *more: Any,
        device: Any = None,
    ) -> None:
        """Name a slot of a trace; what users give, data or sizes, goes the way of `legacy`."""
        if type(spec) is Spec:
            self._serial = serial
            self._slot = slot
            self._spec = spec
            self._kind = kind
            self._array = None
            self._more = None
            self._grad = None
            self._graph = None
            self._ver = 0
        else:
            from .legacy import construct

            self._more = self._grad = self._graph = None
            self._ver = 0

            given = (serial, slot, spec, kind, *more)
            construct(self, tuple(g for g in given if g is not None))

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...  # methods are entered by `surface.public`

    # ------------------------------------------------------------ the value

    def _value(self) -> Any:
        """Return the value: an array (for views one that shares memory) or a NumPy scalar."""
        more = self._more
        if more is not None and more.base is not None:
            code = CODES[more.code]
            base = np.asarray(more.base._value())
            return code.op.impl(base, **code.params)
        if self._array is None:
            rec = LOCAL.rec
            if self._serial == rec.serial:
                rec.flush()
            if self._array is None:
                from .threads import value_elsewhere

                return value_elsewhere(self)
        return self._array

    def _failed(self, error: BaseException) -> None:
        """Note that computing the value raised."""
        self.__dict__["_error"] = f"{type(error).__name__}: {error}"

    def _version_of(self) -> int:
        """Return the version counter, which views share with their base."""
        more = self._more
        root = self if more is None or more.base is None else more.root
        return int(root._ver - root._hidden)

    def _expose(self) -> Any:
        """Return an array that shares memory with this tensor, from now on exactly."""
        more = self._more
        root = self if more is None or more.base is None else more.root
        root._value()
        LOCAL.rec.flush()  # rows that read this memory, also through views, read it now
        if root._more is None:
            root._more = More()
        root._more.parts = (None, {})
        array = root._array
        if not root._more.exposed and getrefcount(array) > _MINE:
            array = np.array(array)  # a graph keeps the old memory, which must not change
        root._array = np.asarray(array)
        root._more.exposed = True
        root._more.forget()
        root._serial = 0
        if root is self:
            return root._array[...]
        return np.asarray(self._value())

    # ------------------------------------------------------------ writing in place

    def _check_inplace(self, rec: Recorder, uniform: bool = False) -> bool:
        """Say no to writes that autograd forbids; return whether this is a leaf's update.

        Elements that share a place may only be written to when all get one value (`uniform`).
        """
        kind = self._kind
        more = self._more
        if kind & INFERENCE and not rec.inference:
            raise RuntimeError(
                "Inplace update to inference tensor outside InferenceMode is not allowed. You can "
                "make a clone to get a normal tensor before doing inplace update."
            )
        if kind & 3 == LEAF:
            if rec.grad:
                raise RuntimeError(
                    "a leaf Variable that requires grad is being used in an in-place operation."
                )
            return True
        if more is not None and more.base is not None:
            _check_view(self, more.code, rec.grad and kind != PLAIN, uniform)
            if rec.grad:
                base = hushed_base(self)
                if base is not None and base._kind_now() != PLAIN:
                    raise RuntimeError(HUSHED)
        if rec.grad:
            # A leaf may itself be a view: ``zeros(6).view(2, 3).requires_grad_()``.
            while more is not None and more.base is not None and not more.detached:
                if more.base._kind == LEAF:
                    raise RuntimeError(
                        "a view of a leaf Variable that requires grad is being used in an in-place "
                        "operation."
                    )
                more = more.base._more
        return False

    def _set_slot(self, rec: Recorder, slot: int, kind: int) -> None:
        """Make a slot of the current trace this tensor's value, as a write in place."""
        more = self._more
        if more is not None and more.base is not None:
            self._write_through(rec, slot, kind)
            return
        owners = rec.owners
        if self._serial == rec.serial:
            old = self._slot
            rec.stale[old] = (self, self._version_of(), slot if rec.mark < 0 else rec.mark)
            if more is not None and old in rec.special and self._kind & 3 != LEAF:
                self._leave_hooks(rec, more, old)
            if owners[old] is self:
                owners[old] = None
        elif more is not None and more.copied[0] == rec.serial:
            begins = slot if rec.mark < 0 else rec.mark
            rec.stale[int(more.copied[1])] = (self, self._version_of(), begins)
        if kind == PLAIN and self._kind & 3 == GRAD:
            slot = _attach(rec, self, slot)
            kind = GRAD
        self._serial, self._slot = rec.serial, slot
        if self._graph is not None:
            self._leave_graph(self._version_of())
        self._ver += 1
        self._kind = kind | (self._kind & ~3)
        owners[slot] = self
        if kind == LEAF:
            rec.leaves[slot] = self
        home = self._array
        self._array = None
        if more is not None:
            if more.hooks or more.retains:
                rec.special[slot] = self
            self._invalidate_views()
            if more.exposed:
                rec.flush()
                np.copyto(home, self._array)
                self._array = home
                self._serial = 0
            elif rec.eager:
                rec.flush()
        elif rec.eager:
            rec.flush()

    def _leave_graph(self, version: int) -> None:
        """Note in the segment whose result this is which version its rows have saved."""
        segment, at = self._graph
        segment.sources.append((at, self, version))
        if segment.special.get(at) is self:  # a retained gradient moves on
            del segment.special[at]
        self._graph = None

    def _leave_hooks(self, rec: Recorder, more: More, old: int) -> None:
        """Leave hooks with the value they were registered on; a retained gradient moves on."""
        if more.hooks:
            rec.special[old] = kept = dict(more.hooks)
            if self._graph is not None:
                segment, at = self._graph
                segment.special[at] = kept
            more.hooks = None
        else:
            del rec.special[old]

    def _invalidate_views(self) -> None:
        """Let views be recorded again when they are next used."""
        more = self._more
        if more is None:
            return
        rec = LOCAL.rec
        for ref in more.views:
            view = ref()
            if view is not None:
                its = view._more
                if its is not None:
                    its.held = (-1, None)
                at = -1
                if view._serial == rec.serial:
                    at = view._slot
                    if rec.owners[at] is view:
                        rec.owners[at] = None
                elif its is not None and its.copied[0] == rec.serial:
                    at = int(its.copied[1])
                if at >= 0:
                    begins = rec.mark if rec.mark >= 0 else len(rec.owners)
                    rec.stale[at] = (view, view._version_of() - 1, begins)
                if view._graph is not None and view._kind & 3 == GRAD:
                    segment, at = view._graph
                    segment.sources.append((at, view, view._version_of() - 1))
                view._serial = 0
                view._invalidate_views()

    def _write_through(self, rec: Recorder, slot: int, kind: int) -> None:
        """Rewrite the base so that this view shows a slot."""
        from .views import through, written

        more = self._more
        assert more is not None and more.base is not None
        base, root, code = more.base, more.root, more.code
        if rec.grad and kind & 3 == GRAD and hushed_base(self) is not None:
            raise RuntimeError(HUSHED)
        detached = more.detached
        if self._spec.repeats or base._spec.repeats:
            base, code, detached = through(self)
        if detached:  # autograd is not told
            leaf, grad = base._kind == LEAF, False
        else:
            leaf, grad = base._kind == LEAF and not rec.grad, rec.grad
        if kind & 3 == LEAF:  # autograd was not told of what has been written either
            grad, kind = False, PLAIN
        at, found = written(rec, base, code, slot, self._spec, kind, leaf, grad)
        before, stale = root._ver, dict(rec.stale) if more.silent else None
        graphed = detached and kind & 3 == GRAD and base is more.base
        if graphed and rec.owners[slot] is None:
            dense = spec_of(self._spec.np, tuple(self._spec.shape))
            rec.owners[slot] = Tensor(rec.serial, slot, dense, GRAD)
        result = rec.owners[slot] if graphed else None
        graded = rec.grad
        rec.grad = graded and not detached  # nor is it told of what is rewritten above
        try:
            base._set_slot(rec, at, found)
        finally:
            rec.grad = graded
        if result is not None:
            self._take_graph(rec, result)
        if stale is not None:  # the version counter does not see it
            root._hidden += root._ver - before
            rec.stale = stale

    def _take_graph(self, rec: Recorder, result: Tensor) -> None:
        """Take over the graph of a result that has been written to this detached name.

        The memory is the base's, which autograd is not told of; the gradient is this name's own:
        ``h = h.detach(); h += w``.
        """
        more = self._more
        assert more is not None
        more.seen = more.root._ver
        self._kind = GRAD | (self._kind & ~3)
        self._graph, self._serial, self._slot = result._graph, result._serial, result._slot
        if result._serial == rec.serial:
            rec.owners[self._slot] = self
        if more.hooks or more.retains:
            rec.special[self._slot] = self

    # ------------------------------------------------------------ what it is

    @property
    def shape(self) -> Any:
        """The size of each axis, a `torch.Size`."""
        return self._spec.shape

    @property
    def dtype(self) -> Any:
        """The dtype of the elements."""
        return self._spec.dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self._spec.ndim

    @property
    def is_leaf(self) -> bool:
        """Whether no operation on record made this tensor."""
        return self._kind_now() != GRAD

    def _kind_now(self) -> int:
        more = self._more
        if more is not None and more.base is not None and more.seen != more.root._ver:
            LOCAL.rec.admit(self)
        return self._kind & 3

    @property
    def _version(self) -> int:
        if self._kind & INFERENCE:
            raise RuntimeError("Inference tensors do not track version counter.")
        return self._version_of()


def _attach(rec: Recorder, t: Tensor, slot: int) -> int:
    """Return a slot with a new value under the old graph: a write that autograd is not told of."""
    from .views import attached

    return attached(rec, t, slot)


HUSHED = (
    "A view was created in no_grad mode and is being modified inplace with grad mode enabled. Given "
    "that this use case is ambiguous and error-prone, it is forbidden. You can clarify your code by "
    "moving both the view and the inplace either both inside the no_grad block (if you don't want "
    "the inplace to be tracked) or both outside (if you want the inplace to be tracked)."
)


def hushed_base(t: Tensor) -> Tensor | None:
    """Return what a view made while gradients were off claims to be a view of; else None.

    The chain ends at a detached name: a view of ``x.data`` claims nothing of ``x``.
    """
    more, hushed = t._more, False
    while more is not None and more.base is not None:
        if more.detached and not more.hushed:
            break
        hushed = hushed or more.hushed
        t = more.base
        more = t._more
    return t if hushed else None


def plain_above(t: Tensor) -> bool:
    """Whether no gradient flows through what a tensor is a view of, detached names included."""
    more = t._more
    while more is not None and more.base is not None:
        t = more.base
        if t._kind & 3:
            return False
        more = t._more
    return True


def _check_view(t: Tensor, code: int, graded: bool, uniform: bool) -> None:
    """Refuse to write to one of several views made at once, and to elements that share a place."""
    if not uniform and t._spec.repeats:
        from .views import SHARED_PLACES

        raise RuntimeError(SHARED_PLACES)
    if graded and CODES[code].node in SEVERAL_VIEWS:
        name = CODES[code].node.removesuffix("Backward0")
        raise RuntimeError(
            f"Output {CODES[code].params.get('index', 0)} of {name} is a view and is being "
            "modified inplace. This view is the output of a function that returns multiple views. "
            "Such functions do not allow the output views to be modified inplace. You should "
            "replace the inplace operation by an out-of-place one."
        )


SEVERAL_VIEWS = ("UnbindBackward0", "SplitBackward0", "SplitWithSizesBackward0")
"""Nodes of functions that return several views of one tensor."""


def leaf_of(array: Any, spec: Spec, requires_grad: bool = False) -> Tensor:
    """Return a tensor of an array that nobody else writes to."""
    kind = LEAF if requires_grad else PLAIN
    t = Tensor(0, 0, spec, kind | INFERENCE if LOCAL.rec.inference else kind)
    t._array = array
    return t
