# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the host's own programs: never through a shell, always with a time limit."""

from __future__ import annotations

import os
import subprocess
import typing as t

from .errors import BackendError

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
        result = subprocess.run(
            list(command),
            capture_output=True,
            text=True,
            errors='surrogateescape',
            timeout=timeout,
            check=False,
            input=text,
            env={**os.environ, 'PATH': PATH, 'LC_ALL': 'C'},
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


def exists(program: str) -> bool:
    """Return whether PROGRAM is installed in one of the folders of an administrator's PATH."""
    return any(os.access(os.path.join(folder, program), os.X_OK) for folder in PATH.split(':'))
