"""What a word is, with blanks between words and without."""

import pytest

from threephase.encoders.words import by_characters, first_words, is_unspaced, words_of

CHINESE, JAPANESE = "小狗在公园", "子犬は公園"


def test_words_are_what_lies_between_blanks_or_characters_with_their_marks() -> None:
    assert words_of(" a  cat,\tsat ") == [["a"], ["cat,"], ["sat"]]
    assert words_of(f"{CHINESE} iPhone15手机!", characters=True) == [list(CHINESE), ["iPhone15", "手", "机", "!"]]
    # a vowel and a tone stand above their consonant, and another vowel before it
    assert words_of("ที่เล่น", characters=True) == [["ที่", "เ", "ล่", "น"]]
    assert words_of("が", characters=True) == [["が"]]
    assert words_of("か\u3099ん", characters=True) == [["か\u3099", "ん"]]  # が as two signs
    assert words_of("the cat", characters=True) == [["the"], ["cat"]]
    assert words_of("", characters=True) == []


@pytest.mark.parametrize(
    ("text", "unspaced"),
    [(CHINESE, True), (JAPANESE, True), ("ลูกสุนัขวิ่ง", True), ("小 狗 在", False), ("the 小狗 ran", False), ("", False)],
)
def test_auto_takes_characters_text_by_text(text: str, unspaced: bool) -> None:
    assert is_unspaced(text) == unspaced
    assert by_characters(text, "auto") == unspaced
    assert by_characters(text, "characters")
    assert not by_characters(text, "blanks")


@pytest.mark.parametrize(
    ("text", "stop", "characters", "kept"),
    [
        ("the cat sat", 7, False, "the cat"),
        ("the cat sat", 6, False, "the"),
        ("the cat sat", 8, False, "the cat"),
        ("unforeseeable", 3, False, "unforeseeable"),
        (CHINESE, 3, True, "小狗在"),
        (f"{CHINESE} 里iPhone", 9, True, f"{CHINESE} 里"),
        ("ที่เล่น", 1, True, "ที่"),
    ],
)
def test_a_text_is_cut_behind_a_whole_word(text: str, stop: int, characters: bool, kept: str) -> None:
    assert first_words(text, stop, characters) == kept
