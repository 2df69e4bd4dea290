"""Downloads from a Hugging Face hub and from plain addresses: retried, every file checked, the commit recorded."""

import logging
import shutil
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

from threephase.artifacts.folders import ORIGIN, file_hashes, write_json
from threephase.errors import DownloadError
from threephase.settings.base_model import BaseModelSettings
from threephase.settings.dataset import Source

logger = logging.getLogger(__name__)

Result = TypeVar("Result")
ATTEMPTS = 4
# What a base model may consist of. Weights in other formats are left where they are: some may run code when read.
MODEL_FILES = ["*.json", "*.txt", "*.model", "*.safetensors"]
EXPORTS = ["*onnx/*", "*openvino/*"]


class _DamagedError(OSError):
    """A file arrived otherwise than its source says it is."""


def download_dataset(source: Source, folder: Path) -> dict[str, Any]:
    """Write the rows of a hub's dataset as `{split}.parquet`, or the files below a URL, and `origin.json`.

    Classes that the hub keeps as numbers get their names. Returns what `origin.json` says: where from, which
    commit, hashes of the files. Raises DownloadError.
    """
    if source.kind == "hub":
        origin = _download_hub_dataset(source, folder)
    else:
        origin = {"url": source.url}
        for place in places_below_url(source):
            _retried(f"{source.url}/{place}", partial(_get, f"{source.url}/{place}", folder / place))
    origin |= {"files": file_hashes(folder)}
    write_json(folder / ORIGIN, origin)
    return origin


def download_model(settings: BaseModelSettings, folder: Path) -> dict[str, Any]:
    """Write the files of a hub's model and `origin.json`, which this returns. Raises DownloadError."""
    from huggingface_hub import HfApi, snapshot_download

    repository = str(settings.hub)
    what = f"model {repository}"
    info = _retried(what, lambda: HfApi().model_info(repository, revision=settings.revision))
    logger.info("%s is at commit %s", repository, info.sha)
    if not any(file.rfilename.endswith(".safetensors") for file in info.siblings or []):
        raise DownloadError(
            f"{what}: has no weights in safetensors, and other formats may run code when they are read; name a "
            "`revision` that has them (a hub's bot often offers one as refs/pr/1), or convert it and name its `path`"
        )

    def fetch() -> None:
        snapshot_download(
            repository, revision=info.sha, local_dir=folder, allow_patterns=MODEL_FILES, ignore_patterns=EXPORTS
        )
        _refuse_damaged(repository, "model", str(info.sha), folder)

    _retried(what, fetch)
    shutil.rmtree(folder / ".cache", ignore_errors=True)  # the library's own notes on the download
    origin = {"hub": repository, "commit": info.sha, "files": file_hashes(folder)}
    write_json(folder / ORIGIN, origin)
    return origin


def _download_hub_dataset(source: Source, folder: Path) -> dict[str, Any]:
    from huggingface_hub import HfApi

    repository = str(source.hub)
    what = f"dataset {repository}"
    info = _retried(what, lambda: HfApi().dataset_info(repository, revision=source.revision))
    logger.info("%s is at commit %s", repository, info.sha)
    splits = _retried(what, lambda: _load(source, str(info.sha), folder))
    for split, name in source.named_splits.items():
        if name not in splits:
            raise DownloadError(f"{what}: has no split '{name}'; it has: {', '.join(splits)}")
        _with_class_names(splits[name]).to_parquet(folder / f"{split}.parquet")
    return {"hub": repository, "config": source.config, "commit": info.sha}


def _load(source: Source, commit: str, folder: Path) -> Any:
    """All splits of a hub's dataset, loaded by the `datasets` library, each file it fetched checked."""
    from datasets import load_dataset_builder

    with TemporaryDirectory(dir=folder) as cache:
        try:
            builder = load_dataset_builder(str(source.hub), source.config, revision=commit, cache_dir=cache)
            builder.download_and_prepare()
        finally:
            # First, since a damaged file is the likeliest reason for whatever went wrong while it was parsed.
            with suppress(ValueError):  # nothing was fetched, and the error that is under way says why
                _refuse_damaged(str(source.hub), "dataset", commit)
        return builder.as_dataset(in_memory=True)


def _refuse_damaged(repository: str, kind: str, commit: str, folder: Path | None = None) -> None:
    """Compare what was fetched, into a folder or the hub's cache, with the hashes that the hub lists.

    What differs is deleted, so that the next attempt fetches it again. Raises _DamagedError.
    """
    from huggingface_hub import HfApi

    found = HfApi().verify_repo_checksums(repository, repo_type=kind, revision=commit, local_dir=folder)
    for mismatch in found.mismatches:
        path = found.verified_path / mismatch["path"]
        path.resolve().unlink()  # in the cache a file is a link to its content
        path.unlink(missing_ok=True)
    if found.mismatches:
        first = found.mismatches[0]
        raise _DamagedError(f"{first['path']}: its {first['algorithm']} is not the one that the hub lists")


def _with_class_names(rows: Any) -> Any:
    """A table whose classes are names; no number, and the hub's number -1, stand for no label."""
    from datasets import ClassLabel

    for column, feature in list(rows.features.items()):
        if isinstance(feature, ClassLabel):
            names = [None if place is None or place < 0 else feature.names[place] for place in rows[column]]
            rows = rows.remove_columns(column).add_column(column, names)
    return rows


def places_below_url(source: Source) -> list[str]:
    """Files to fetch: those that the source names, or one for each column of a folder that it names.

    Raises DownloadError where one would be written outside of the folder of the download.
    """
    from threephase.data.places import has_known_format

    places = []
    for split, path in source.named_splits.items():
        columns = [source.text, *([] if split == "unlabelled" else source.labels)]
        places += [path] if has_known_format(Path(path)) else [f"{path}/{column}" for column in columns]
    for place in places:
        if not all(part not in ("", ".", "..") and part.isprintable() for part in place.split("/")) or "\\" in place:
            raise DownloadError(f"{place!r}: is no path below `source.url`; write it as folder/file.csv, without '..'")
    return places


def _get(url: str, path: Path) -> None:
    """Fetch one file from a plain address. Raises OSError for what another attempt may mend."""
    import requests

    path.parent.mkdir(parents=True, exist_ok=True)
    with requests.get(url, stream=True, timeout=30) as answer:
        if answer.status_code in {401, 403, 404, 410}:
            raise DownloadError(
                f"{url}: not there (HTTP {answer.status_code}); correct `source.url` or the path below it"
            )
        answer.raise_for_status()
        with path.open("wb") as file:
            for block in answer.iter_content(1 << 20):
                file.write(block)


def _retried(what: str, work: Callable[[], Result]) -> Result:
    """Do the work, again after a pause where a network or server may recover; then say what ways are left."""
    attempts = Retrying(
        stop=stop_after_attempt(ATTEMPTS),
        wait=wait_exponential(max=30),
        retry=retry_if_exception(_may_pass),
        before_sleep=lambda state: logger.warning("%s: attempt %d failed, again soon", what, state.attempt_number),
        reraise=True,
    )
    try:
        return attempts(work)
    except DownloadError:
        raise
    except Exception as error:
        logger.exception("%s", what)
        if _in_cache(error):
            raise DownloadError(
                f"{what}: the hub's cache may not be written ({error}); name another folder in the environment "
                "variable HF_HOME"
            ) from None
        if _may_pass(error):
            raise DownloadError(_unreachable(what, error)) from None
        raise DownloadError(f"{what}: {_first_line(error)}; correct the name, revision or config") from None


def _in_cache(error: BaseException) -> bool:
    """Whether the hub's libraries failed to write where they keep what they fetch."""
    from huggingface_hub.constants import HF_HOME

    named = [error.filename] if isinstance(error, OSError) and error.filename else []
    return any(Path(HF_HOME).is_relative_to(name) or Path(name).is_relative_to(HF_HOME) for name in named)


def _may_pass(error: BaseException) -> bool:
    """Whether another attempt may help: no connection, a broken one, a busy server, a damaged file."""
    from huggingface_hub.errors import HfHubHTTPError, HTTPError, LocalEntryNotFoundError

    if isinstance(error, LocalEntryNotFoundError):  # the hub's word for "no connection, and nothing kept from before"
        return True
    if isinstance(error, HfHubHTTPError):
        return error.response is None or error.response.status_code >= 500 or error.response.status_code in {408, 429}
    return isinstance(error, HTTPError | OSError) and not isinstance(error, FileNotFoundError | PermissionError)


def _unreachable(what: str, error: Exception) -> str:
    from huggingface_hub.constants import ENDPOINT

    return (
        f"{what}: not downloaded in {ATTEMPTS} attempts ({_first_line(error)}). Ways left: run again with a network; "
        f"name a mirror of {ENDPOINT} in the environment variable HF_ENDPOINT; or name local copies by `data_root` and "
        "`model_root`"
    )


def _first_line(error: Exception) -> str:
    line = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    return line[:200] if isinstance(error, _DamagedError) else f"{type(error).__name__}: {line[:200]}"
