# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether firewalld could load its configuration files, with those of a change: its own code loads a copy of them in a
network namespace that exists only for that moment.

A reload brings into force what other people and programs have changed in the files since the last one. If firewalld
fails at that, all ports are open, and every further reload fails in the same way; `--check-config` does not detect it.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import tempfile
import typing as t

from ..._base import files
from ..._base.commands import PATH, exists, run
from ..._base.errors import BackendError
from ..._kernel import saved_rules
from . import kernel, unmanaged_runtime
from .service import Service

CONFIGURATION = '/etc/firewalld'
_SECONDS = 120
_TRYING, _LOADED, _FAILED = 'portmatrix: trying', 'portmatrix: loaded', 'portmatrix: failed'
# with the interpreter of firewalld itself; argument: the folder; input: the commands to begin with, each with its input
_PROGRAM = f"""
import json, subprocess, sys
from firewall import config
config.set_system_config_paths(sys.argv[1])
from firewall.core.fw import Firewall
for command, text in json.load(sys.stdin):
    subprocess.run(command, input=text, universal_newlines=True, check=False)
print('{_TRYING}', flush=True)
try:
    Firewall().start()
except Exception as error:
    values, trace = [], error.__traceback__
    while trace:
        values.extend(trace.tb_frame.f_locals.get(name) for name in ('zone', 'policy', 'name', 'filename', 'ipset'))
        trace = trace.tb_next
    print('{_FAILED}', json.dumps([str(error), [value for value in values if isinstance(value, str)]]), flush=True)
else:
    print('{_LOADED}', flush=True)
    subprocess.run(['nft', '-j', 'list', 'table', 'inet', 'firewalld'], check=False)
"""


class CannotTell(BackendError):
    """The configuration cannot be tried out on this host."""


class Result(t.NamedTuple):
    """Why firewalld could not load its files (None: it can), and the kernel that it would make of them."""

    problem: t.Optional[str]
    kernel: t.Optional[kernel.Kernel]


def load(observed: Service, changed: t.Mapping[str, t.Optional[str]]) -> Result:
    """Load the files of firewalld, which was OBSERVED, with those CHANGED (path -> content; None: removed).

    Raises CannotTell.
    """
    keeps_iptables = observed.preserves_iptables
    if observed.active:
        keeps_iptables = unmanaged_runtime.preserves_iptables(keeps_iptables)
    with tempfile.TemporaryDirectory(prefix='portmatrix-') as folder:
        copy = os.path.join(folder, 'firewalld')
        try:
            shutil.copytree(CONFIGURATION, copy, symlinks=True)
            for path, text in changed.items():
                _replace(os.path.join(copy, os.path.relpath(path, CONFIGURATION)), text)
            result = run(
                ['unshare', '--net', *_interpreter(), '-c', _PROGRAM, copy],
                check=False,
                timeout=_SECONDS,
                text=json.dumps(_surroundings(copy, keeps_iptables)),
            )
        except (OSError, shutil.Error, BackendError) as error:
            raise CannotTell(str(error)) from error
        _before, loaded, rules = result.stdout.partition(_LOADED)
        if loaded:
            return Result(None, kernel.parse(json.loads(rules)['nftables']) if rules.strip() else None)
        if _TRYING not in result.stdout:
            raise CannotTell((result.stderr or result.stdout).strip()[-300:])
        return Result(_explain(result.stdout + result.stderr, copy), None)


def _interpreter() -> t.List[str]:
    """The interpreter of firewalld, with its options."""
    program = shutil.which('firewalld', path=PATH)
    first_line = (files.read(program) or '').split('\n', 1)[0] if program else ''
    if not first_line.startswith('#!'):
        raise CannotTell('the program firewalld is not a script of Python')
    return shlex.split(first_line[2:])


def _replace(path: str, text: t.Optional[str]) -> None:
    if text is None:
        files.remove(path)
    else:
        files.write(path, text)


def _surroundings(copy: str, keeps_iptables: bool) -> t.List[t.Tuple[t.List[str], str]]:
    """What direct rules in the COPY may refer to, as commands that restore it: a new namespace has no rules and no sets
    of others."""
    if not os.path.exists(os.path.join(copy, 'direct.xml')):
        return []
    sets = [(['ipset', 'restore'], run(['ipset', 'save'], check=False).stdout)] if exists('ipset') else []
    tables = saved_rules.read(check=False) if keeps_iptables else {}
    return [*sets, *(([f'{command}-restore'], text) for command, text in tables.items())]


def _explain(output: str, copy: str) -> str:
    """The error in the OUTPUT of the program, with the files that it is about."""
    failure = next((line for line in output.splitlines() if line.startswith(_FAILED)), '')
    if not failure:  # it has killed itself
        return ' '.join(output.split())[-300:]
    error, values = json.loads(failure[len(_FAILED) :])
    message = error.splitlines()[0]
    names = {*map(_name, values), *re.findall(r"'([^' ]+)'", message), message.split()[-1]}
    if 'Direct:' in message:
        names.add('direct')
    places = sorted(
        os.path.join(CONFIGURATION, os.path.relpath(os.path.join(folder, name), copy))
        for folder, _folders, filenames in os.walk(copy)
        for name in filenames
        if name.endswith('.xml') and (name[: -len('.xml')] in names or names & _sets(os.path.join(folder, name)))
    )
    return f'{message} ({", ".join(places)})' if places else message


def _name(value: str) -> str:
    """The name of the zone, policy or set that a VALUE of firewalld belongs to: it has policies for each zone."""
    derived = re.fullmatch(r'zone_(.+)_[A-Za-z]+', value)
    return derived.group(1) if derived else os.path.basename(value).replace('.xml', '')


def _sets(path: str) -> t.Set[str]:
    """The sets that the file PATH refers to."""
    return set(re.findall(r'ipset="([^"]+)"', files.read(path) or ''))
