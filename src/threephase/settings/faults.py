"""What pydantic finds wrong with a value, in the words of a config."""

from collections.abc import Mapping
from typing import Any

_KEYS = "keys with values (`name: value`)"
_LIST = "a list (`[a, b]`)"

# What was meant, where pydantic would say it in Python's words.
_MEANT = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "dict_type": _KEYS,
    "float_parsing": "a number",
    "float_type": "a number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "list_type": _LIST,
    "model_attributes_type": _KEYS,
    "model_type": _KEYS,
    "string_type": "a name",
    "tuple_type": _LIST,
}


def message(fault: Mapping[str, Any]) -> str:
    """What a fault says, without its place, `Input should be a list`, or the line that a validator of ours raised."""
    meant = _MEANT.get(fault["type"])
    return f"Input should be {meant}" if meant else fault["msg"].removeprefix("Value error, ")


def shown(value: object) -> str:
    """A value as a line has room for it."""
    if isinstance(value, dict):
        return _KEYS if value else "an empty block"
    if isinstance(value, list | tuple):
        return "a list"
    told = "so large a number" if isinstance(value, int) and abs(value) >= 10**40 else repr(value)
    return told if len(told) <= 80 else f"{told[:79]}…"
