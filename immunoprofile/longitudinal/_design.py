"""Designs: a formula becomes columns with R's names, and the contrast rows of one factor.

Levels are those of a categorical column, else sorted text; levels without a row are dropped; the first level
is the reference of the coefficients.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from itertools import product
from keyword import iskeyword
from typing import TYPE_CHECKING, Any

import numpy as np

from immunoprofile.core import ImmunoprofileWarning, close_names, listed
from immunoprofile.longitudinal._errors import DesignError, UnknownLevelError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

MOST_SITES = 50
"""Distinct whole numbers up to which a numeric site column is taken for codes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """A formula's sides.

    Attributes
    ----------
    response : str
        Column of the left side.
    terms : tuple of tuple of str
        Factors of each term of the right side; ``()`` is the intercept.
    code : frozenset of str
        Factors that are expressions, as the caller wrote them; every other one is the name of a column, and
        stays one whatever its characters mean in Python.
    """

    response: str
    terms: tuple[tuple[str, ...], ...]
    code: frozenset[str] = frozenset()

    @property
    def right(self) -> str:
        """The right side as text."""
        texts = [":".join(map(self._written, term)) if term else "1" for term in self.terms]
        return " + ".join(texts if () in self.terms else ["0", *texts])

    def _written(self, name: str) -> str:
        plain = name in self.code or (name.isidentifier() and not iskeyword(name))
        return name if plain else f"`{name}`"

    @property
    def factors(self) -> tuple[str, ...]:
        """Every factor once, in order."""
        return tuple(dict.fromkeys(name for term in self.terms for name in term))

    def without(self, *names: str) -> Parsed:
        """Give the formula with some factors taken out of every term."""
        kept = (tuple(name for name in term if name not in names) for term in self.terms)
        terms = tuple(dict.fromkeys(term for term in kept))
        if () not in self.terms:
            terms = tuple(term for term in terms if term)
        return Parsed(response=self.response, terms=terms, code=self.code)

    def partners(self, name: str) -> tuple[str, ...]:
        """Give the factors that share a term with `name`."""
        shared = (term for term in self.terms if name in term)
        return tuple(dict.fromkeys(other for term in shared for other in term if other != name))


def parse(formula: str) -> Parsed:
    """Read a formula.

    Raises
    ------
    DesignError
        ``formula_invalid``.
    """
    from formulaic import Formula
    from formulaic.errors import FormulaicError

    try:
        read = Formula(formula)
    except (FormulaicError, SyntaxError) as error:
        hint = "as in 'change ~ baseline + arm + site'"
        raise DesignError("formula_invalid", f"{formula!r} is no formula: {error}", hint=hint) from error
    if not hasattr(read, "lhs"):
        hint = "as in 'change ~ baseline + arm + site'"
        raise DesignError("formula_invalid", f"{formula!r} has no response", hint=hint)
    response = [str(factor) for term in read.lhs for factor in term.factors]
    if len(response) != 1:
        raise DesignError("formula_invalid", f"{formula!r} has {len(response)} responses", hint="name one")
    terms: list[tuple[str, ...]] = []
    code: set[str] = set()
    for term in read.rhs:
        names = tuple(str(factor) for factor in term.factors)
        terms.append(() if names == ("1",) else names)
        code.update(str(factor) for factor in term.factors if factor.eval_method.value != "lookup")
    return Parsed(response=response[0], terms=tuple(terms), code=frozenset(code))


def variables_of(parsed: Parsed) -> tuple[str, ...]:
    """Name the columns that the right side reads."""
    from formulaic import Formula

    names = {name for name in parsed.factors if name not in parsed.code}
    for expression in parsed.code.intersection(parsed.factors):
        if not expression.isdecimal():
            names |= {str(name) for name in Formula(f"0 + {expression}").required_variables}
    return tuple(sorted(names))


def check_columns(frame: pd.DataFrame, names: Sequence[str]) -> None:
    """Refuse a name that is no column.

    Raises
    ------
    DesignError
        ``no_column``, with the nearest columns.
    """
    known = [str(name) for name in frame.columns]
    for name in names:
        if name not in known:
            near = close_names(str(name), known) or known
            raise DesignError("no_column", f"no column {name!r}", hint=f"nearest: {listed(near)}")


def with_levels(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Make every column that is not numeric categorical, without unused levels."""
    import pandas as pd

    out: dict[str, pd.Series] = {}
    for name in names:
        column = frame[name]
        if isinstance(column.dtype, pd.CategoricalDtype):
            out[name] = column.cat.remove_unused_categories().cat.as_unordered()
        elif pd.api.types.is_bool_dtype(column.dtype):
            out[name] = column.astype("float64")
        elif pd.api.types.is_numeric_dtype(column.dtype):
            out[name] = column.astype("float64")
            _warn_of_codes(str(name), out[name])
        else:
            text = column.astype("string").astype(object)
            out[name] = pd.Series(
                pd.Categorical(text, categories=sorted(set(text.dropna()))), index=column.index
            )
    return pd.DataFrame(out, index=frame.index)


def _warn_of_codes(name: str, column: pd.Series) -> None:
    folded = name.casefold()
    if not any(word in folded for word in ("site", "centre", "center")):
        return
    known = column.dropna()
    if known.nunique() <= min(MOST_SITES, len(known) // 2) and (known == known.round()).all():
        text = f"column {name!r} holds {known.nunique()} whole numbers and enters as a slope"
        hint = "make it text or categorical if they are codes of sites"
        warnings.warn(ImmunoprofileWarning(f"{text}; {hint}", "numeric_site"), stacklevel=2)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Design:
    """Columns of a formula over some rows.

    Attributes
    ----------
    names : tuple of str
        R's names of the columns.
    matrix : ndarray, shape (n_rows, n_columns)
    spec : formulaic.ModelSpec
        The remembered encoding.
    levels : mapping of str to tuple of str
        Levels of each factor column.
    means : mapping of str to float
        Mean of each numeric column.
    """

    names: tuple[str, ...]
    matrix: NDArray[np.float64]
    spec: Any
    levels: Mapping[str, tuple[Any, ...]]
    means: Mapping[str, float]
    rows: pd.DataFrame

    def encoded(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """Encode other rows as these were."""
        return np.asarray(self.spec.get_model_matrix(frame), dtype=np.float64)


def build(parsed: Parsed, frame: pd.DataFrame) -> Design:
    """Build the design of complete rows (columns as :func:`with_levels` makes them)."""
    import pandas as pd
    from formulaic import Formula
    from formulaic.errors import FormulaicError

    try:
        made = Formula(parsed.right).get_model_matrix(frame, na_action="raise")
    except (FormulaicError, ValueError, TypeError, NameError) as error:
        raise DesignError("formula_invalid", f"{parsed.right!r} cannot be built: {error}") from error
    levels, means = {}, {}
    for name in frame.columns:
        if isinstance(frame[name].dtype, pd.CategoricalDtype):
            levels[str(name)] = tuple(frame[name].cat.categories)
        else:
            means[str(name)] = float(frame[name].mean())
    names = tuple(_r_name(str(name)) for name in made.columns)
    return Design(
        names=names,
        matrix=np.asarray(made, dtype=np.float64),
        spec=made.model_spec,
        levels=levels,
        means=means,
        rows=frame,
    )


def _r_name(name: str) -> str:
    return "(Intercept)" if name == "Intercept" else name.replace("[T.", "").replace("]", "")


def grid(design: Design, factor: str, *, others: Sequence[str]) -> tuple[pd.DataFrame, list[Any]]:
    """Give every combination of a factor's levels with those of `others`, the rest held at one value.

    Numeric columns are at their mean, factors outside `others` at their first level.
    """
    import pandas as pd

    if factor not in design.levels:
        hint = f"factors are {listed(sorted(design.levels))}" if design.levels else "the design has no factor"
        raise DesignError("factor_unknown", f"{factor!r} is no factor of the formula", hint=hint)
    crossed = [factor, *(name for name in others if name in design.levels and name != factor)]
    combos = list(product(*(design.levels[name] for name in crossed)))
    made: dict[str, Any] = dict.fromkeys(design.rows.columns)
    for name in design.rows.columns:
        if name in crossed:
            values = [combo[crossed.index(name)] for combo in combos]
            made[name] = pd.Categorical(values, categories=list(design.levels[name]))
        elif name in design.levels:
            first = design.levels[name][0]
            made[name] = pd.Categorical([first] * len(combos), categories=list(design.levels[name]))
        else:
            made[name] = np.full(len(combos), design.means[name])
    return pd.DataFrame(made), [combo[0] for combo in combos]


def check_reference(reference: object, levels: Sequence[Any], factor: str) -> None:
    """Refuse a reference that is no level.

    Raises
    ------
    UnknownLevelError
        ``reference_unknown``, with the nearest levels.
    """
    if reference in levels:
        return
    near = close_names(str(reference), [str(level) for level in levels]) or [str(level) for level in levels]
    raise UnknownLevelError(
        "reference_unknown",
        f"{reference!r} is no level of {factor!r}",
        hint=f"nearest: {listed(near)}",
    )


def pivoted(matrix: NDArray[np.float64]) -> list[int]:
    """Choose the columns to keep: the earliest that are no combination of those before (1e-7 of the norm)."""
    kept: list[int] = []
    basis = np.empty((matrix.shape[0], 0))
    for place in range(matrix.shape[1]):
        column = matrix[:, place]
        norm = float(np.linalg.norm(column))
        rest = column - basis @ (basis.T @ column)
        rest = rest - basis @ (basis.T @ rest)  # twice is enough (Parlett, The Symmetric Eigenvalue Problem)
        size = float(np.linalg.norm(rest))
        if norm > 0 and size > 1e-7 * norm and len(kept) < matrix.shape[0]:
            kept.append(place)
            basis = np.column_stack([basis, rest / size])
    return kept
