"""Work that waits for a server, which may never answer: for so long, and no longer.

htslib waits within C, where no exception reaches it, so the work has a process of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from typing import ParamSpec, TypeVar

from vexas_uba1.errors import UserError
from vexas_uba1.steps.lanes import in_lanes

_P = ParamSpec("_P")
_Value = TypeVar("_Value")


def within(
    seconds: float, shown: str, work: Callable[_P, _Value], *args: _P.args, **kwargs: _P.kwargs
) -> _Value:
    """Return what ``work`` returns of the arguments; all of it is pickled.

    Args:
        seconds: The time that it has.
        shown: How messages name what it reads.
        work: Done in another process; what it raises is raised here.
        args: Passed on.
        kwargs: Likewise.

    Raises:
        UserError: it took longer, or its process was ended.
    """
    task = partial(work, *args, **kwargs)
    ((done,),) = in_lanes(_call, [task], 1, seconds)
    try:
        return done.future.result()
    except BrokenProcessPool as error:
        if done.in_time:
            raise UserError(
                "the process that read the file was ended from outside",
                remedy="Run the same command again; if it was short of memory, with more of it",
                file=shown,
            ) from error
        raise UserError(
            f"the file was not read within {seconds:g} seconds",
            remedy="Look whether the server answers, and how fast; url_timeout_s in the "
            "configuration (--url-timeout) allows more",
            file=shown,
        ) from error


def _call(work: Callable[[], _Value]) -> _Value:
    return work()
