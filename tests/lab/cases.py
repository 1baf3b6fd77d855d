"""Which cases the test command runs. `bash tests/run.sh long` runs all of them."""

from __future__ import annotations

import os
import typing as t

ALL = bool(os.environ.get('PORTMATRIX_ALL_CASES'))


def chosen(cases: t.Mapping[str, t.Any], *names: str) -> list[str]:
    """The NAMES of CASES that are always run; all names in a long run."""
    unknown = set(names) - set(cases)
    assert not unknown, f'no such case: {unknown}'
    return list(cases if ALL else names)
