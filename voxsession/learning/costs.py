"""What the tokens that models reported cost, at the prices that the app gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from voxsession.core.types import check_number, check_text
from voxsession.errors import ConfigurationError

__all__ = ["ANY_MODEL", "check_prices", "costs_of"]

#: The name that gives a price to every model without one of its own.
ANY_MODEL: Final = "*"
_KINDS: Final = ("input", "output")
_MILLION: Final = 1_000_000
_HIGHEST: Final = 10**9


def check_prices(value: object) -> dict[str, dict[str, float]]:
    """Prices as they are computed with.

    Args:
        value: Model -> ``{"input": 2.5, "output": 10}``, per million tokens in the app's own currency; the model
            ``"*"`` stands for all others.

    Raises:
        ConfigurationError: It has another form, or a price is no number from 0 up.

    Example:
        >>> check_prices({"*": {"input": 1, "output": 2.5}})
        {'*': {'input': 1.0, 'output': 2.5}}
    """
    checked: dict[str, dict[str, float]] = {}
    for model, price in _table("token_prices", value).items():
        where = f"token_prices[{check_text('model of token_prices', model)[:60]!r}]"
        given = _table(where, price)
        if set(given) != set(_KINDS):
            raise ConfigurationError.out_of_range(
                where, sorted(map(str, given)), "give input and output, each per million tokens"
            )
        checked[model] = {
            kind: float(check_number(f"{where}.{kind}", given[kind], 0, _HIGHEST)) for kind in _KINDS
        }
    return checked


def costs_of(
    models: Mapping[str, list[int]], prices: Mapping[str, Mapping[str, float]] | None
) -> dict[str, Any]:
    """Cost in all and by model.

    Args:
        models: Name -> replies, input tokens, output tokens; an unnamed model has the name "".
        prices: As `check_prices` gives them; None = no price is known.

    Returns:
        `cost` (None where no reported token has a price), `cost_by_model`, `unpriced_tokens` (reported tokens
        without a price).

    Example:
        >>> costs_of({"a": [1, 1_000_000, 500_000], "b": [1, 7, 3]}, {"a": {"input": 2.0, "output": 10.0}})
        {'cost': 7.0, 'cost_by_model': {'a': 7.0}, 'unpriced_tokens': 10}
    """
    by_model: dict[str, float] = {}
    unpriced = 0
    for name, (_, sent, made) in models.items():
        price = (prices or {}).get(name) or (prices or {}).get(ANY_MODEL)
        if price is None:
            unpriced += sent + made
        else:
            by_model[name] = round((sent * price["input"] + made * price["output"]) / _MILLION, 9)
    return {
        "cost": round(sum(by_model.values()), 9) if by_model else None,
        "cost_by_model": by_model,
        "unpriced_tokens": unpriced,
    }


def _table(option: str, value: object) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    raise ConfigurationError.out_of_range(
        option, type(value).__name__, "a dict is needed, such as {'*': {'input': 2.5, 'output': 10}}"
    )
