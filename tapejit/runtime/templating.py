"""Make a template: run all stages on symbols, read their text, compare it with texts of other sizes.

Two belts hold what is noted on the way. The texts that were written for other calls say whether the
formulas are right, the user's function included; and the stages are rehearsed at sizes that nobody
has called with, smaller and larger ones, odd and even.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ..core.avals import Aval, aval_of
from ..core.dims import Dim, Symbols, marked, symbolic
from ..core.formulas import compiled
from ..core.records import changed
from ..tape.ir import Tape
from ..tape.sized import at_sizes
from .compile import Kernel
from .pipeline import optimise
from .program import Program
from .skeletons import Apart, Classes, apart
from .stages import KernelStage, stages_of
from .templates import Rejected, Template
from .trace import Traced, same_surroundings

if TYPE_CHECKING:
    from .dispatch import Dispatcher, Signature

_WITNESSES = 3
_REHEARSALS = 2
Word = Any
"""A literal that is the same for all sizes, or what one is made of."""


def template_of(
    owner: Dispatcher, entry: Signature, program: Program, leaves: list[Any]
) -> Template:
    """Return the template of a call that a kernel of many sizes has served.

    Raises
    ------
    Rejected
        When there is none: a size is read as a number, or does not vary, or a formula is wrong.
    """
    kernel, traced = program.kernel, program.traced
    if type(kernel) is not Kernel or kernel.found.general is None or traced.streams:
        raise Rejected("it is no single kernel of many sizes")
    others = _others(owner, entry)
    slots, values = _slots(entry.dims, [s.dims for s, _ in others])
    with symbolic(values) as run:
        text, made, stage = _on_symbols(owner, entry, leaves, run, slots)
        own = _taken_apart(kernel.text.source)
        words = _words(run, own, text)
        classes = kernel.found.general.classes
        firsts = [words[k] for k in classes.first]
        conditions = [*run.notes, *_conditions(own, classes, words)]
        avals = (
            *[stage.tape.value(i) for i in kernel.text.inputs],
            *[aval for _, aval in stage.text.arrays],
            *[leaf[2] for leaf in made.out_leaves if leaf[0] == "row"],
            *[made.tape.value(k) for k in range(made.tape.n_inputs)],
        )
        dims = [n.poly for aval in avals for n in aval.shape if type(n) is Dim]
        formulas = compiled(run, conditions, [*map(_term, firsts), *dims])
    if not same_surroundings(made, traced):
        raise Rejected("its constants depend on sizes")
    kept = changed(made, checks=traced.checks, fragile=traced.fragile, consts=traced.consts)
    count = sum(leaf[0] == "row" for leaf in made.out_leaves)
    template = Template(slots, formulas, kernel, len(firsts), kept, count, avals, run)
    predict = _Prediction(compiled(run, conditions, [*map(_term, words)]), own)
    _compare(template, predict, traced, others)
    _rehearse(owner, predict, made.tape, run)
    return template


def _others(owner: Dispatcher, entry: Signature) -> list[tuple[Signature, Program]]:
    """Return calls of the same structure that have kernels, the last ones first."""
    found = [
        (s, p)
        for s in list(owner.table.values())
        if s is not entry and s.frame == entry.frame
        for p in s.variants[:1]
        if type(p.kernel) is Kernel
    ]
    return sorted(found, key=lambda pair: -pair[0].used)[:_WITNESSES]


def _slots(
    dims: Sequence[int], others: Sequence[Sequence[int]]
) -> tuple[tuple[int, ...], list[int]]:
    """Return the slot of each dim and the symbols' values: dims that have varied alike are one."""
    groups: dict[tuple[int, ...], int] = {}
    slots = []
    for seen in zip(dims, *others, strict=True):
        if all(n == seen[0] for n in seen):
            slots.append(-1 - seen[0])
        else:
            slots.append(groups.setdefault(seen, len(groups)))
    values = [seen[0] for seen in groups]
    if not values or min(values) < 2 or len(set(values)) < len(values):
        raise Rejected("no size varies, or two that vary are equal")
    return tuple(slots), values


def _on_symbols(
    owner: Dispatcher, entry: Signature, leaves: list[Any], run: Symbols, slots: Sequence[int]
) -> tuple[Apart, Traced, KernelStage]:
    """Run the function and all stages."""
    names = [run.symbol(k) for k in range(len(run.values))]
    left = iter(slots)
    avals: list[Aval] = []
    for leaf, dynamic in zip(leaves, entry.dynamic):
        if dynamic:
            own = aval_of(leaf)
            dims = [next(left) for _ in own.shape]
            shape = tuple([names[d] if d >= 0 else -1 - d for d in dims])
            avals.append(Aval(own.dtype, shape, own.weak))
    made = entry.symbolic_trace(leaves, avals)
    if made.doubts or made.changed or made.caught is not None:
        raise Rejected("it does something else at symbolic sizes")
    if run.pins:
        raise Rejected(f"a size is read as a number ({run.pins[0]})")
    text, stage = _text(made.tape, owner.name)
    return text, made, stage


def _text(tape: Tape, title: str) -> tuple[Apart, KernelStage]:
    stages = stages_of(optimise(tape), title)
    if len(stages) != 1 or not isinstance(stages[0], KernelStage):
        raise Rejected("it is no single kernel")
    return _taken_apart(stages[0].text.source), stages[0]


def _taken_apart(source: str) -> Apart:
    text = apart(source)
    if text is None:
        raise Rejected("its text cannot be taken apart")
    return text


# ---------------------------------------------------------------- from literals to formulas


def _words(run: Symbols, own: Apart, text: Apart) -> list[Word]:
    """Return what each literal is made of, in a text on symbols that says what `own` says."""
    if text.pieces != own.pieces:
        raise Rejected("the stages do something else at symbolic sizes")
    words = []
    for said, literal in zip(text.literals, own.literals, strict=True):
        word = marked(run, said)
        if word is None and said != literal:
            raise Rejected("a number differs at symbolic sizes")
        words.append(said if word is None else word)
    return words


def _term(word: Word) -> Any:
    """Return a word as a term of formulas."""
    if not isinstance(word, str):
        return word
    return (((), int(word)),) if word.isdigit() else float(word)


def _conditions(own: Apart, classes: Classes, words: Sequence[Word]) -> Iterator[Any]:
    """Yield what makes a text one of the general kernel's: literals that stay, and equal ones."""
    for k, c in enumerate(classes.of):
        other = own.literals[k] if c < 0 else words[classes.first[c]]
        if words[k] == other:
            continue
        yield ("real", "==", _term(words[k]), _term(other))


class _Prediction:
    """The literals of the text at other sizes."""

    def __init__(self, formulas: Any, own: Apart) -> None:
        self.formulas, self.own = formulas, own

    def __call__(self, sizes: Sequence[int]) -> tuple[str, ...] | None:
        try:
            numbers = self.formulas(*sizes)
        except ArithmeticError:
            return None
        return None if numbers is None else tuple([_written(x) for x in numbers])


def _written(x: Any) -> str:
    return repr(x)


# ---------------------------------------------------------------- the two belts


def _compare(
    template: Template,
    predict: _Prediction,
    traced: Traced,
    others: Sequence[tuple[Signature, Program]],
) -> None:
    """Compare with the texts of other calls; one at least must be predicted, all that are rightly."""
    good = 0
    for entry, program in others:
        sizes = template.sizes(entry.dims)
        literals = None if sizes is None else predict(sizes)
        if literals is None:
            continue
        text = _taken_apart(program.kernel.text.source)
        if not _agree(text, predict.own, literals) or not same_surroundings(program.traced, traced):
            raise Rejected("MISPREDICTED: a text that was written for another call")
        good += 1
    if not good:
        raise Rejected("no call of other sizes has been answered alike")


def _rehearse(owner: Dispatcher, predict: _Prediction, tape: Tape, run: Symbols) -> None:
    """Run the stages at sizes that nobody has called with."""
    done = 0
    for scale, more in _SCALES:
        sizes = tuple([max(2, int(n * scale)) + more for n in run.values])
        literals = predict(sizes) if len(set(sizes)) == len(sizes) else None
        if literals is None:
            continue
        text, _ = _text(at_sizes(tape, run, sizes), owner.name)
        if not _agree(text, predict.own, literals):
            raise Rejected(f"MISPREDICTED: the text for sizes {sizes}")
        done += 1
        if done == _REHEARSALS:
            return


_SCALES = ((2, 1), (0.5, 3), (4, 2), (0.75, 0), (1, 1), (1, 3))


def _agree(text: Apart, own: Apart, literals: tuple[str, ...]) -> bool:
    return text.pieces == own.pieces and text.literals == literals
