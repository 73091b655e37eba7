"""Errors that are the user's to mend."""


class InputError(Exception):
    """Bad input: the message names the file, the id and the remedy."""
