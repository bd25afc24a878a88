"""The steps of `../check`. Each is a function of (tools, platform, folder, options) that gives its counts as text, or
fails with an AssertionError that says what is wrong."""


class Impossible(Exception):
    """The checks cannot run here; the text says what to do."""
