"""Padding, attention and the options that other files leave out: bags, averages, swaps, weights."""

from __future__ import annotations

from nn_formulas import cases_of, constant, gradients, leaf, positive, real, wave, whole

X = {"x": real(1, 3, 4)}
QKV = {"q": real(2, 3, 4), "k": real(2, 3, 4, phase=1.0), "v": real(2, 3, 4, phase=2.0)}
HEADS = {
    "q": real(2, 2, 3, 4), "k": real(2, 2, 3, 4, phase=1.0), "v": real(2, 2, 3, 4, phase=2.0),
}  # fmt: skip
SEEN = whole([[True, False, True], [False, False, False], [True, True, True]])
BAGS = {"i": whole([0, 2, 1, 3, 3]), "o": whole([0, 2, 2, 4]), "w": real(4, 2)}
PAIR = {"x": real(3), "y": constant(real(3, phase=2.0)), "w": constant(positive(3))}
ATTEND = "F.scaled_dot_product_attention(q, k, v"

ROWS = [
    *[(f"pad_{mode}_{name}", f"F.pad(x, {widths}, '{mode}')", {"x": spec})
      for mode in ("constant", "reflect", "replicate", "circular")
      for name, widths, spec in [
          ("one", (1, 2), real(2, 3)), ("two", (1, 2, 2, 1), real(1, 3, 4)),
          ("cut", (-1, 2), real(1, 2, 4)), ("three", (1, 0, 0, 1, 1, 1), real(1, 2, 3, 2)),
      ]],
    ("pad_value", "F.pad(x, (1, 0), value=3.5)", X),
    ("pad_by_name", "F.pad(x, pad=(0, 1, 1, 0), mode='constant', value=-1)", X),
    ("attention", f"{ATTEND})", QKV),
    ("attention_of_heads", f"{ATTEND})", HEADS),
    ("attention_causal", f"{ATTEND}, is_causal=True)", QKV),
    ("attention_seen", f"{ATTEND}, s)", {**QKV, "s": SEEN}),
    ("attention_added", f"{ATTEND}, s, scale=0.3)", {**QKV, "s": constant(real(3, 3))}),
    ("attention_shared_heads", f"{ATTEND}, enable_gqa=True)",
     {"q": real(1, 4, 3, 2), "k": real(1, 2, 3, 2, phase=1.0), "v": real(1, 2, 3, 2, phase=3.0)}),
    ("response_norm", "F.local_response_norm(x, 3, alpha=0.5, beta=0.6, k=2.0)", {"x": real(2, 4, 2)}),
    ("response_norm_even", "F.local_response_norm(x, 2, alpha=0.5)", {"x": real(1, 3, 2, 2)}),
    *[(f"pdist_{p}", f"F.pdist(x, {p})", {"x": real(4, 3)}) for p in (1, 2, 3)],
    ("pdist_inf", "F.pdist(x, float('inf'))", {"x": real(4, 3)}),
    ("instance_norm_affine", "F.instance_norm(x, weight=w, bias=b)",
     {"x": real(2, 2, 3), "w": real(2, phase=1.0), "b": real(2, phase=2.0)}),
    ("instance_norm_evaluation", "F.instance_norm(x, m, v, use_input_stats=False)",
     {"x": real(2, 2, 3), "m": constant(real(2, phase=0.9)), "v": constant(positive(2))}),
    *[(f"bags_{mode}", f"F.embedding_bag(i, w, o, mode='{mode}')", BAGS)
      for mode in ("sum", "mean", "max")],
    ("bags_padding", "F.embedding_bag(i, w, o, padding_idx=3)", BAGS),
    ("bags_weighed", "F.embedding_bag(i, w, o, mode='sum', per_sample_weights=s)",
     {**BAGS, "s": real(5, phase=1.0)}),
    ("multi_margin_squared", "F.multi_margin_loss(x, y, p=2, margin=0.5, weight=w)",
     {"x": real(2, 3), "y": whole([0, 2]), "w": constant(positive(3))}),
    ("triplet_swap", "F.triplet_margin_loss(x, y, z, swap=True, p=3)",
     {"x": real(3, 2), "y": real(3, 2, phase=1.0), "z": real(3, 2, phase=2.0)}),
    ("mse_weight", "F.mse_loss(x, y, weight=w)", PAIR),
    ("l1_weight", "F.l1_loss(x, y, weight=w, reduction='sum')", PAIR),
    ("huber_weight", "F.huber_loss(x, y, weight=w, delta=0.3)", PAIR),
    ("rrelu_evaluation", "F.rrelu(x)", {"x": real(4)}),
]  # fmt: skip
globals().update(cases_of(ROWS, __name__, once=[
    *[name for name, _, _ in ROWS if name.startswith(("attention", "pdist", "bags", "pad_"))],
    "multi_margin_squared",
]))  # fmt: skip


def case_instance_statistics(torch):
    """Running statistics move by the mean over samples of each sample's own."""
    mean, var = torch.zeros(2), torch.ones(2)
    x = leaf(torch, 2, 2, 3)
    out = torch.nn.functional.instance_norm(x, mean, var, momentum=0.3)
    yield out.detach(), mean, var, gradients(torch, out, [x])


def case_alpha_dropout_facts(torch):
    """Two values each entry may take; mean and variance stay about what they were."""
    F = torch.nn.functional
    torch.manual_seed(4)
    out = F.alpha_dropout(torch.zeros(4000), 0.3, training=True)
    yield len(set(out.tolist())), sorted({round(v, 4) for v in out.tolist()})
    yield F.alpha_dropout(wave(torch, 3), 0.3)
