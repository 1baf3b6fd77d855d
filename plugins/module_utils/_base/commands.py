# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the host's own programs: never through a shell, always with a time limit."""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import typing as t

from .errors import BackendError

# The kernel lets the arguments and the environment of a program take a quarter of the stack's limit, at most 6 MB.
_STACK_BYTES, _RESERVED_BYTES = 24 << 20, 512 << 10
PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'


def run(
    command: t.Sequence[str], check: bool = True, timeout: float = 60, text: str = ''
) -> subprocess.CompletedProcess[str]:
    """Run COMMAND with TEXT as its standard input.

    Raises BackendError if the program is missing or cannot be started, takes longer than TIMEOUT seconds, or (with
    CHECK) fails.
    """
    words = ' '.join(command[:6]) + (' ...' if len(command) > 6 else '')
    try:
        with _large_arguments():
            result = subprocess.run(
                list(command),
                capture_output=True,
                text=True,
                errors='surrogateescape',
                timeout=timeout,
                check=False,
                input=text,
                env={**os.environ, 'PATH': PATH, 'LC_ALL': 'C', 'SYSTEMD_COLORS': '0'},
            )
    except FileNotFoundError as error:
        raise BackendError(f'{command[0]}: not found on this host, but needed to manage the firewall') from error
    except OSError as error:
        raise BackendError(f'{words}: {error.strerror}') from error
    except subprocess.TimeoutExpired as error:
        raise BackendError(f'{words}: no answer within {timeout:.0f} s') from error
    if check and result.returncode:
        raise BackendError(f'{words}: {(result.stderr or result.stdout).strip()[:1000]}')
    return result


def fits_arguments(words: t.Iterable[str]) -> bool:
    """Whether WORDS can be arguments of one program: each takes a byte at its end and an address of 8 bytes."""
    size = sum(len(word.encode('utf-8', 'surrogateescape')) + 9 for word in words)
    return size <= _largest_stack() // 4 - _RESERVED_BYTES


def _largest_stack() -> int:
    """The limit of the stack that programs get here, in bytes."""
    hard = resource.getrlimit(resource.RLIMIT_STACK)[1]
    return _STACK_BYTES if hard == resource.RLIM_INFINITY else min(hard, _STACK_BYTES)


@contextlib.contextmanager
def _large_arguments() -> t.Iterator[None]:
    """Let programs that are started in the body have as many arguments as the kernel permits."""
    soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
    is_limited = soft != resource.RLIM_INFINITY and soft < _STACK_BYTES
    if is_limited:
        resource.setrlimit(resource.RLIMIT_STACK, (_largest_stack(), hard))
    try:
        yield
    finally:
        if is_limited:
            resource.setrlimit(resource.RLIMIT_STACK, (soft, hard))


def exists(program: str) -> bool:
    """Return whether PROGRAM is installed in one of the folders of an administrator's PATH."""
    return any(os.access(os.path.join(folder, program), os.X_OK) for folder in PATH.split(':'))
