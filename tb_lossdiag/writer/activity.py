"""What a loss's graph tells of silent units: terms that ask for small activations, as a sparse code's L1 penalty, and rectifiers that let nothing through."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from tb_lossdiag.writer.nodes import WEIGHTED, Node, inputs, kind_of

__all__ = ["asks_for_silence", "shut"]

TERMS = 30  # of a loss, at most
COMBINED = {"Add", "Sub", "Rsub", "Mul", "Div", "Neg"}
"""What makes one loss of several."""
SIZES = {
    "Mean", "Sum", "Abs", "Pow", "Norm", "LinalgVectorNorm", "Sqrt", "Mul", "Div", "View", "Reshape", "UnsafeView", "Squeeze", "Alias", "Clone",
}  # fmt: skip
"""What makes of activations a number that grows with them."""
BENT = {"Relu", "LeakyRelu", "Sigmoid", "Tanh", "Gelu", "Silu", "Elu", "Softplus", "Hardtanh"}
NORMS = {"NativeBatchNorm", "CudnnBatchNorm", "NativeLayerNorm", "NativeGroupNorm"}


def asks_for_silence(loss: Tensor) -> bool:
    """Whether one of several terms is nothing but the size of activations: it is smallest where they are all zero."""
    terms = terms_of(loss)
    return len(terms) > 1 and any(map(is_size, terms))


def shut(nodes: Sequence[Node]) -> bool:
    """Whether a ReLU among these puts out zero for each sample, before the gradient is taken: none goes back through it."""
    for node in nodes:
        if kind_of(node) == "Relu":
            try:
                values = node._saved_result  # noqa: SLF001  (documented: "Saved tensors" in torch's notes)
            except (AttributeError, RuntimeError):  # it is kept otherwise, or no more
                continue
            if isinstance(values, Tensor) and values.numel() and not bool(values.detach().any()):
                return True
    return False


def terms_of(loss: Tensor) -> list[Node]:
    """The nodes that single numbers come from which the loss is added up of; none where they are too many."""
    terms: list[Node] = []
    left = [loss.grad_fn]
    while left:
        node = left.pop()
        if node is None:
            continue
        if kind_of(node) in COMBINED:
            left += inputs(node)
        else:
            terms.append(node)
        if len(terms) + len(left) > TERMS:
            return []
    return terms


def is_size(node: Node) -> bool:
    """Whether it is the size of what an activation puts out, and of nothing else."""
    while kind_of(node) in SIZES and len(inputs(node)) == 1:
        (node,) = inputs(node)
    below = inputs(node)
    return kind_of(node) in BENT and len(below) == 1 and kind_of(below[0]) in WEIGHTED | NORMS
