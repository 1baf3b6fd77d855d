# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Host names, resolved on the controller: all IPv4 and IPv6 addresses, concurrently, with a deadline."""

from __future__ import annotations

import concurrent.futures
import socket

DEADLINE_SECONDS = 15
_THREADS = 32


def resolve(names: set[str]) -> tuple[dict[str, list[str]], dict[str, str]]:
    """(name -> sorted addresses, name -> error message). A name without an answer within the deadline is an error."""
    resolved: dict[str, list[str]] = {}
    failed: dict[str, str] = {}
    pool = concurrent.futures.ThreadPoolExecutor(_THREADS)
    jobs = {pool.submit(_lookup, name): name for name in sorted(names)}
    done, late = concurrent.futures.wait(jobs, DEADLINE_SECONDS)
    for job in done:
        try:
            resolved[jobs[job]] = job.result()
        except (OSError, UnicodeError) as error:
            failed[jobs[job]] = getattr(error, 'strerror', None) or str(error)
    failed.update({jobs[job]: f'no answer within {DEADLINE_SECONDS} s' for job in late})
    pool.shutdown(wait=False, cancel_futures=True)
    return resolved, failed


def _lookup(name: str) -> list[str]:
    answers = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return sorted({str(answer[4][0]).partition('%')[0] for answer in answers})
