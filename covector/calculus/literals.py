"""Rules that settle what is about numbers alone and leave everything else as it was written."""

from __future__ import annotations

from covector.calculus.conditions import fold_comparison, fold_select
from covector.calculus.rewrite import Rule
from covector.ir.fold import fold_once

LITERALS = (
    Rule("compare-numbers", "eq ne lt le", "[2 = 0] * a", "0 * a", fold_comparison),
    Rule("settled-select", "Select", "select(a < b, c, 0)", "[a < b] * c", fold_select),
    Rule("settle", "add sub neg mul pow", "(2 - 1) * a", "a", fold_once),
)
