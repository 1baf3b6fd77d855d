"""The lab as the tests and the demo see it: its hosts from the inside, playbooks, and connections between hosts.

Nothing here uses code of the collection: commands run on the hosts themselves, and rules are read with nft.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
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
# seconds in which a target answers: one that has to answer, also on a slow machine; one that must not
_EXPECTED_SECONDS, _UNEXPECTED_SECONDS = 15.0, 1.0
# a host may have a Python of the system only
_PYTHON = ('sh', '-c', 'exec $(command -v python3 || echo /usr/libexec/platform-python) "$@"', 'sh')
Target = t.Sequence[t.Union[str, int]]  # protocol, address, port


def inventory() -> dict[str, t.Any]:
    return yaml.safe_load((INVENTORY / 'hosts.yml').read_text())['all']


HOSTS: dict[str, dict[str, t.Any]] = inventory()['hosts']


def run_command(host: str, *command: str, text: str | None = None, check: bool = True, timeout: float = 600) -> str:
    """Run COMMAND as root on HOST, without its network and firewall; returns its output."""
    if host in machine.HOSTS:
        result = machine.run_command(host, *command, text=text, timeout=timeout)
    else:
        result = subprocess.run(
            [*lab.host_command(host), *command],
            input=text,
            text=True,
            capture_output=True,
            timeout=timeout,
            check=False,
        )
    if check and result.returncode:
        raise AssertionError(f'{host}: {shlex.join(command)}: {result.stderr or result.stdout}')
    return result.stdout


def shell(host: str, script: str, **options: t.Any) -> str:
    """Run SCRIPT as root on HOST; returns its output."""
    return run_command(host, 'sh', '-c', script, **options)


class Run(t.NamedTuple):
    """A finished playbook: its return code, its output, and `results` (host -> result of its last task)."""

    code: int
    output: str
    results: dict[str, dict[str, t.Any]]

    def statuses(self) -> dict[str, str]:
        """Host -> ok, changed, skipped, failed or unreachable."""
        return {
            host: 'changed' if result.get('changed') and result['status'] == 'ok' else result['status']
            for host, result in self.results.items()
        }


def play(
    playbook: str, *arguments: str, inventory_path: Path = INVENTORY, environment: dict[str, str] | None = None
) -> Run:
    """Run PLAYBOOK, of the collection or a file, on the lab."""
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
            timeout=1800,
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


def kernel_rules(host: str) -> str:
    """The whole ruleset of the kernel of HOST, without elements that expire."""
    return re.sub(r'(?m)^\s*elements = .*expires.*$', '', shell(host, 'nft -s list ruleset'))


def filter_rules(host: str) -> str:
    """The rules of the table filter, as iptables lists them."""
    return shell(host, 'iptables-save -t filter; ip6tables-save -t filter')


def file_state(host: str) -> str:
    """The files of both firewalls and of portmatrix on HOST: hashes of their contents, owners and modes."""
    return shell(
        host,
        'cd /etc && find firewalld ufw default/ufw -type f -print0 | sort -z | xargs -0 sha256sum; find firewalld ufw '
        '-printf "%p %m %u\\n" | sort;'
        'find /var/lib/portmatrix 2>/dev/null || true',
    )


def host_state(host: str) -> dict[str, str]:
    """Everything that a firewall run could change on HOST: the rules of the kernel, the files of both firewalls, their
    services, and the runtime of firewalld."""
    return {
        'kernel': kernel_rules(host),
        'files': file_state(host),
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


def map_hosts(function: t.Callable[[str], t.Any], hosts: t.Iterable[str] = tuple(HOSTS)) -> dict[str, t.Any]:
    """Call FUNCTION with each of HOSTS, in parallel: host -> result."""
    names = list(hosts)
    with concurrent.futures.ThreadPoolExecutor(len(names)) as pool:
        return dict(zip(names, pool.map(function, names)))


def host_states(hosts: t.Iterable[str] = tuple(HOSTS)) -> dict[str, dict[str, str]]:
    return map_hosts(host_state, hosts)


def sorted_lines(states: dict[str, dict[str, str]]) -> dict[str, dict[str, list[str]]]:
    """STATES without regard to the order in which the kernel lists chains."""
    return {host: {key: sorted(text.split('\n')) for key, text in state.items()} for host, state in states.items()}


def start_probe(host: str, verb: str, request: dict[str, t.Any]) -> subprocess.Popen:
    """Start probe.py on HOST, wait until it is ready, and return it with its standard input still open."""
    run_command(host, 'sh', '-c', 'cat > /run/probe.py', text=PROBE)
    process = subprocess.Popen(
        [*lab.host_command(host), *_PYTHON, '/run/probe.py', verb],
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    process.stdin.write(json.dumps(request) + '\n')
    process.stdin.flush()
    assert process.stdout.readline().strip() == 'ready'
    return process


@contextlib.contextmanager
def serving(services: dict[str, t.Iterable[tuple[str, int]]]) -> t.Iterator[None]:
    """Answer on SERVICES (host -> protocols and ports) while the body runs."""
    servers = {}
    try:
        for host, ports in services.items():
            servers[host] = start_probe(host, 'serve', {'services': sorted(ports)})
        yield
    finally:
        for host, server in servers.items():
            run_command(host, 'pkill', '-f', 'probe.py serve', check=False)
            server.communicate(timeout=60)


def connections(source: str, targets: t.Sequence[Target], expected: bool) -> list[bool]:
    """Which TARGETS answer SOURCE.

    Those that are EXPECTED to answer have enough time on a slow machine; the others would only take that time.
    """
    run_command(source, 'sh', '-c', 'cat > /run/probe.py', text=PROBE)
    request = {'targets': list(targets), 'timeout': _EXPECTED_SECONDS if expected else _UNEXPECTED_SECONDS}
    return json.loads(run_command(source, *_PYTHON, '/run/probe.py', 'connect', text=json.dumps(request)))
