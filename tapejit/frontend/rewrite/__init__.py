"""Rewriting: a user's function with its control flow turned into calls of a staging object.

Tree in, tree out: this package knows nothing of tracers. The staging object is found under the
global name ``__tapejit__`` when the new code runs, and decides what each call means.
"""

from .code import is_rewritten, rewritten, why_not
from .optout import no_rewrite

__all__ = ["is_rewritten", "no_rewrite", "rewritten", "why_not"]
