"""What tests and the demo see of the lab: its hosts from the inside, playbooks, probes, and which connections the documents allow.

Everything here is independent of the collection: hosts are read with podman, rules with nft, and the expectation comes from the matrices
that were read by hand from the documents.
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

import matrices
import yaml

HERE = Path(__file__).parent
INVENTORY = HERE / 'inventory'
PROBE = (HERE / 'probe.py').read_text()
UNDOCUMENTED = (('tcp', 9999), ('udp', 9998), ('tcp', 23))


def inventory() -> dict[str, t.Any]:
    return yaml.safe_load((INVENTORY / 'hosts.yml').read_text())['all']


HOSTS: dict[str, dict[str, t.Any]] = inventory()['hosts']


def on(host: str, *command: str, text: str | None = None, check: bool = True, timeout: float = 120) -> str:
    """Run COMMAND as root on HOST, past network and firewall; its output."""
    podman = shlex.split(os.environ['PORTMATRIX_LAB_PODMAN'])
    result = subprocess.run([*podman, 'exec', '-i', host, *command], input=text, text=True, capture_output=True, timeout=timeout, check=False)
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
        return {host: 'changed' if result.get('changed') and result['status'] == 'ok' else result['status'] for host, result in self.results.items()}


def play(playbook: str, *arguments: str, inventory_path: Path = INVENTORY, environment: dict[str, str] | None = None) -> Run:
    """Run a playbook of the collection (or a file) on the lab."""
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / 'results'
        results.touch()
        command = [str(Path(sys.executable).parent / 'ansible-playbook'), '-i', str(inventory_path), playbook, *arguments]
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


def picture(host: str) -> dict[str, str]:
    """Everything a firewall run could change on HOST: the kernel's whole ruleset, the files of both firewalls, their services, and the runtime of
    firewalld's zones."""
    return {
        'kernel': re.sub(r'(?m)^\s*elements = .*expires.*$', '', shell(host, 'nft -s list ruleset')),
        'files': shell(
            host,
            'cd /etc && find firewalld ufw default/ufw -type f -print0 | sort -z | xargs -0 sha256sum; find firewalld ufw -printf "%p %m %u\\n" | sort;'
            'find /var/lib/portmatrix 2>/dev/null || true',
        ),
        'service': shell(host, 'for unit in firewalld ufw; do systemctl is-active $unit; systemctl is-enabled $unit; done', check=False),
        'runtime': shell(host, 'firewall-cmd --list-all-zones; firewall-cmd --list-all-policies; firewall-cmd --direct --get-all-rules', check=False),
    }


def on_all(function: t.Callable[[str], t.Any], hosts: t.Iterable[str] = tuple(HOSTS)) -> dict[str, t.Any]:
    """FUNCTION of every host, side by side."""
    names = list(hosts)
    with concurrent.futures.ThreadPoolExecutor(len(names)) as pool:
        return dict(zip(names, pool.map(function, names)))


def pictures() -> dict[str, dict[str, str]]:
    return on_all(picture)


def probe(host: str, verb: str, request: dict[str, t.Any]) -> t.Any:
    on(host, 'sh', '-c', 'cat > /run/probe.py', text=PROBE)
    return json.loads(on(host, 'python3', '/run/probe.py', verb, text=json.dumps(request)))


def serve(host: str, services: t.Iterable[tuple[str, int]]) -> subprocess.Popen:
    """Answer on SERVICES of HOST until the returned process is killed (stop_serving)."""
    podman = shlex.split(os.environ['PORTMATRIX_LAB_PODMAN'])
    on(host, 'sh', '-c', 'cat > /run/probe.py', text=PROBE)
    server = subprocess.Popen([*podman, 'exec', '-i', host, 'python3', '/run/probe.py', 'serve'], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    server.stdin.write(json.dumps({'services': sorted(services)}))
    server.stdin.close()
    assert server.stdout.readline().strip() == 'ready'
    return server


def stop_serving(host: str, server: subprocess.Popen) -> None:
    on(host, 'pkill', '-f', 'probe.py serve', check=False)
    server.wait(10)


class Expectation:
    """Which connections the documents allow in the lab, worked out from the matrices and the inventory alone."""

    def __init__(self) -> None:
        data = inventory()
        self.components = {host: set(yaml.safe_load((INVENTORY / 'host_vars' / f'{host}.yml').read_text())['portmatrix_components']) for host in HOSTS}
        for group, content in data['children'].items():
            product = next(name for name in matrices.PRODUCTS if group.startswith(f'{name}_'))
            for host in content['hosts']:
                self.components[host].add(f'{product}.{group[len(product) + 1 :]}')
        self.egress_denied = {host for host, variables in HOSTS.items() if variables.get('portmatrix_egress') == 'deny'}
        self.rows = [
            (product, row, row.number(self._options(product, data)))
            for product in matrices.PRODUCTS
            for row in matrices.load(product)
            if row.applies(self._options(product, data), 'linux')
        ]
        stated = data['vars']['portmatrix_peers']
        everyone = {component for names in self.components.values() for component in names}
        self.any = {
            name
            for product, row, _port in self.rows
            for end in (row.source, row.destination)
            if (name := f'{product}.{end}') not in everyone and name not in stated
        }

    def _options(self, product: str, data: dict[str, t.Any]) -> dict[str, t.Any]:
        # every option that a condition or a port of the matrices names, with the documents' defaults
        defaults = yaml.safe_load((HERE / 'defaults.yml').read_text()).get(product) or {}
        return {**defaults, **{name[len(product) + 1 :]: value for name, value in data['vars'].items() if name.startswith(f'{product}_')}}

    def services(self) -> list[tuple[str, int]]:
        return sorted({(row.protocol, int(port)) for _product, row, port in self.rows} | set(UNDOCUMENTED))

    def allowed(self, source: str, destination: str, protocol: str, port: int) -> bool:
        rows = [(product, row) for product, row, number in self.rows if (row.protocol, number) == (protocol, str(port))]
        into = any(
            self._plays(destination, product, row.destination) and (self._plays(source, product, row.source) or f'{product}.{row.source}' in self.any)
            for product, row in rows
        )
        out_of = (
            source not in self.egress_denied
            or any(
                self._plays(source, product, row.source) and (self._plays(destination, product, row.destination) or f'{product}.{row.destination}' in self.any)
                for product, row in rows
            )
            or (protocol, port) in (('udp', 53), ('tcp', 53), ('udp', 123), ('udp', 67), ('udp', 547))
        )
        return into and out_of

    def _plays(self, host: str, product: str, component: str) -> bool:
        return f'{product}.{component}' in self.components[host]


def truth_table(expectation: Expectation, allowed: t.Callable[[str, str, str, int], bool]) -> tuple[int, int, list[str]]:
    """Probe every pair of hosts on every service over both families: (expected to pass, expected not to, differences)."""
    servers = {host: serve(host, expectation.services()) for host in HOSTS}
    try:
        tables = on_all(lambda host: _probe_from(host, expectation.services()))
    finally:
        for host, server in servers.items():
            stop_serving(host, server)
    passing = blocked = 0
    differences = []
    for source, table in tables.items():
        for (destination, address, protocol, port), passed in table.items():
            wanted = allowed(source, destination, protocol, port)
            passing, blocked = passing + wanted, blocked + (not wanted)
            if passed != wanted:
                differences.append(f'{source} -> {destination} ({address}) {protocol}/{port}: {"passes" if passed else "is blocked"}')
    return passing, blocked, differences


def _probe_from(source: str, services: list[tuple[str, int]]) -> dict[tuple[str, str, str, int], bool]:
    keys = [
        (host, address, protocol, port)
        for host, variables in HOSTS.items()
        if host != source
        for address in (variables['ansible_host'], variables['lab_ipv6'])
        for protocol, port in services
    ]
    answers = probe(source, 'connect', {'targets': [[protocol, address, port] for _host, address, protocol, port in keys]})
    return dict(zip(keys, answers))
