"""What a tape becomes, as text: for every primitive, and for rows with bodies."""

import numpy as np
import pytest

import tapejit as tj
from tapejit.core.avals import AVALS, TupleAval, aval_of
from tapejit.runtime.stages import HostStage, KernelStage, row_text, source_text, stages_of, traffic
from tapejit.tape.ir import Builder
from tapejit.tape.primitive import PRIMITIVES


def tape_of(prim, arrays, params):
    b = Builder()
    y = prim.on(b, *[b.input(aval_of(x)) for x in arrays], **params)
    several = isinstance(AVALS[b.avals[y.id]], TupleAval)
    return b.finish(list(b.outs(y)) if several else [y])


@pytest.mark.parametrize("family", sorted({p.name[0] for p in PRIMITIVES if p.samples}))
def test_every_primitive_can_be_shown(family):
    for prim in PRIMITIVES:
        if prim.samples is None or prim.name[0] != family:
            continue
        for arrays, params in prim.samples(np.random.default_rng(0)):
            tape = tape_of(prim, arrays, params)
            for stage in stages_of(tape, "shown"):
                if isinstance(stage, KernelStage):
                    assert all(t.read >= 0 and t.written >= 0 for t in traffic(stage))
                else:
                    assert stage.why and row_text(tape, stage.row).startswith(f"%{stage.row} = ")
            assert source_text(tape, "shown")


def test_a_mapped_body_is_named_and_counted():
    f = tj.vmap(lambda x: np.sum(np.sin(x)))
    x = np.ones((4, 3))
    text = f.explain(x)
    assert "map: 2 rows for each index, 96 B in, 32 B out" in text
    assert "\n      sin, sum\n" in text


def test_a_body_without_code_says_which_row_is_to_blame():
    f = tj.vmap(lambda a: np.linalg.eigh(a)[0])
    (host, *_) = stages_of(f.tape(np.ones((2, 3, 3))), "f")
    assert isinstance(host, HostStage)
    assert host.why == "map: in its body, eigh has no native code"
