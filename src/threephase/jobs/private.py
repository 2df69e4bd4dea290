"""Folders among the machine's temporary files that no other user can have made or changed."""

import os
import stat
from pathlib import Path
from tempfile import gettempdir

from threephase.errors import UserError


def is_private(folder: Path) -> bool:
    """Whether this is a folder of this user's, not a link to one, that nobody else may enter."""
    try:
        found = os.lstat(folder)
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not stat.S_IMODE(found.st_mode) & 0o077


def users_folder() -> Path:
    """This user's folder on this machine, the same for all of their sessions; made where it is not there.

    Raises UserError where there is something else of its name, which another user may have put there.
    """
    folder = Path(gettempdir()) / f"threephase-{os.getuid()}"
    if not os.path.lexists(folder):
        folder.mkdir(mode=0o700, exist_ok=True)
    if not is_private(folder):
        raise UserError(f"{folder}: is not a private folder of yours; remove it, or name another place in TMPDIR")
    return folder
