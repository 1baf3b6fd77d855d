# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Conditions of flows: JMESPath over the options and the platform of the listener, checked for all their values."""

from __future__ import annotations

import typing as t

from ...module_utils._base.errors import PortmatrixError
from .._base.libraries import jmespath
from . import domains
from .options import PLATFORM, Options

MAX_LENGTH, MAX_COMBINATIONS, MAX_IN_CATALOG = 500, 1024, 20_000
# people write what they know from other languages
HINT = "in JMESPath, and is &&, or is ||, not is !, a text stands in 'single quotes', true and numbers in `backticks`"


def check(expression: str, options: Options, where: str, problems: list[str]) -> int:
    """Append to PROBLEMS what is wrong with a condition: its syntax, a name or a value that does not exist, a result
    other than true or false, or the same result whatever the options are. Returns how many results were checked."""
    try:
        parsed = _parse(expression, where)
        names = sorted(domains.fields(parsed))
        unknown = [name for name in names if name not in options and name != PLATFORM]
        if unknown:
            text, known = ', '.join(map(repr, unknown)), ', '.join([*options, PLATFORM])
            raise PortmatrixError(f'{where}: unknown option {text}; choose from {known} ({HINT})')
        impossible = [f'{where}: {problem}' for problem in domains.wrong_literals(parsed, options)]
        if impossible:
            raise PortmatrixError(*impossible)
        return _check_results(expression, names, domains.Domains(parsed, options), where)
    except PortmatrixError as error:
        problems.extend(error.problems)
    except RecursionError:
        problems.append(f'{where}: {expression!r} is too deep; write several flows')
    return 0


def names(expression: str) -> set[str]:
    """The options that a condition names; none if it cannot be read."""
    try:
        return domains.fields(_parse(expression, '')) if expression else set()
    except (PortmatrixError, RecursionError):
        return set()


def evaluate(expression: str, scope: dict[str, t.Any], where: str) -> bool:
    """The value of a condition. Raises PortmatrixError if it is not a boolean, or cannot be evaluated."""
    try:
        value = jmespath.search(expression, scope)
    except (jmespath.exceptions.JMESPathError, TypeError, ValueError, ArithmeticError, RecursionError) as error:
        # JMESPath raises what its functions and comparisons raise
        raise PortmatrixError(f'{where}: {expression!r} cannot be evaluated ({_one_line(error)}); {HINT}') from error
    if not isinstance(value, bool):
        raise PortmatrixError(
            f'{where}: {expression!r} must be true or false, got {value!r}; compare the value ({HINT})'
        )
    return value


def _parse(expression: str, where: str) -> domains.Node:
    if len(expression) > MAX_LENGTH:
        raise PortmatrixError(
            f'{where}: has {len(expression)} characters, at most {MAX_LENGTH} are read; write several flows'
        )
    try:
        return t.cast('domains.Node', jmespath.compile(expression).parsed)
    except (jmespath.exceptions.JMESPathError, RecursionError, ValueError) as error:
        reason = _one_line(error) if isinstance(error, jmespath.exceptions.JMESPathError) else 'too deep'
        raise PortmatrixError(
            f'{where}: {expression!r} is not a valid JMESPath expression ({reason}); {HINT}'
        ) from error


def _check_results(expression: str, names: list[str], possible: domains.Domains, where: str) -> int:
    """Raise PortmatrixError unless the condition is true for some values of the options NAMES, and false for others."""
    number = possible.combinations(names)
    if number > MAX_COMBINATIONS:
        raise PortmatrixError(
            f'{where}: {expression!r} depends on {number} combinations of options, more than the {MAX_COMBINATIONS} '
            'that are checked; write several flows'
        )
    results = {evaluate(expression, scope, where) for scope in possible.scopes(names)}
    of_names = f' of {", ".join(names)}' if names else ''
    if results == {True}:
        raise PortmatrixError(f'{where}: {expression!r} is true for every value{of_names}; remove the condition')
    if results == {False}:
        raise PortmatrixError(
            f'{where}: {expression!r} can never be true, whatever the value{of_names}, so the flow would never apply; '
            'correct it, or remove the flow'
        )
    return number


def _one_line(error: Exception) -> str:
    return ' '.join(str(error).split())
