"""What the commands and signs of a formula are: data only."""

from __future__ import annotations


def _words(text: str) -> list[str]:
    return text.split()


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


_GREEK = _words("""
    alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa varkappa lambda mu
    nu xi omicron pi varpi rho varrho sigma varsigma tau upsilon phi varphi chi psi omega Gamma
    Theta Lambda Xi Upsilon Phi Psi Omega Sigma Pi
""")
GREEK = dict(
    zip(
        "αβγδεζηθικλμνξοπρςστυφχψωΓΘΛΞΥΦΨΩΣΠ",
        _words("""
    alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho varsigma
    sigma tau upsilon phi chi psi omega Gamma Theta Lambda Xi Upsilon Phi Psi Omega Sigma Pi
"""),
        strict=True,
    )
)

_RELATIONS = {
    "=": "eq",
    "≠": "ne neq",
    "≈": "approx simeq cong",
    "∈": "in",
    "∉": "notin",
    "≤": "le leq leqslant",
    "≥": "ge geq geqslant",
    "<": "lt",
    ">": "gt",
    "→": "rightarrow to longrightarrow xrightarrow",
    "←": "leftarrow gets",
    "⇒": "Rightarrow implies Longrightarrow",
    "⇔": "iff Leftrightarrow",
    "↦": "mapsto",
    "≡": "equiv",
    "∼": "sim",
    "∝": "propto",
    ":": "colon",
    "≜": "triangleq",
    ":=": "coloneqq",
    "≪": "ll",
    "≫": "gg",
    "⊂": "subset subseteq",
}
_TIMES = {
    "·": "cdot bullet",
    "×": "times",
    "⊙": "odot",
    "∘": "circ",
    "⊗": "otimes",
    "*": "ast star",
    "/": "slash div over",
}
_BIG = {
    "sum": "sum",
    "prod": "prod",
    "max": "max",
    "min": "min",
    "sup": "max",
    "inf": "min",
    "lim": "lim",
    "argmax": "argmax",
    "argmin": "argmin",
}
_FUNCTIONS = _words("""
    log ln exp sin cos tan tanh sinh cosh cot sec csc arcsin arccos arctan det dim ker Pr tr arg
    sign sgn
""")
_ACCENTS = _words("hat widehat bar overline tilde widetilde vec dot ddot underline check breve")
_FONTS = _words("mathbf mathbb mathcal boldsymbol bm mathfrak mathscr pmb mathsfit symbf")
_SYMBOLS = {
    "infty": "inf",
    "ell": "ell",
    "hbar": "hbar",
    "imath": "i",
    "jmath": "j",
    "top": "⊤",
    "intercal": "⊤",
    "prime": "′",
    "dagger": "†",
    "emptyset": "∅",
    "Re": "Re",
    "Im": "Im",
}
_DOTS = _words("dots ldots cdots vdots ddots dotsc dotsb dotsm dotso hdots iddots")

Kind = tuple[str, str]
COMMANDS: dict[str, Kind] = {
    **{name: ("name", name) for name in _GREEK},
    **{name: ("relation", sign) for sign, names in _RELATIONS.items() for name in names.split()},
    **{name: ("times", sign) for sign, names in _TIMES.items() for name in names.split()},
    **{name: ("big", operation) for name, operation in _BIG.items()},
    **{name: ("function", name) for name in _FUNCTIONS},
    **{name: ("accent", name) for name in _ACCENTS},
    **{name: ("font", name) for name in _FONTS},
    **{name: ("name", sign) for name, sign in _SYMBOLS.items()},
    **dict.fromkeys(_DOTS, ("dots", "…")),
    **{name: ("frac", name) for name in ("frac", "dfrac", "tfrac", "cfrac")},
    "sqrt": ("sqrt", "sqrt"),
    "partial": ("differential", "∂"),
    "nabla": ("differential", "∇"),
    "Delta": ("differential", "Δ"),
    "pm": ("sum", "±"),
    "mp": ("sum", "±"),
    "quad": ("quad", ""),
    "qquad": ("quad", ""),
    "lvert": ("open", "|"),
    "rvert": ("close", "|"),
    "lVert": ("open", "‖"),
    "rVert": ("close", "‖"),
    "vert": ("bar", "|"),
    "mid": ("bar", "|"),
    "Vert": ("norm", "‖"),
    "lbrace": ("open", "{"),
    "rbrace": ("close", "}"),
    "lbrack": ("open", "["),
    "rbrack": ("close", "]"),
    "langle": ("open", "⟨"),
    "rangle": ("close", "⟩"),
    "therefore": ("words", "所以"),
    "because": ("words", "因为"),
    "land": ("words", "and"),
    "wedge": ("words", "and"),
    "lor": ("words", "or"),
    "lbr": ("newline", "\\\\"),
    "newline": ("newline", "\\\\"),
}

SIGNS: dict[str, Kind] = {
    "+": ("sum", "+"),
    "-": ("sum", "-"),
    "−": ("sum", "-"),
    "–": ("sum", "-"),
    "±": ("sum", "±"),
    "＋": ("sum", "+"),
    "－": ("sum", "-"),
    "*": ("times", "*"),
    "∗": ("times", "*"),
    "·": ("times", "·"),
    "⋅": ("times", "·"),
    "×": ("times", "×"),
    ".": ("times", "."),
    "@": ("times", "@"),
    "⊙": ("times", "⊙"),
    "∘": ("times", "∘"),
    "⊗": ("times", "⊗"),
    "/": ("times", "/"),
    "÷": ("times", "/"),
    "=": ("relation", "="),
    "＝": ("relation", "="),
    "≠": ("relation", "≠"),
    "≈": ("relation", "≈"),
    "∈": ("relation", "∈"),
    "→": ("relation", "→"),
    "⇒": ("relation", "⇒"),
    "≤": ("relation", "≤"),
    "≥": ("relation", "≥"),
    "<": ("relation", "<"),
    ">": ("relation", ">"),
    "∝": ("relation", "∝"),
    "≡": ("relation", "≡"),
    "∼": ("relation", "∼"),
    ":": ("relation", ":"),
    "：": ("relation", ":"),
    "←": ("relation", "←"),
    "(": ("open", "("),
    "（": ("open", "("),
    ")": ("close", ")"),
    "）": ("close", ")"),
    "[": ("open", "["),
    "]": ("close", "]"),
    "【": ("open", "["),
    "】": ("close", "]"),
    "{": ("group", "{"),
    "}": ("endgroup", "}"),
    "|": ("bar", "|"),
    "_": ("sub", "_"),
    "^": ("sup", "^"),
    ",": ("comma", ","),
    "，": ("comma", ","),
    "、": ("comma", ","),
    ";": ("comma", ";"),
    "；": ("comma", ";"),
    "。": ("stop", "。"),
    "&": ("amp", "&"),
    "∂": ("differential", "∂"),
    "∇": ("differential", "∇"),
    "Δ": ("differential", "Δ"),
    "∆": ("differential", "Δ"),
    "∑": ("big", "sum"),
    "∏": ("big", "prod"),
    "√": ("sqrt", "sqrt"),
    "ᵀ": ("raised", "⊤"),
    "⊤": ("name", "⊤"),
    "²": ("raised", "2"),
    "³": ("raised", "3"),
    "′": ("prime", "'"),
    "’": ("prime", "'"),
    "ℝ": ("name", "ℝ"),
    "∞": ("name", "inf"),
    "!": ("factorial", "!"),
    "?": ("unknown", "?"),
}

ENTITIES: dict[str, Kind | None] = {
    "&lt;": ("relation", "<"),
    "&gt;": ("relation", ">"),
    "&amp;": ("amp", "&"),
    "&nbsp;": None,
    "&emsp;": None,
    "&ensp;": None,
    "&times;": ("times", "×"),
    "&middot;": ("times", "·"),
    "&minus;": ("sum", "-"),
}
ASSIGNMENTS = {":=": ":=", "!=": "≠", "<=": "≤", ">=": "≥", "->": "→", "=>": "⇒", "==": "="}

# Commands of size: the side of their bracket, '' where the bracket itself says it.
SIZES = {
    "left": "open",
    "right": "close",
    "middle": "",
    "big": "",
    "Big": "",
    "bigg": "",
    "Bigg": "",
    "bigl": "open",
    "Bigl": "open",
    "biggl": "open",
    "Biggl": "open",
    "bigr": "close",
    "Bigr": "close",
    "biggr": "close",
    "Biggr": "close",
}
TEXTS = _set("""
    text textrm textbf textit texttt textsf mbox mathrm mathit mathsf mathtt operatorname
    operatorname* rm
""")
IGNORED = _set("""
    displaystyle textstyle scriptstyle limits nolimits nonumber notag hfill hline left. enspace
    thinspace medspace negthinspace allowbreak noindent centering small large
""")
IGNORED_WITH_ARGUMENT = _set("tag tag* label hspace hspace* vspace vspace* phantom color ref eqref")
MACROS = _set("""
    def edef gdef xdef let newcommand newcommand* renewcommand renewcommand* providecommand
    DeclareMathOperator DeclareMathOperator* newenvironment futurelet expandafter csname catcode
    input include require loop
""")
MATRICES = {
    "matrix": "",
    "bmatrix": "[",
    "pmatrix": "(",
    "vmatrix": "|",
    "Vmatrix": "‖",
    "Bmatrix": "{",
    "smallmatrix": "",
    "array": "",
}
LAYOUTS = _set("""
    align aligned alignat alignedat gather gathered split equation eqnarray multline displaymath
    math flalign
""")
ENVIRONMENTS = frozenset(MATRICES) | LAYOUTS | {"cases", "dcases"}
MODULES = _set("np numpy torch jnp jax tf")

# Words between formulas: they end a statement.
CONNECTIVES = _set("""
    if when where for otherwise else and or with then so thus hence since because is are let be
    given all such that iff as we have i.e. e.g. st s.t. respectively 当 其中 且 则 或 和 与 所以 即 时 因为 因此 如果
    若 否则 其他 其它 故 又 由于 以及 有 得 得到 可得 对于 对 是 设 令 并且 而 那么
""")
# Short words that are names, where letters of that number would otherwise be several.
WORDS = _set("""
    lr in out max min row col bs wd id tr ln lg fan top bot new old reg mse hid ref dim num avg std
    var img vec pad emb ctx enc dec src tgt cls key val head gt
""")
FUNCTION_LETTERS = _set("f g h L sigma phi psi varphi")
FUNCTION_WORDS = _set("""
    sum mean max min exp log ln tr sqrt tanh sin cos relu softmax sigmoid norm diag dot outer trace
    abs sign var std reshape transpose ReLU Softmax Sigmoid LayerNorm BatchNorm LN BN vec det conv
    erf gelu GELU onehot concat Concat
""")
