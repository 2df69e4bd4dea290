"""An exported model onto a hub."""

from pathlib import Path

from threephase.api.exported import CARD, ONNX
from threephase.artifacts.folders import COMPLETE, refuse_damaged
from threephase.errors import CheckpointError, DownloadError


def push(folder: Path, repository: str, private: bool = True) -> str:
    """Upload an exported model to a Hugging Face hub as one commit, and give the page where it is then.

    The repository is made if it is not there, for the owner alone unless `private` is false. In one that is there,
    the files of the folder replace those of their names, and an older graph goes; who may see it stays. The hub is
    that of HF_ENDPOINT, the account that of `hf auth login` or HF_TOKEN.

    Raises CheckpointError for a folder that was not exported, and DownloadError for what the hub refuses.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HTTPError, OfflineModeIsEnabled

    if not (folder / CARD).is_file() or not (folder / COMPLETE).is_file():
        raise CheckpointError(f"{folder}: was not exported; `threephase export MODEL FOLDER` first")
    refuse_damaged(folder)
    hub = HfApi()
    try:
        place = hub.create_repo(repository, private=private, exist_ok=True).repo_id
        hub.upload_folder(
            repo_id=place,
            folder_path=folder,
            commit_message="Upload a classifier of threephase",
            delete_patterns=f"{ONNX}/*",
            ignore_patterns="*__pycache__*",
        )
    except (HTTPError, OfflineModeIsEnabled, OSError, ValueError) as error:
        line = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise DownloadError(
            f"{repository}: not pushed ({line[:200]}); check the name owner/repository, the network, and the account "
            "(`hf auth login`, or a token that may write in HF_TOKEN)"
        ) from None
    return f"{hub.endpoint}/{place}"
