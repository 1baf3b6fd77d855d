"""What tests and the demo see of the lab: its hosts from the inside, playbooks and probes.

Everything here is independent of the collection: hosts are read from within, rules with nft.
"""

from __future__ import annotations

import concurrent.futures
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import typing as t
from pathlib import Path

import lab
import machine
import yaml

HERE = Path(__file__).parent
INVENTORY = HERE / 'inventory'
PROBE = (HERE / 'probe.py').read_text()


def inventory() -> dict[str, t.Any]:
    return yaml.safe_load((INVENTORY / 'hosts.yml').read_text())['all']


HOSTS: dict[str, dict[str, t.Any]] = inventory()['hosts']


def on(host: str, *command: str, text: str | None = None, check: bool = True, timeout: float = 120) -> str:
    """Run COMMAND as root on HOST, past network and firewall; its output."""
    if host in machine.HOSTS:
        result = machine.on(host, *command, text=text, timeout=timeout)
    else:
        result = subprocess.run(
            [*lab.enter(host), *command], input=text, text=True, capture_output=True, timeout=timeout, check=False
        )
    if check and result.returncode:
        raise AssertionError(f'{host}: {shlex.join(command)}: {result.stderr or result.stdout}')
    return result.stdout


def shell(host: str, script: str, **options: t.Any) -> str:
    return on(host, 'sh', '-c', script, **options)


class Run(t.NamedTuple):
    """A finished playbook: its return code, output, and results as (host -> result of the last task)."""

    code: int
    output: str
    results: dict[str, dict[str, t.Any]]

    def statuses(self) -> dict[str, str]:
        return {
            host: 'changed' if result.get('changed') and result['status'] == 'ok' else result['status']
            for host, result in self.results.items()
        }


def play(
    playbook: str, *arguments: str, inventory_path: Path = INVENTORY, environment: dict[str, str] | None = None
) -> Run:
    """Run a playbook of the collection (or a file) on the lab."""
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / 'results'
        results.touch()
        command = [
            str(Path(sys.executable).parent / 'ansible-playbook'),
            '-i',
            str(inventory_path),
            playbook,
            *arguments,
        ]
        finished = subprocess.run(
            command,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=600,
            check=False,
            cwd=folder,
            env={
                **os.environ,
                'ANSIBLE_CALLBACK_PLUGINS': str(HERE / 'callback_plugins'),
                'ANSIBLE_CALLBACKS_ENABLED': 'results',
                'PORTMATRIX_RESULTS': str(results),
                'ANSIBLE_NOCOLOR': '1',
                **(environment or {}),
            },
        )
        lines = [json.loads(line) for line in results.read_text().splitlines()]
        return Run(finished.returncode, finished.stdout, {line['host']: line for line in lines})


def kernel(host: str) -> str:
    """The kernel's whole ruleset on HOST, without what only counts down."""
    return re.sub(r'(?m)^\s*elements = .*expires.*$', '', shell(host, 'nft -s list ruleset'))


def files(host: str) -> str:
    """The files of both firewalls on HOST, and of ours: what they contain, whose they are and who may read them."""
    return shell(
        host,
        'cd /etc && find firewalld ufw default/ufw -type f -print0 | sort -z | xargs -0 sha256sum; find firewalld ufw '
        '-printf "%p %m %u\\n" | sort;'
        'find /var/lib/portmatrix 2>/dev/null || true',
    )


def picture(host: str) -> dict[str, str]:
    """Everything a firewall run could change on HOST: the kernel's rules, the files of both firewalls, their services,
    and the runtime of firewalld's zones."""
    return {
        'kernel': kernel(host),
        'files': files(host),
        'service': shell(
            host,
            'for unit in firewalld ufw; do systemctl is-active $unit; systemctl is-enabled $unit; done',
            check=False,
        ),
        'runtime': shell(
            host,
            'firewall-cmd --list-all-zones; firewall-cmd --list-all-policies; firewall-cmd --direct --get-all-rules',
            check=False,
        ),
    }


def on_all(function: t.Callable[[str], t.Any], hosts: t.Iterable[str] = tuple(HOSTS)) -> dict[str, t.Any]:
    """FUNCTION of every host, side by side."""
    names = list(hosts)
    with concurrent.futures.ThreadPoolExecutor(len(names)) as pool:
        return dict(zip(names, pool.map(function, names)))


def pictures(hosts: t.Iterable[str] = tuple(HOSTS)) -> dict[str, dict[str, str]]:
    return on_all(picture, hosts)


def probe(host: str, verb: str, request: dict[str, t.Any]) -> t.Any:
    on(host, 'sh', '-c', 'cat > /run/probe.py', text=PROBE)
    return json.loads(on(host, 'python3', '/run/probe.py', verb, text=json.dumps(request)))


def serve(host: str, services: t.Iterable[tuple[str, int]]) -> subprocess.Popen:
    """Answer on SERVICES of HOST until the returned process is killed (stop_serving)."""
    on(host, 'sh', '-c', 'cat > /run/probe.py', text=PROBE)
    server = subprocess.Popen(
        [*lab.enter(host), 'python3', '/run/probe.py', 'serve'],
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    server.stdin.write(json.dumps({'services': sorted(services)}))
    server.stdin.close()
    assert server.stdout.readline().strip() == 'ready'
    return server


def stop_serving(host: str, server: subprocess.Popen) -> None:
    on(host, 'pkill', '-f', 'probe.py serve', check=False)
    server.wait(10)
