"""``covector tour``: the main job on a few examples, each introduced by one sentence, and training with the result."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import indent

from covector.cli.derive import screen_width
from covector.cli.tour_picture import Curve
from covector.cli.tour_training import REGRESSION, training
from covector.derivation.derivation import derive
from covector.derivation.text import render_text
from covector.errors import CovectorError


@dataclass(frozen=True)
class Stop:
    """One example of the tour: what to look at, the program, and how to see it again."""

    title: str
    says: str
    source: str
    less: bool = False
    fails: bool = False
    wrt: tuple[str, ...] = ()


_LINEAR = "linear[i,j] = sum[k](input[i,k] * weight[j,k]) + bias[j]"
_SOFTMAX = "y[i,j] = exp(x[i,j] - stop(max[k](x[i,k]))) / sum[l](exp(x[i,l] - stop(max[k](x[i,k]))))"
_ATTENTION = """\
S[i,j] = sum[k](Q[i,k] * K[j,k]) * scale
P[i,j] = exp(S[i,j] - stop(max[m](S[i,m]))) / sum[l](exp(S[i,l] - stop(max[m](S[i,m]))))
O[i,d] = sum[j](P[i,j] * V[j,d])"""
_BROKEN = "linear[i,j] = sum[k](input[i,k] * weigth[j,k] + bais[i,j"

STOPS = (
    Stop(
        "A linear layer",
        "You write the forward in index notation; every gradient is derived line by line, down to its matrix form.",
        _LINEAR,
    ),
    Stop(
        "Softmax",
        "The gradient reads y, the value that the forward has computed already, and the stop is proved to do no harm.",
        _SOFTMAX,
        less=True,
    ),
    Stop(
        "Attention",
        "A program of several statements is derived from the last one backward; --less shows the results alone.",
        _ATTENTION,
        less=True,
    ),
    Stop(
        "Linear regression",
        "The loss of a page of notes: ∂Loss/∂Y is its G, and both gradients are products with it.",
        REGRESSION,
        less=True,
        wrt=("Y", "W", "b"),
    ),
    Stop("A mistake", "What is wrong is shown where it is, with what would work.", _BROKEN, fails=True),
)

_NEXT = """\
Try next
  covector derive "y[i] = sum[k](A[i,k] * x[k])"                    a forward of your own
  covector derive "y = tanh(x @ w)" --shape x:M,K --shape w:K,N     in matrix form, with the shapes
  covector derive --lang zh --format markdown --file forward.txt    a page, in Chinese
  covector derive --numpy "y[i] = log(x[i])"                        the gradients as NumPy source
  covector ops                                                      the operations that covector knows
"""


def tour_text(lang: str = "en", curves: list[Curve] | None = None) -> Iterator[str]:
    """The tour, part by part, so that each is seen as soon as it is ready; ``curves`` takes the losses of trainings."""
    for number, stop in enumerate(STOPS, 1):
        yield f"{_heading(number, stop.title, stop.says)}{_command(stop)}\n\n{_shown(stop, lang)}\n\n"
    for number, part in enumerate(training(), len(STOPS) + 1):
        if curves is not None and part.curve is not None:
            curves.append(part.curve)
        yield f"{_heading(number, part.title, part.says)}{indent(part.text, '  ')}\n\n"
    yield _NEXT


def _heading(number: int, title: str, says: str) -> str:
    return f"{number}. {title}\n   {says}\n\n"


def _command(stop: Stop) -> str:
    options = (" --less" if stop.less else "") + (f" --wrt {','.join(stop.wrt)}" if stop.wrt else "")
    return f'$ covector derive{options} "{stop.source}"'


def _shown(stop: Stop, lang: str) -> str:
    """The derivation, or the error that is the point of the example."""
    try:
        return render_text(derive(stop.source, wrt=stop.wrt or None).record, lang, stop.less, screen_width())
    except CovectorError as error:
        if not stop.fails:
            raise
        return f"covector: {error.render()}"
