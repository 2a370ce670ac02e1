"""Make a template: run all stages on symbols, read their text, compare it with texts of other sizes.

Two belts hold what is noted on the way. The texts that were written for other calls say whether the
formulas are right, the user's function included; and the stages are rehearsed at sizes that nobody
has called with, smaller and larger ones, odd and even.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..core.avals import Aval, aval_of
from ..core.dims import Dim, Symbols, marked
from ..core.formulas import compiled
from ..core.records import changed
from ..core.sizes import symbolic
from ..tape.ir import Tape
from ..tape.sized import at_sizes
from .compile import Kernel, Staged
from .pipeline import optimise
from .program import Program
from .skeletons import Apart, apart
from .stages import KernelStage, stages_of
from .templates import Part, Rejected, Template
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
    """Return the template of a call that kernels of many sizes have served.

    Raises
    ------
    Rejected
        When there is none: a size is read as a number, or does not vary, or a formula is wrong.
    """
    traced, compiled_form = program.traced, program.kernel
    if traced.streams:
        raise Rejected("it draws random numbers")
    own = [_taken_apart(k.text.source) for k in _kernels(compiled_form)]
    others = _others(owner, entry)
    slots, values = _slots(entry.dims, [s.dims for s, _ in others])
    with symbolic(values) as run:
        made = _on_symbols(entry, leaves, run, slots)
        tape = optimise(made.tape)
        stages = _stages(tape, owner.name)
        if len(stages) != len(own):
            raise Rejected("the stages do something else at symbolic sizes")
        words = [_words(run, text, _taken_apart(s.text.source)) for text, s in zip(own, stages)]
        conditions = list(run.notes)
        terms: list[Any] = []
        parts = []
        for kernel, text, said, stage in zip(_kernels(compiled_form), own, words, stages):
            part, numbers, more = _part(kernel, text, said, stage)
            parts.append(part)
            conditions += more
            terms += [*numbers, *_dims((*part.given, *part.results))]
        results = tuple(leaf[2] for leaf in made.out_leaves if leaf[0] == "row")
        inputs = tuple(made.tape.value(k) for k in range(made.tape.n_inputs))
        terms += _dims((*results, *inputs))
    if not same_surroundings(made, traced):
        raise Rejected("its constants depend on sizes")
    kept = changed(made, checks=traced.checks, fragile=traced.fragile, consts=traced.consts)
    formulas = compiled(run, conditions, terms)
    staged = compiled_form if isinstance(compiled_form, Staged) else None
    template = Template(run, slots, formulas, tuple(parts), staged, tape, kept, results, inputs)
    flat = [_term(word) for said in words for word in said]
    predict = _Prediction(compiled(run, conditions, flat), own, owner.name)
    _compare(template, predict, traced, others)
    _rehearse(predict, made.tape, run, {-1 - slot for slot in slots if slot < 0})
    return template


def _kernels(form: Any) -> list[Kernel]:
    """Return the kernel of each kernel stage."""
    if isinstance(form, Staged):
        return [s[1] for s in form.stages if not isinstance(s, int)]
    return [form]


def _stages(tape: Tape, title: str) -> list[KernelStage]:
    return [s for s in stages_of(tape, title) if isinstance(s, KernelStage)]


def _dims(avals: Sequence[Aval]) -> list[Any]:
    return [n.poly for aval in avals for n in aval.shape if type(n) is Dim]


def _others(owner: Dispatcher, entry: Signature) -> list[tuple[Signature, Program]]:
    """Return calls of the same structure that have proven programs, the last ones first."""
    found = [
        (s, p)
        for s in list(owner.table.values())
        if s is not entry and s.frame == entry.frame
        for p in s.variants[:1]
        if p.trusted and type(p) is Program
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
        raise Rejected("no size varies, or two that vary are equal", 1)
    return tuple(slots), values


def _on_symbols(entry: Signature, leaves: list[Any], run: Symbols, slots: Sequence[int]) -> Traced:
    """Run the function."""
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
    return made


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


def _part(
    kernel: Kernel, own: Apart, words: Sequence[Word], stage: KernelStage
) -> tuple[Part, list[Any], list[Any]]:
    """Return a kernel's part of a template, the terms of its values and what these take for granted."""
    given = tuple(stage.tape.value(i) for i in kernel.text.inputs)
    results = tuple(aval for _, aval in stage.text.arrays)
    if all(isinstance(word, str) for word in words):
        return Part(kernel, 0, given, results), [], []
    general = kernel.found.general
    if general is None:
        raise Rejected("a kernel is made for one size", 1)
    classes = general.classes
    numbers = [_term(words[k]) for k in classes.first]
    conditions = []
    for k, c in enumerate(classes.of):  # literals that stay, and those that are the same value
        other = own.literals[k] if c < 0 else words[classes.first[c]]
        if words[k] != other:
            conditions.append(("real", "==", _term(words[k]), _term(other)))
    return Part(kernel, len(numbers), given, results), numbers, conditions


class _Prediction:
    """The texts at other sizes, foretold and as the stages write them."""

    def __init__(self, formulas: Any, own: Sequence[Apart], title: str) -> None:
        self.formulas, self.own, self.title = formulas, own, title

    def foretold(self, sizes: Sequence[int]) -> list[str] | None:
        """Return the literals of all kernels, None where the stages would decide otherwise."""
        try:
            numbers = self.formulas(*sizes)
        except ArithmeticError:
            return None
        return None if numbers is None else list(map(repr, numbers))

    def fulfilled(self, tape: Tape, literals: Sequence[str]) -> bool:
        """Whether the stages write the texts of these literals for an optimised tape."""
        texts = [_taken_apart(s.text.source) for s in _stages(tape, self.title)]
        same = [t.pieces for t in texts] == [o.pieces for o in self.own]
        return same and [x for t in texts for x in t.literals] == list(literals)


# ---------------------------------------------------------------- the two belts


def _compare(
    template: Template,
    predict: _Prediction,
    traced: Traced,
    others: Sequence[tuple[Signature, Program]],
) -> None:
    """Compare with other calls; one at least must be foretold, and all that are rightly."""
    good = 0
    for entry, program in others:
        sizes = template.sizes(entry.dims)
        literals = None if sizes is None else predict.foretold(sizes)
        if literals is None:
            continue
        if not predict.fulfilled(program.tape, literals) or not same_surroundings(
            program.traced, traced
        ):
            raise Rejected("MISPREDICTED: what was written for another call")
        good += 1
    if not good:
        raise Rejected("no call of other sizes has been answered alike", 1)


def _rehearse(predict: _Prediction, tape: Tape, run: Symbols, fixed: set[int]) -> None:
    """Run the stages at sizes that nobody has called with, and that differ from the `fixed` ones."""
    done = 0
    for scale, more in _SCALES:
        sizes = tuple([max(_LEAST, int(n * scale)) + more for n in run.values])
        distinct = len({*sizes, *fixed}) == len(sizes) + len(fixed)
        literals = predict.foretold(sizes) if distinct else None
        if literals is None:
            continue
        if not predict.fulfilled(optimise(at_sizes(tape, run, sizes)), literals):
            raise Rejected(f"MISPREDICTED: the stages at sizes {sizes}")
        done += 1
        if done == _REHEARSALS:
            return


_LEAST = 6
"""Rehearsed sizes are larger: one that equals a number of the program by chance, an axis of 2, shares what
formulas keep apart, and the texts differ though both are right."""
_SCALES = ((2, 1), (0.5, 3), (4, 2), (0.75, 0), (1, 1), (1, 3))
