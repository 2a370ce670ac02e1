"""Jumps become flags: a body without ``break``, ``continue`` and early ``return``.

After this pass control leaves a statement only at its end (or by an exception). A jump assigns a
flag, what follows it in its block is guarded by ``if not flag``, and a loop goes on while its flags
are down. Flags are avoided where the structure allows it: after ``if c: return a`` the rest of the
block moves into the other branch, and in tail position nothing is left to skip.

Invariant: where a block may raise a flag, nothing after it runs without asking for that flag first.
A ``return`` that is not inside a branch or a loop (at depth 0) stays as it is.
"""

from __future__ import annotations

import ast

from ...core.records import changed, record
from .build import DONE, RESULT, assign, is_own, load, own_name, placed
from .names import FUNCTIONS, bound_names

Block = list[ast.stmt]
Blocks = ast.Try | ast.TryStar


class NotStageable(Exception):
    """The function stays as the user wrote it; the message says why."""


@record
class _Loop:
    """The flags of the loop that ``break`` and ``continue`` belong to."""

    broken: str
    skipped: str


@record(frozen=True)
class _Place:
    """Where a block stands: which jumps need no flag because nothing follows them."""

    depth0: bool
    loop: _Loop | None = None
    last: bool = False  # nothing of the function runs after this block
    turn_ends: bool = False  # nothing of this turn of the loop runs after this block

    def inside(self, *, follows: bool) -> _Place:
        """The place of a branch, after which something follows or not."""
        if follows:
            return changed(self, depth0=False, last=False, turn_ends=False)
        return changed(self, depth0=False)


def jumps(nodes: Block) -> frozenset[str]:
    """Kinds of jumps that can leave a block: "return", "break", "continue"."""
    out: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Return):
            out.add("return")
        elif isinstance(node, ast.Break):
            out.add("break")
        elif isinstance(node, ast.Continue):
            out.add("continue")
        elif isinstance(node, ast.For | ast.While):
            out |= jumps(node.body) & {"return"} | jumps(node.orelse)
        elif isinstance(node, ast.Match):
            for case in node.cases:
                out |= jumps(case.body)
        elif not isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            for part in ("body", "orelse", "finalbody"):
                out |= jumps(getattr(node, part, []))
            for handler in getattr(node, "handlers", []):
                out |= jumps(handler.body)
    return frozenset(out)


def never_ends(nodes: Block) -> bool:
    """Whether the end of a block is never reached. (A ``with`` may swallow what leaves it.)"""
    for node in nodes:
        if isinstance(node, ast.Return | ast.Break | ast.Continue | ast.Raise):
            return True
        if isinstance(node, ast.If) and never_ends(node.body) and never_ends(node.orelse):
            return True
        if isinstance(node, ast.While) and _is_true(node.test) and "break" not in jumps(node.body):
            return True
        if (
            isinstance(node, Blocks)
            and never_ends([*node.body, *node.orelse])
            and all(never_ends(handler.body) for handler in node.handlers)
        ):
            return True
    return False


def _is_true(test: ast.expr) -> bool:
    return isinstance(test, ast.Constant) and bool(test.value)


def lowered(body: Block) -> Block:
    """Return a function's body without jumps out of branches and loops.

    Loops carry the condition under which they go on in ``go_on`` (see there).

    Raises
    ------
    NotStageable
        For a jump out of ``finally``: it would swallow an exception, which no flag can do.
    """
    flow = _Flow()
    early = "return" in jumps([node for node in _at_depth_0(body) if _is_converted(node)])
    if early and not never_ends(body):
        body = [*body, placed(ast.Return(ast.Constant(None)), body[-1])]
    out, _ = flow.block(body, _Place(depth0=True, last=True))
    if flow.done:
        out.insert(0, placed(assign(DONE, ast.Constant(False)), body[0]))
    if flow.result:
        out.append(placed(ast.Return(load(RESULT)), body[-1]))
    return out


def _is_converted(node: ast.stmt) -> bool:
    return isinstance(node, ast.If | ast.For | ast.While)


def _at_depth_0(body: Block) -> Block:
    """Statements that stand in the function itself, or in statements that stay what they are."""
    out: Block = []
    for node in body:
        out.append(node)
        if isinstance(node, ast.With | ast.Try | ast.TryStar):
            inner = [*node.body]
            if not isinstance(node, ast.With):
                inner += [*node.orelse, *node.finalbody]
                inner += [part for handler in node.handlers for part in handler.body]
            out += _at_depth_0(inner)
        elif isinstance(node, ast.Match):
            out += _at_depth_0([part for case in node.cases for part in case.body])
    return out


def go_on(node: ast.For | ast.While) -> ast.expr | None:
    """The condition, asked before each turn, under which no jump has left the loop."""
    found = getattr(node, "tj_go_on", None)
    return found if isinstance(found, ast.expr) else None


def _lifted(flags: frozenset[str], like: ast.AST) -> ast.expr:
    """``not a and not b``."""
    parts: list[ast.expr] = [ast.UnaryOp(ast.Not(), load(flag)) for flag in sorted(flags)]
    test = parts[0] if len(parts) == 1 else ast.BoolOp(ast.And(), parts)
    return placed(test, like)


@record
class _Flow:
    """Lowers one function; knows which of its flags are in use."""

    done: bool = False
    result: bool = False
    loops: int = 0

    def block(self, nodes: Block, place: _Place) -> tuple[Block, frozenset[str]]:
        """Lower a block; also return the flags that may be up at its end."""
        out: Block = []
        for k, node in enumerate(nodes):
            rest = [] if never_ends([node]) else nodes[k + 1 :]
            if isinstance(node, ast.Return | ast.Break | ast.Continue):
                jump, flags = self._jump(node, place)
                return out + jump, flags
            if isinstance(node, ast.Raise):
                return [*out, node], frozenset()
            if isinstance(node, ast.Global | ast.Nonlocal):
                continue
            if isinstance(node, ast.If) and rest and jumps([node]):
                if never_ends(node.body):
                    node = placed(ast.If(node.test, node.body, [*node.orelse, *rest]), node)
                    rest = []
                elif never_ends(node.orelse):
                    node = placed(ast.If(node.test, [*node.body, *rest], node.orelse), node)
                    rest = []
            if isinstance(node, ast.For | ast.While):
                made, flags, rest = self._loop(node, place, rest)
            else:
                made, flags = self._compound(node, place, follows=bool(rest))
            out += made
            if not rest:
                return out, flags
            if flags or isinstance(node, ast.For | ast.While):
                after, more = self._guarded(flags, rest, place)
                return out + after, flags | more
        return out, frozenset()

    def _guarded(
        self, flags: frozenset[str], rest: Block, place: _Place
    ) -> tuple[Block, frozenset[str]]:
        """What follows a statement that may have raised flags."""
        if not flags:
            return self.block(rest, place)
        inner, more = self.block(rest, place.inside(follows=False))
        return [placed(ast.If(_lifted(flags, rest[0]), inner, []), rest[0])], more

    def _jump(
        self, node: ast.Return | ast.Break | ast.Continue, place: _Place
    ) -> tuple[Block, frozenset[str]]:
        if isinstance(node, ast.Return):
            if place.depth0:
                return [node], frozenset()
            self.result = True
            value = node.value or ast.Constant(None)
            made: Block = [placed(assign(RESULT, value), node)]
            if place.last:
                return made, frozenset()
            self.done = True
            flag = DONE
        else:
            assert place.loop is not None
            made = []
            if isinstance(node, ast.Continue):
                if place.turn_ends:
                    return [placed(ast.Pass(), node)], frozenset()
                flag = place.loop.skipped
            else:
                flag = place.loop.broken
        return [*made, placed(assign(flag, ast.Constant(True)), node)], frozenset([flag])

    def _loop(
        self, node: ast.For | ast.While, place: _Place, rest: Block
    ) -> tuple[Block, frozenset[str], Block]:
        """Lower a loop; also return what is left to do after it, its ``else`` included."""
        self.loops += 1
        loop = _Loop(own_name("brk", self.loops), own_name("cnt", self.loops))
        body, flags = self.block(node.body, _Place(depth0=False, loop=loop, turn_ends=True))
        out: Block = []
        if loop.skipped in assigned_flags(body):
            body.insert(0, placed(assign(loop.skipped, ast.Constant(False)), node))
        leaving = frozenset(flags & {loop.broken, DONE})
        if loop.broken in flags:
            out.append(placed(assign(loop.broken, ast.Constant(False)), node))
        made: ast.For | ast.While
        if isinstance(node, ast.For):
            made = placed(ast.For(node.target, node.iter, body, []), node)
        else:
            made = placed(ast.While(node.test, body, []), node)
        made.tj_go_on = _lifted(leaving, node) if leaving else None  # type: ignore[union-attr]
        orelse = node.orelse
        if orelse and loop.broken in flags:
            test = _lifted(frozenset([loop.broken]), orelse[0])
            orelse = [placed(ast.If(test, orelse, []), orelse[0])]
        return [*out, made], leaving & {DONE}, [*orelse, *rest]

    def _compound(
        self, node: ast.stmt, place: _Place, *, follows: bool
    ) -> tuple[Block, frozenset[str]]:
        """Lower the blocks of a statement that stays a statement, or of an ``if``."""
        if isinstance(node, ast.If):
            inner = place.inside(follows=follows)
            body, flags = self.block(node.body, inner)
            orelse, more = self.block(node.orelse, inner)
            return [placed(ast.If(node.test, body or [], orelse), node)], flags | more
        inner = changed(place.inside(follows=follows), depth0=place.depth0)
        if isinstance(node, ast.With):
            body, flags = self.block(node.body, inner)
            return [placed(ast.With(node.items, body or _pass(node)), node)], flags
        if isinstance(node, ast.Match):
            cases, flags = [], frozenset[str]()
            for case in node.cases:
                body, more = self.block(case.body, inner)
                cases.append(ast.match_case(case.pattern, case.guard, body or _pass(node)))
                flags |= more
            return [placed(ast.Match(node.subject, cases), node)], flags
        if isinstance(node, Blocks):
            return self._try(node, inner)
        return [node], frozenset()

    def _try(self, node: Blocks, place: _Place) -> tuple[Block, frozenset[str]]:
        if jumps(node.finalbody):
            raise NotStageable("it jumps out of a finally block")
        follows = bool(node.orelse)
        inner = changed(place.inside(follows=follows), depth0=place.depth0)
        body, flags = self.block(node.body, inner)
        handlers = []
        for handler in node.handlers:
            caught, more = self.block(handler.body, place)
            new = ast.ExceptHandler(handler.type, handler.name, caught or _pass(node))
            handlers.append(placed(new, handler))
            flags |= more
        orelse: Block = []
        if node.orelse:
            raised = flags & assigned_flags(body)
            orelse, more = self._guarded(raised, node.orelse, place)
            flags |= more
        final, _ = self.block(node.finalbody, changed(place, last=False, turn_ends=False))
        made = type(node)(body or _pass(node), handlers, orelse, final)
        return [placed(made, node)], flags


def _pass(like: ast.stmt) -> Block:
    return [placed(ast.Pass(), like)]


def assigned_flags(nodes: Block) -> frozenset[str]:
    return frozenset(name for name in bound_names(nodes) if is_own(name))
