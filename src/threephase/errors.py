"""Errors that a person can act on: one line that says what, where and what to do."""


class UserError(Exception):
    """A fault in what the user gave; its text is shown as it is, without a traceback."""


class ConfigError(UserError):
    """The workflow's config asks for something that cannot be done."""


class DataError(UserError):
    """A dataset cannot be used as it stands."""


class DownloadError(UserError):
    """Something could not be fetched, or arrived damaged."""


class ModelError(UserError):
    """A base model cannot be used as it stands."""


class CheckpointError(UserError):
    """A checkpoint is missing, incomplete or altered."""


class GuardError(UserError):
    """Something that trains, tunes or selects reached for the test split."""
