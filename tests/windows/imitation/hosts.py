"""Imitated Windows hosts, one folder each. The C# of this folder reads and writes the same files."""

from __future__ import annotations

import copy
import json
import os
import time
import typing as t
from pathlib import Path

import yaml

from . import judge

STOCK = yaml.safe_load((Path(__file__).parent / 'stock.yml').read_text(encoding='utf-8'))
LOG = 'log.jsonl'
# the fields of a rule that stock.yml leaves out
_RULE = {
    'Description': '',
    'Grouping': '',
    'Application': '',
    'Service': '',
    'InterfaceTypes': 'All',
    'IcmpTypes': '*',
    'LocalPorts': '*',
    'RemotePorts': '*',
    'LocalAddresses': '*',
    'RemoteAddresses': '*',
    'Inbound': True,
    'Allow': True,
    'Enabled': True,
    'Interfaces': '',
    **dict.fromkeys(('LocalUsers', 'RemoteUsers', 'RemoteComputers', 'Owner', 'Package'), ''),
    'Profiles': 0x7FFFFFFF,
    'EdgeTraversal': 0,
    'SecureFlags': 0,
}
_PROFILE = {'Enabled': True, 'BlockInbound': True, 'BlockOutbound': False, 'LogDropped': False, 'ShieldsUp': False}


class ImitatedHost:
    """The host whose state lies in FOLDER."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = folder.name

    @classmethod
    def create(cls, root: Path, name: str, address: str, **settings: t.Any) -> ImitatedHost:
        """A stock host. SETTINGS: rules and listeners (in addition), faults, languages (user -> language)."""
        host = cls(root / name)
        (host.folder / 'ProgramData').mkdir(parents=True)
        (host.folder / 'temp').mkdir()
        rules = [*STOCK['rules'], *settings.get('rules', ())]
        firewall = {
            'rules': [{**_RULE, **rule, 'Id': f'stock {number}'} for number, rule in enumerate(rules)],
            'profiles': {str(number): _PROFILE for number in judge.PROFILES},
            'active': 1,
            'modify_state': 0,
            'operations': 0,
        }
        machine = {
            'address': address,
            'listeners': {**STOCK['listeners'], **settings.get('listeners', {})},
            'connections': [],
            'next_peer_port': 50000,
            'clock': 0,
            'strings': STOCK['strings'],
            'languages': settings.get('languages', {}),
        }
        host.write('first.json', firewall)
        host.write('firewall.json', firewall)
        host.write('faults.json', settings.get('faults', {}))
        # last, as `find` looks at it
        host.write('machine.json', machine)
        return host

    def read(self, name: str) -> dict[str, t.Any]:
        return json.loads((self.folder / name).read_text(encoding='utf-8'))

    def write(self, name: str, data: dict[str, t.Any]) -> None:
        path = self.folder / f'{name}.{os.getpid()}'
        path.write_text(json.dumps(data), encoding='utf-8')
        path.replace(self.folder / name)

    def update(self, name: str, **changes: t.Any) -> None:
        self.write(name, {**self.read(name), **changes})

    def take_fault(self, name: str) -> bool:
        """Whether the fault NAME happens now; its value is how often it does (-1: always)."""
        left = self.read('faults.json').get(name, 0)
        if left > 0:
            self.update('faults.json', **{name: left - 1})
        return bool(left)

    def admits(self, peer: str, port: int, protocol: str = 'tcp', state: str = 'firewall.json') -> bool:
        """Whether the firewall admits a new connection from PEER to PORT."""
        program, service = self.read('machine.json')['listeners'].get(str(port), ('', ''))
        return judge.admits(self.read(state), judge.Packet(peer, port, protocol), (program, service))

    @property
    def operations(self) -> int:
        return self.read('firewall.json')['operations']

    @property
    def own_rules(self) -> list[dict[str, t.Any]]:
        return [rule for rule in self.read('firewall.json')['rules'] if rule['Grouping'] == 'portmatrix']

    def is_as_at_first(self, state: str = 'firewall.json') -> bool:
        first, now = self.read('first.json'), self.read(state)
        return _comparable(first) == _comparable(now)

    def left_behind(self) -> list[str]:
        """What of ours is on the host besides rules: the task, and records with their names."""
        task = ['task'] if (self.folder / 'task.json').exists() else []
        return [*task, *sorted(path.name for path in (self.folder / 'ProgramData').rglob('*'))]

    def log(self, **event: t.Any) -> None:
        line = json.dumps({'time': round(time.time(), 2), 'host': self.name, **event}) + '\n'
        with (self.folder.parent / LOG).open('a', encoding='utf-8') as file:
            file.write(line)


def _comparable(firewall: dict[str, t.Any]) -> dict[str, t.Any]:
    plain = copy.deepcopy(firewall)
    plain['rules'].sort(key=lambda rule: json.dumps(rule, sort_keys=True))
    return {**plain, 'operations': 0}


def find(root: Path, address: str) -> ImitatedHost:
    """The host with ADDRESS."""
    for host in every(root):
        if host.read('machine.json')['address'] == address:
            return host
    raise LookupError(f'no imitated host has the address {address}')


def every(root: Path) -> list[ImitatedHost]:
    return [ImitatedHost(path.parent) for path in sorted(root.glob('*/machine.json'))]


def events(root: Path) -> list[dict[str, t.Any]]:
    """What the connection plugins did, in order."""
    path = root / LOG
    return [json.loads(line) for line in path.read_text(encoding='utf-8').splitlines()] if path.exists() else []


def wait_until(condition: t.Callable[[], bool], seconds: float) -> bool:
    """Whether CONDITION comes true within SECONDS."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def keep_states(root: Path, name: str) -> None:
    """Keep the firewall of each host as it is now, in a file NAME."""
    for host in every(root):
        host.write(name, host.read('firewall.json'))
