"""Tokens made once are the tokens that the text itself would give."""

from conftest import ODD, as_text
from sentence_transformers import SentenceTransformer

from threephase.encoders.tokens import count_tokens, tokenise


def test_texts_have_their_tokens_cut_at_the_encoders_length(encoder: SentenceTransformer) -> None:
    encoder.max_seq_length = 9
    texts = [*ODD, "the match of the team " * 5]
    tokenised = tokenise(encoder, texts)
    assert len(tokenised) == len(texts)
    for row, text in enumerate(texts):
        assert tokenised[row].tolist() == as_text(encoder, text)
    assert max(len(ids) for ids in tokenised) == 9
    assert count_tokens(encoder, texts)[-1] > 9
