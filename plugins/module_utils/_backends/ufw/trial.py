# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ufw's files mean, determined by the kernel itself.

They are loaded into a network namespace that exists only for that moment, and read back. So both sides of every
comparison have the same spelling, and a file that the kernel would refuse is detected before anything has changed.
"""

from __future__ import annotations

import os
import re
import tempfile
import typing as t

from ..._base import files
from ..._base.commands import run
from ..._base.errors import BackendError
from . import host_names, kernel

_DIVIDER = '# portmatrix divider'


def canonical(texts: t.Mapping[str, str]) -> kernel.Tables:
    """What each transaction of TEXTS (by family) results in, in an empty kernel. Raises BackendError with the message
    of iptables if one does not load."""
    return {family: _try_out(family, text) for family, text in texts.items()}


def _try_out(family: str, text: str) -> kernel.Table:
    with tempfile.TemporaryDirectory(prefix='portmatrix-') as folder:
        path = os.path.join(folder, 'rules')
        files.write(path, text, 0o600)
        # -w: iptables-legacy shares its lock with the host; -n: a chain may be declared twice
        restore, save = (
            f'{kernel.tool(family, "-restore")} -n -w 10 < {path}',
            f'{kernel.tool(family, "-save")} -t filter',
        )
        names = host_names.find(text)
        hosts = os.path.join(folder, 'hosts')
        bind = f'mount --bind {hosts} /etc/hosts && ' if names else ''
        if names:
            files.write(hosts, host_names.hosts_file(names, family))
        script = f'{bind}echo "{_DIVIDER}" && {restore} && {save}'
        command = ['unshare', '--net', *(['--mount'] if names else []), 'sh', '-c', script]
        result = run(command, check=False)
    before, divider, saved = result.stdout.partition(_DIVIDER)
    if before or not divider:
        raise BackendError(
            'rules cannot be tried out on this host, since root may not create a network namespace: '
            f'{result.stderr.strip()[:300]}'
        )
    if result.returncode:
        raise BackendError(f'the files of ufw ({family}) do not load: {_explain(result.stderr, text)}')
    return kernel.parse(saved)


def can_limit(family: str) -> bool:
    """Whether the kernel can limit the rate of connections, as ufw itself tests it (module recent)."""
    match = '-A INPUT -m conntrack --ctstate NEW -m recent'
    rules = f'{match} --set\n{match} --update --seconds 30 --hitcount 6'
    try:
        canonical({family: f'*filter\n{rules}\nCOMMIT\n'})
    except BackendError:
        return False
    return True


def _explain(message: str, text: str) -> str:
    """The message of iptables with the line that it refers to."""
    match = re.search(r'line:? (\d+)', message)
    lines = text.splitlines()
    line = lines[int(match.group(1)) - 1] if match and 0 < int(match.group(1)) <= len(lines) else ''
    return ' '.join(message.split())[:500] + (f' (the line is: {line})' if line and line != 'COMMIT' else '')
