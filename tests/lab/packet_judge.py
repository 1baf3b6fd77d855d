"""judge.py on hosts of the lab: what the firewall of a network namespace there does to packets."""

from __future__ import annotations

import contextlib
import json
import typing as t
from pathlib import Path

import testbed

_TEXT = (Path(__file__).parent / 'judge.py').read_text()


def run(host: str, *arguments: str, data: t.Any = None) -> str:
    """What judge.py prints on HOST for ARGUMENTS, with DATA as its input."""
    return testbed.run_command(host, 'python3', '/run/judge.py', *arguments, text=json.dumps(data))


@contextlib.contextmanager
def ready(hosts: t.Iterable[str]) -> t.Iterator[None]:
    """The namespaces on HOSTS, whose own firewalld stands still meanwhile."""
    names = list(hosts)
    testbed.map_hosts(_prepare, names)
    try:
        yield
    finally:
        testbed.map_hosts(_restore, names)


def _prepare(host: str) -> None:
    testbed.shell(host, 'systemctl stop firewalld; cp -a /etc/firewalld /run/firewalld.saved')
    testbed.run_command(host, 'sh', '-c', 'cat > /run/judge.py', text=_TEXT)
    run(host, 'close')
    run(host, 'open')


def _restore(host: str) -> None:
    run(host, 'close')
    testbed.shell(host, 'rm -rf /etc/firewalld; mv /run/firewalld.saved /etc/firewalld; systemctl start firewalld')
