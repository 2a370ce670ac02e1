"""Losses as modules: a row for each function; weights of classes are buffers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .late import F
from .module import Module
from .of_function import nothing, of_function

_OLD = {"size_average": None, "reduce": None}


def _settle(module: Any) -> None:
    """Turn the old pair of flags into a reduction, as PyTorch does with a warning."""
    from ..common import check_reduction

    average, reduce = module.__dict__.pop("size_average", None), module.__dict__.pop("reduce", None)
    if average is not None or reduce is not None:
        module.reduction = check_reduction(module.reduction, reduce, average)


def _loss(
    name: str,
    function: str,
    doc: str,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    inputs: tuple[str, ...] = ("input", "target"),
    old: bool = True,
    only: tuple[str, ...] = (),
    check: Callable[[Any], None] = _settle,
) -> Any:
    options = {**(before or {}), **(_OLD if old else {}), "reduction": "mean", **(after or {})}
    passed = {o: o for o in options if o not in _OLD}
    return of_function(
        name, function, options, doc=doc, inputs=inputs, shown=nothing, check=check,
        passed=passed, keyword_only=only, module=__name__,
    )  # fmt: skip


def _weighted(*buffers: str) -> Callable[[Any], None]:
    def check(module: Any) -> None:
        _settle(module)
        for name in buffers:
            module.register_buffer(name, module.__dict__.pop(name))

    return check


L1Loss = _loss("L1Loss", "l1_loss", "The mean of the sizes of the differences.")
MSELoss = _loss("MSELoss", "mse_loss", "The mean of the squares of the differences.")
SmoothL1Loss = _loss(
    "SmoothL1Loss", "smooth_l1_loss", "Squares near 0, sizes elsewhere.", after={"beta": 1.0}
)
HuberLoss = _loss(
    "HuberLoss", "huber_loss", "Half squares near 0, sizes times delta elsewhere.",
    after={"delta": 1.0}, old=False,
)  # fmt: skip
BCELoss = _loss(
    "BCELoss", "binary_cross_entropy", "Cross entropy of probabilities of one of two classes.",
    {"weight": None}, check=_weighted("weight"),
)  # fmt: skip
CrossEntropyLoss = of_function(
    "CrossEntropyLoss", "cross_entropy",
    {"weight": None, "size_average": None, "ignore_index": -100, "reduce": None,
     "reduction": "mean", "label_smoothing": 0.0},
    doc="Cross entropy of logits of several classes.", inputs=("input", "target"), shown=nothing,
    passed={o: o for o in ("weight", "ignore_index", "reduction", "label_smoothing")},
    check=_weighted("weight"), module=__name__,
)  # fmt: skip
NLLLoss = of_function(
    "NLLLoss", "nll_loss",
    {"weight": None, "size_average": None, "ignore_index": -100, "reduce": None,
     "reduction": "mean"},
    doc="Minus the logarithm of the probability of the class, from logarithms.",
    inputs=("input", "target"), shown=nothing,
    passed={o: o for o in ("weight", "ignore_index", "reduction")},
    check=_weighted("weight"), module=__name__,
)  # fmt: skip
BCEWithLogitsLoss = of_function(
    "BCEWithLogitsLoss", "binary_cross_entropy_with_logits",
    {"weight": None, "size_average": None, "reduce": None, "reduction": "mean",
     "pos_weight": None},
    doc="Cross entropy of logits of one of two classes.", inputs=("input", "target"),
    shown=nothing, passed={o: o for o in ("weight", "pos_weight", "reduction")},
    check=_weighted("weight", "pos_weight"), module=__name__,
)  # fmt: skip
PoissonNLLLoss = of_function(
    "PoissonNLLLoss", "poisson_nll_loss",
    {"log_input": True, "full": False, "size_average": None, "eps": 1e-8, "reduce": None,
     "reduction": "mean"},
    doc="Minus the logarithm of Poisson's likelihood.", inputs=("log_input", "target"),
    shown=nothing, passed={o: o for o in ("log_input", "full", "eps", "reduction")},
    check=_settle, module=__name__,
)  # fmt: skip
GaussianNLLLoss = of_function(
    "GaussianNLLLoss", "gaussian_nll_loss", {"full": False, "eps": 1e-6, "reduction": "mean"},
    doc="Minus the logarithm of a normal likelihood.", inputs=("input", "target", "var"),
    shown=nothing, keyword_only=("full", "eps", "reduction"), module=__name__,
)  # fmt: skip
KLDivLoss = _loss(
    "KLDivLoss", "kl_div", "The divergence of distributions, from logarithms.",
    after={"log_target": False},
)  # fmt: skip
HingeEmbeddingLoss = _loss(
    "HingeEmbeddingLoss", "hinge_embedding_loss", "Distances that are small, or beyond a margin.",
    {"margin": 1.0},
)  # fmt: skip
SoftMarginLoss = _loss("SoftMarginLoss", "soft_margin_loss", "log(1 + exp(-target input)).")
MultiLabelMarginLoss = _loss(
    "MultiLabelMarginLoss", "multilabel_margin_loss", "Hinge loss of several labels each."
)
MultiLabelSoftMarginLoss = _loss(
    "MultiLabelSoftMarginLoss", "multilabel_soft_margin_loss", "Cross entropies of several labels.",
    {"weight": None}, check=_weighted("weight"),
)  # fmt: skip
CosineEmbeddingLoss = _loss(
    "CosineEmbeddingLoss", "cosine_embedding_loss", "Angles that are small, or beyond a margin.",
    {"margin": 0.0}, inputs=("input1", "input2", "target"),
)  # fmt: skip
MarginRankingLoss = _loss(
    "MarginRankingLoss", "margin_ranking_loss", "Which of two is to be the larger, by a margin.",
    {"margin": 0.0}, inputs=("input1", "input2", "target"),
)  # fmt: skip
TripletMarginLoss = _loss(
    "TripletMarginLoss", "triplet_margin_loss", "Nearer to one than to the other, by a margin.",
    {"margin": 1.0, "p": 2.0, "eps": 1e-6, "swap": False},
    inputs=("anchor", "positive", "negative"),
)  # fmt: skip
TripletMarginWithDistanceLoss = of_function(
    "TripletMarginWithDistanceLoss", "triplet_margin_with_distance_loss",
    {"distance_function": None, "margin": 1.0, "swap": False, "reduction": "mean"},
    doc="`TripletMarginLoss` with a distance of one's own.", shown=nothing,
    inputs=("anchor", "positive", "negative"),
    keyword_only=("distance_function", "margin", "swap", "reduction"), module=__name__,
)  # fmt: skip


class MultiMarginLoss(Module):
    """Hinge loss of several classes."""

    def __init__(
        self,
        p: int = 1,
        margin: float = 1.0,
        weight: Any = None,
        size_average: Any = None,
        reduce: Any = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__()
        if p not in (1, 2):
            raise ValueError("only p == 1 and p == 2 supported")
        self.p, self.margin, self.reduction = p, margin, reduction
        self.size_average, self.reduce = size_average, reduce
        _settle(self)
        self.register_buffer("weight", weight)

    def forward(self, input: Any, target: Any) -> Any:
        """Return the loss."""
        return F.multi_margin_loss(
            input, target, p=self.p, margin=self.margin, weight=self.weight,
            reduction=self.reduction,
        )  # fmt: skip
