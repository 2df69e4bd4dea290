"""What is said to a person is shown, and obeyed by no terminal."""

import pytest

from threephase.errors import DataError, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, naïve, 東京 🙂", "plain, naïve, 東京 🙂"),
        ("\x1b[2J\x07\r\x00\x7f", r"\x1b[2J\x07\r\x00\x7f"),
        ("\x9b31m\u202etxt\u2066\u200b\u2028\ud800", r"\x9b31m\u202etxt\u2066\u200b\u2028\ud800"),
        ("a tab\tand\nlines", "a tab\\tand\nlines"),
    ],
)
def test_control_characters_stand_there_by_their_numbers(text: str, shown: str) -> None:
    assert printable(text) == str(DataError(text)) == shown
    assert printable(shown) == shown
