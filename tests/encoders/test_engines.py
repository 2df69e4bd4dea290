"""What "auto" means for the arithmetic."""

import time
from typing import Any

import pytest
import torch

from threephase.encoders.engines import bf16_gains, resolve_precision


@pytest.mark.parametrize(("slow", "chosen"), [(torch.bfloat16, "fp32"), (torch.float32, "bf16")])
def test_bf16_is_taken_where_the_processor_has_it_and_gains_by_it(
    slow: torch.dtype, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def product(left: torch.Tensor, right: torch.Tensor) -> Any:
        time.sleep(0.005 if left.dtype == slow else 0.001)

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch, "mm", product)
    for has_it, expected in ((True, chosen), (False, "fp32")):
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda has_it=has_it: has_it)
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
        bf16_gains.cache_clear()
        assert resolve_precision("auto") == expected
    bf16_gains.cache_clear()
    assert resolve_precision("bf16") == "bf16"
