"""The scales that cuts are placed on: linear, log, arcsinh, logicle. Each is monotone and has an inverse."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

import numpy as np

from immunoprofile.core import PanelError
from immunoprofile.transform._logicle import biexponential, root, value

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


class Transform(Protocol):
    """A scale of a channel.

    Attributes
    ----------
    kind : str
        ``linear``, ``log``, ``arcsinh`` or ``logicle``.
    """

    kind: ClassVar[str]

    def apply(self, x: ArrayLike) -> NDArray[np.float64]:
        """Give the display values z of linear values x; never falls where x grows."""
        ...

    def inverse(self, z: ArrayLike) -> NDArray[np.float64]:
        """Give the linear values of display values."""
        ...

    def parameters(self) -> dict[str, float]:
        """Give the parameters by name."""
        ...

    def __hash__(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Linear:
    """The values as they are: z = x."""

    kind: ClassVar[str] = "linear"

    def apply(self, x: ArrayLike) -> NDArray[np.float64]:
        """Give x itself."""
        return np.asarray(x, dtype=np.float64)

    def inverse(self, z: ArrayLike) -> NDArray[np.float64]:
        """Give z itself."""
        return np.asarray(z, dtype=np.float64)

    def parameters(self) -> dict[str, float]:
        """Give no parameters."""
        return {}


@dataclass(frozen=True, slots=True)
class Log:
    """Logarithm: z = log10(x / T) / M + 1; minus infinity for x <= 0.

    Attributes
    ----------
    T : float
        Linear value that becomes 1.
    M : float
        Decades from 0 to 1.
    """

    T: float
    M: float
    kind: ClassVar[str] = "log"

    def __post_init__(self) -> None:
        _positive(self.kind, T=self.T, M=self.M)

    def apply(self, x: ArrayLike) -> NDArray[np.float64]:
        """Give display values."""
        values = np.asarray(x, dtype=np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            shown = np.log10(values / self.T) / self.M + 1.0
        return np.where(values <= 0, -np.inf, shown)

    def inverse(self, z: ArrayLike) -> NDArray[np.float64]:
        """Give linear values."""
        with np.errstate(over="ignore"):
            return np.asarray(self.T * np.power(10.0, (np.asarray(z, dtype=np.float64) - 1.0) * self.M))

    def parameters(self) -> dict[str, float]:
        """Give T and M."""
        return {"T": self.T, "M": self.M}


@dataclass(frozen=True, slots=True)
class Arcsinh:
    """Inverse hyperbolic sine: z = asinh(x / cofactor).

    Attributes
    ----------
    cofactor : float
        Linear value around which the scale turns from linear to logarithmic; 150 is usual for fluorescence.
    """

    cofactor: float = 150.0
    kind: ClassVar[str] = "arcsinh"

    def __post_init__(self) -> None:
        _positive(self.kind, cofactor=self.cofactor)

    def apply(self, x: ArrayLike) -> NDArray[np.float64]:
        """Give display values."""
        with np.errstate(over="ignore"):
            return np.asarray(np.arcsinh(np.asarray(x, dtype=np.float64) / self.cofactor))

    def inverse(self, z: ArrayLike) -> NDArray[np.float64]:
        """Give linear values."""
        with np.errstate(over="ignore"):
            return np.asarray(np.sinh(np.asarray(z, dtype=np.float64)) * self.cofactor)

    def parameters(self) -> dict[str, float]:
        """Give the cofactor."""
        return {"cofactor": self.cofactor}


@dataclass(frozen=True, slots=True)
class Logicle:
    """Logicle: linear around zero, logarithmic above, 1 at T.

    Attributes
    ----------
    T : float
        Linear value that becomes 1.
    W : float
        Decades of the linear zone, 0 <= W <= M / 2.
    M : float
        Decades that the scale would have if it were logarithmic.
    A : float
        Further decades of negative values, -W <= A <= M - 2 W.

    References
    ----------
    Moore, Parks 2012, doi:10.1002/cyto.a.22030
    """

    T: float = 262144.0
    W: float = 0.5
    M: float = 4.5
    A: float = 0.0
    kind: ClassVar[str] = "logicle"

    def __post_init__(self) -> None:
        _positive(self.kind, T=self.T, M=self.M)
        if not 0 <= self.W <= self.M / 2:
            raise _refused(self.kind, f"W is {self.W!r}", hint="0 <= W <= M / 2")
        if not -self.W <= self.A <= self.M - 2 * self.W:
            raise _refused(self.kind, f"A is {self.A!r}", hint="-W <= A <= M - 2 W")

    def apply(self, x: ArrayLike) -> NDArray[np.float64]:
        """Give display values."""
        curve = biexponential(self.T, self.W, self.M, self.A)
        return root(curve, np.asarray(x, dtype=np.float64))

    def inverse(self, z: ArrayLike) -> NDArray[np.float64]:
        """Give linear values."""
        curve = biexponential(self.T, self.W, self.M, self.A)
        return value(curve, np.asarray(z, dtype=np.float64))

    def parameters(self) -> dict[str, float]:
        """Give T, W, M and A."""
        return {"T": self.T, "W": self.W, "M": self.M, "A": self.A}


def _positive(kind: str, **parameters: float) -> None:
    for name, number in parameters.items():
        if not (math.isfinite(number) and number > 0):
            raise _refused(kind, f"{name} is {number!r}", hint=f"{name} is a finite number above 0")


def _refused(kind: str, problem: str, *, hint: str) -> PanelError:
    return PanelError("TRANSFORM_INVALID", problem, where=f"transform {kind}", hint=hint)
