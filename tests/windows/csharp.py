"""The shipped C#, compiled and run by mono."""

from __future__ import annotations

import json
import random
import subprocess
import typing as t
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / 'plugins' / 'module_utils' / 'windows'
HERE = ROOT / 'tests' / 'windows'
NET462 = ROOT / '.venv' / 'net462'  # see tests/setup.sh
# Windows PowerShell 5.1 compiles C# 5, with every warning as an error
COMPILER = ('mcs', '-langversion:5', '-warnaserror')


def run_command(*command: str, **options: t.Any) -> str:
    finished = subprocess.run(
        command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=300, **options
    )
    assert finished.returncode == 0, finished.stdout[-4000:]
    return finished.stdout


def compile_program(program: Path, *sources: Path) -> None:
    run_command(*COMPILER, f'-out:{program}', *map(str, (*sorted(SOURCES.rglob('*.cs')), *sources)))


class Driver:
    """tests/windows/Driver.cs, compiled into FOLDER."""

    def __init__(self, folder: Path):
        self.folder = folder
        compile_program(folder / 'driver.exe', *sorted(HERE.glob('*.cs')))

    def run(self, verb: str, *arguments: t.Any) -> t.Any:
        """Run VERB and return its JSON answer; an argument other than number or text is passed as a file of JSON."""
        words = []
        for number, argument in enumerate(arguments):
            if not isinstance(argument, (int, str)):
                path = self.folder / f'argument{number}.json'
                path.write_text(json.dumps(argument))
                words.append(str(path))
            else:
                words.append(str(argument))
        return json.loads(run_command('mono', 'driver.exe', verb, *words, cwd=self.folder))


def create_random_policy(chance: random.Random) -> dict[str, t.Any]:
    """A canonical policy document, now and then with content that is difficult for Windows."""
    groups = {
        f'group {number}': create_random_peers(
            chance, chance.choice((1, 2, 5, 30, 1200 if chance.random() < 0.05 else 3))
        )
        for number in range(3)
    }
    flows = [f'product/flow-{number}' for number in range(6)]
    return {
        'format': 1,
        'egress': 'deny',
        'rules': [create_random_rule(chance, list(groups), flows) for _number in range(chance.randrange(8))],
        'exclusive': chance.random() < 0.5,
        'management': {
            'sources': chance.choice((['any'], ['198.51.100.1/32'], ['198.51.100.0/24', '2001:db8::/64'])),
            'ports': [2222],
        },
        'groups': groups,
        'citations': {
            flow: [f'Ports | table, "row" {flow} \u2019\u00e9\n', 'x' * chance.choice((1, 3000))] for flow in flows
        },
    }


def create_random_rule(chance: random.Random, groups: list[str], flows: list[str]) -> dict[str, t.Any]:
    rare = 'sctp' if chance.random() < 0.1 else 'tcp'
    protocol = chance.choice(('tcp', 'tcp', 'tcp', 'udp', 'icmp', 'icmpv6', 'esp', 'ah', 'gre', 'vrrp', rare))
    low = chance.randrange(1, 60000)
    starts = (low + 20 * number for number in range(chance.randrange(1, 5)))
    spans = sorted({(start, start + chance.choice((0, 0, 9))) for start in starts})
    ports = [str(first) if first == last else f'{first}-{last}' for first, last in spans]
    return {
        'direction': chance.choice(('ingress', 'egress')),
        'protocol': protocol,
        'ports': ports if protocol in ('tcp', 'udp', 'sctp') else [],
        'group': chance.choice((None, *groups)),
        'flows': sorted(chance.sample(flows, chance.choice((1, 1, 2)))),
    }


def create_random_peers(chance: random.Random, count: int) -> list[str]:
    import netaddr

    networks = []
    for _number in range(count):
        width = chance.choice((32, 32, 128))
        prefix = width if chance.random() < 0.6 else width - chance.randrange(12)
        base = 10 << 24 if width == 32 else 0x20010DB8 << 96
        networks.append(
            netaddr.IPNetwork((base + chance.randrange(1 << (24 if width == 32 else 90)), 4 if width == 32 else 6)).ip
        )
        networks[-1] = netaddr.IPNetwork(f'{networks[-1]}/{prefix}').cidr
    return [str(network) for network in netaddr.cidr_merge(networks)]
