"""The two exceptions that cross the boundary to the person using FaceTalk."""


class UserError(Exception):
    """Something the user can mend. The message is one sentence: what is wrong, and what to do about it."""


class Cancelled(Exception):  # noqa: N818 - a request of the user, not an error
    """The user asked for the work to stop."""
