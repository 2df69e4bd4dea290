"""Batches without padding: the tokens of all texts of a batch in one row after another."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

# Attention needs texts side by side. A group of texts is padded to its longest; a group holds at most so many
# scores (texts × tokens²), which keeps what attention works on inside a core's cache, and no text of less than
# half the length of its longest.
SCORES_OF_A_GROUP = 65_536


@dataclass(frozen=True)
class Group:
    """Texts that attention sees side by side, padded to the longest: token rows `start` to `stop` of the batch."""

    start: int
    stop: int
    texts: int
    tokens: int  # of the longest text
    places: Tensor | None  # (stop - start,) of each token row in texts × tokens; None where nothing is padded
    padding: Tensor | None  # (texts, tokens) True where padded

    @property
    def rows(self) -> int:
        """Rows with padding."""
        return self.texts * self.tokens


@dataclass(frozen=True)
class PackedBatch:
    """Token ids of b texts, n in all, the longest text first.

    ids: (n,) token ids, special ones counted.
    lengths: (b,) tokens of each text, in the order of the rows.
    order: (b,) which text of the caller each one is.
    """

    ids: Tensor
    lengths: np.ndarray
    order: np.ndarray

    @classmethod
    def of(cls, texts: Sequence[np.ndarray]) -> "PackedBatch":
        """Pack texts, each given as its token ids."""
        lengths = np.fromiter((len(text) for text in texts), dtype=np.int64, count=len(texts))
        order = np.argsort(-lengths, kind="stable")
        ids = np.concatenate([texts[place] for place in order]).astype(np.int64)
        return cls(torch.from_numpy(ids), lengths[order], order)

    @cached_property
    def starts(self) -> np.ndarray:
        """(b + 1,) where each text begins, and the end."""
        return np.concatenate([[0], np.cumsum(self.lengths)])

    @cached_property
    def positions(self) -> Tensor:
        """(n,) place of each token in its text."""
        return torch.from_numpy(np.arange(self.starts[-1]) - np.repeat(self.starts[:-1], self.lengths))

    @cached_property
    def text_of(self) -> Tensor:
        """(n,) which row of `lengths` each token belongs to."""
        return torch.from_numpy(np.repeat(np.arange(len(self.lengths)), self.lengths))

    @cached_property
    def back(self) -> Tensor:
        """(b,) brings one value for each text into the caller's order."""
        return torch.from_numpy(np.argsort(self.order))

    @cached_property
    def groups(self) -> list[Group]:
        """The texts as attention takes them."""
        bounds, longest = [0], int(self.lengths[0])
        for place, length in enumerate(self.lengths.tolist()):
            texts = place - bounds[-1]
            if texts and ((texts + 1) * longest**2 > SCORES_OF_A_GROUP or 2 * length < longest):
                bounds.append(place)
                longest = length
        return [self._group(first, last) for first, last in pairwise([*bounds, len(self.lengths)])]

    def _group(self, first: int, last: int) -> Group:
        lengths = self.lengths[first:last]
        start, stop, tokens = int(self.starts[first]), int(self.starts[last]), int(lengths[0])
        if lengths[-1] == tokens:
            return Group(start, stop, len(lengths), tokens, None, None)
        text_of = self.text_of[start:stop] - first
        places = text_of * tokens + self.positions[start:stop]
        padding = torch.from_numpy(np.arange(tokens)[None] >= lengths[:, None])
        return Group(start, stop, len(lengths), tokens, places, padding)

    def without_last(self) -> "PackedBatch":
        """The texts without their last token, as a decoder reads them."""
        return PackedBatch(self.ids[self._all_but(last=True)], self.lengths - 1, self.order)

    def next_ids(self) -> Tensor:
        """(n - b,) the token that follows each one of `without_last`."""
        return self.ids[self._all_but(last=False)]

    def _all_but(self, last: bool) -> Tensor:
        keep = np.ones(int(self.starts[-1]), dtype=bool)
        keep[self.starts[1:] - 1 if last else self.starts[:-1]] = False
        return torch.from_numpy(np.flatnonzero(keep))
