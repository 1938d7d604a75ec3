"""Every phrase of a derivation, in each language; a language is added by adding its column here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from covector.derivation.record import Reason
from covector.errors import CovectorError, nearest

LANGUAGES: Mapping[str, str] = MappingProxyType({"en": "English", "zh": "中文"})

_PHRASES: Mapping[str, tuple[str, str]] = {
    # titles, as they stand over a part of the page
    "forward": ("Forward", "前向"),
    "derivatives": ("Derivatives", "求导"),
    "derivative of {x}": ("Derivative with respect to {x}", "{x} 求导"),
    "chain rule": ("Chain rule", "链式法则"),
    "element form": ("Element form", "元素形式"),
    "matrix form": ("Matrix form", "矩阵形式"),
    "written out": ("Written out", "展开"),
    "cases": ("Cases", "情形"),
    "verification": ("Verification", "验证"),
    "as text": ("As text", "文本"),
    # labels, as they stand in the margin of the terminal
    "forward:": ("forward", "前向"),
    "chain rule:": ("chain", "链式法则"),
    "element form:": ("element", "元素形式"),
    "matrix form:": ("matrix", "矩阵形式"),
    "written out:": ("whole", "展开"),
    "verification:": ("checked", "验证"),
    "note:": ("note", "注"),
    # sentences
    "cotangent of the output": (
        "{G}, where {L} is any scalar that depends on {y}",
        "{G}，其中 {L} 是依赖于 {y} 的任意标量",
    ),
    "zero": ("{y} does not depend on {x}: the gradient is zero", "{y} 与 {x} 无关：梯度为零"),
    "flat": (
        "{y} is constant in {x} almost everywhere: the gradient is zero",
        "{y} 关于 {x} 几乎处处为常数：梯度为零",
    ),
    "stopped": (
        "with every stop held constant, {y} is constant in {x} almost everywhere: the gradient is zero",
        "将每个 stop 视为常数时，{y} 关于 {x} 几乎处处为常数：梯度为零",
    ),
    "checked": (
        "against finite differences at {shapes}, largest relative error {error}",
        "与有限差分比较，{shapes}，最大相对误差 {error}",
    ),
    "unchecked": (
        "not checked: no point was found at which the forward is smooth and finite",
        "未验证：没有找到使前向光滑且有限的点",
    ),
    "dual": (" (dual numbers: {error})", "（对偶数：{error}）"),
    "shape": ("{count} shape", "{count} 组形状"),
    "shapes": ("{count} shapes", "{count} 组形状"),
    "agrees": ("found equal at random points", "在随机点上相等"),
    "harmless stop": (
        "{stop} changes nothing: proved",
        "{stop} 不影响梯度：已证明",
    ),
    "needed stop": (
        "{stop} is held constant, which was not proved to change nothing",
        "{stop} 视为常数：未能证明不影响梯度",
    ),
    # punctuation
    "comma": (", ", "，"),
    "colon": (": ", "："),
    "reason": ("({reason})", "（{reason}）"),
    "otherwise": ("otherwise", "其他"),
}


class Words:
    """The phrases of one language."""

    def __init__(self, lang: str = "en") -> None:
        if lang not in LANGUAGES:
            known = ", ".join(f"{code} ({name})" for code, name in LANGUAGES.items())
            close = nearest(str(lang), LANGUAGES)
            raise CovectorError(
                f"derivations are not written in the language {lang!r}",
                hint=f"did you mean {close}? There are: {known}" if close else f"there are: {known}",
            )
        self.lang = lang
        self._column = list(LANGUAGES).index(lang)

    def __call__(self, phrase: str, **values: str) -> str:
        """A phrase with its blanks filled in.

        >>> Words("zh")("chain rule"), Words("en")("shapes", count="3")
        ('链式法则', '3 shapes')
        """
        return _PHRASES[phrase][self._column].format_map(values)

    def template(self, phrase: str) -> str:
        """A phrase with its blanks left open, to be filled with formulas."""
        return _PHRASES[phrase][self._column]

    def reasons(self, found: tuple[Reason, ...]) -> str:
        """The titles of reasons, each once, in order; empty where none has one."""
        titles = [reason.title_zh or reason.title if self.lang == "zh" else reason.title for reason in found]
        return self("comma").join(dict.fromkeys(title for title in titles if title))
