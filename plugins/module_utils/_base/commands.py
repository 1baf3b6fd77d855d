# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running the host's own programs: never through a shell, always with a limit in time."""

from __future__ import annotations

import os
import subprocess
import typing as t

from .errors import BackendError

_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'


def run(
    command: t.Sequence[str], check: bool = True, timeout: float = 60, text: t.Optional[str] = None
) -> subprocess.CompletedProcess[str]:
    """Run COMMAND with TEXT as its input. Raises BackendError where it is missing, takes over TIMEOUT seconds, or (with CHECK) fails."""
    words = ' '.join(command[:6]) + (' ...' if len(command) > 6 else '')
    try:
        result = subprocess.run(
            list(command),
            capture_output=True,
            text=True,
            errors='surrogateescape',
            timeout=timeout,
            check=False,
            input=text if text is not None else '',
            env={**os.environ, 'PATH': _PATH, 'LC_ALL': 'C'},
        )
    except FileNotFoundError as error:
        raise BackendError(f'{command[0]} is not on this host; it is needed to work with the firewall') from error
    except subprocess.TimeoutExpired as error:
        raise BackendError(f'{words}: no answer within {timeout:.0f} s') from error
    if check and result.returncode:
        raise BackendError(f'{words}: {(result.stderr or result.stdout).strip()[:1000]}')
    return result


def exists(program: str) -> bool:
    """Whether PROGRAM is installed where administrators' programs are."""
    return any(os.access(os.path.join(folder, program), os.X_OK) for folder in _PATH.split(':'))
