"""Write what the controller would send to a Windows host: the arguments of the module for one call after another.

python tests/windows/hosted/request.py FOLDER [--window SECONDS]

Each call is a file NAME.json in FOLDER. The shipped action plugin makes the arguments; only the host is replaced.
"""

from __future__ import annotations

import argparse
import json
import sys
import typing as t
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / 'tests'))

import conftest  # noqa: F401  (makes the checkout importable as a collection)
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._action.platforms.windows import Windows

Json = dict[str, t.Any]
WINDOW = 60  # seconds
MANY_RULES = 500
# change -> its policy; none for a release
CHANGES = {
    'enforced': 'usual',
    'again': 'usual',
    'absent': '',
    'unconfirmed': 'usual',
    'killed': 'many',
    'cleared': '',
    'egress': 'egress',
    'replaced': 'replaced',
    'egress-absent': '',
}
# the same in check mode
CHECKS = {'check': 'usual', 'unusual': 'unusual'}
PEERS = ['198.51.100.0/28', '2001:db8:1::/64']
MANY_PEERS = [f'10.{number // 128}.{number % 128 * 2}.0/24' for number in range(2500)]


class Host:
    """Stands for a host that is reached over WinRM, and keeps what would be sent to it."""

    connection_name = 'winrm'

    def __init__(self, *, check_mode: bool = False) -> None:
        self.check_mode = check_mode
        self.sent: Json = {}

    def connection_option(self, name: str) -> t.Any:
        return {'port': 5985, 'scheme': 'http'}.get(name)

    def execute_module(self, _name: str, arguments: Json) -> Json:
        self.sent = arguments
        return {}


def create_rule(direction: str, protocol: str, ports: list[str], group: str | None, flow: str) -> Json:
    flows = [f'hosted/{flow}']
    return {'direction': direction, 'protocol': protocol, 'ports': ports, 'group': group, 'flows': flows}


def create_policy(*rules: Json, egress: str = 'allow', log_denied: bool = False) -> str:
    """A policy document whose management sources are not declared: what is open for management stays so."""
    flows = sorted({flow for rule in rules for flow in rule['flows']})
    document = {
        'format': 1,
        'egress': egress,
        'exclusive': False,
        'log_denied': log_denied,
        'management': {'sources': ['any'], 'ports': [], 'declared': False},
        'groups': {'peers': PEERS, 'many': MANY_PEERS},
        'rules': list(rules),
        'citations': {flow: [f'tests/windows/hosted, {flow}'] for flow in flows},
    }
    return json.dumps(document)


def create_policies() -> dict[str, str]:
    names = [create_rule('egress', protocol, ['53'], None, 'dns') for protocol in ('tcp', 'udp')]
    many = [
        create_rule('ingress', 'tcp', [str(20000 + number)], 'peers', f'many-{number}') for number in range(MANY_RULES)
    ]
    return {
        'usual': create_policy(
            create_rule('ingress', 'tcp', ['443', '8000-8010'], 'peers', 'api'),
            create_rule('ingress', 'udp', ['514'], None, 'log'),
            create_rule('ingress', 'icmp', [], 'peers', 'ping'),
            create_rule('egress', 'tcp', ['8443'], 'peers', 'upstream'),
            log_denied=True,
        ),
        'many': create_policy(*many),
        'egress': create_policy(*names, create_rule('egress', 'tcp', ['443'], None, 'https'), egress='deny'),
        # what is allowed is the same, but the rule for port 443 is another one
        'replaced': create_policy(*names, create_rule('egress', 'tcp', ['443'], None, 'other-https'), egress='deny'),
        'unusual': create_policy(
            create_rule('egress', 'vrrp', [], 'peers', 'vrrp'),
            create_rule('ingress', 'vrrp', [], 'peers', 'vrrp'),
            *(create_rule('ingress', protocol, [], 'peers', protocol) for protocol in ('esp', 'ah', 'gre', 'icmpv6')),
            create_rule('ingress', 'tcp', ['443'], 'many', 'many-peers'),
            egress='deny',
        ),
    }


def create_calls(window: int) -> dict[str, Json]:
    """Name of a call -> arguments of the module. A change NAME is confirmed by the call NAME-confirmed."""
    calls = {
        'gathered': Windows({}).module_arguments(Host(), {'state': 'gathered'}),
        'outcome': _outcome(),
    }
    for name in CHECKS:
        calls[name] = Windows({}).module_arguments(Host(check_mode=True), create_wanted(name, window))
    for name in CHANGES:
        wanted = create_wanted(name, window)
        calls[name] = Windows({}).module_arguments(Host(), wanted)
        calls[f'{name}-confirmed'] = _confirmation(name, wanted['state'])
    return calls


def create_wanted(name: str, window: int = WINDOW) -> Json:
    """What the action asks for with the call NAME, which is its token, too."""
    policy = {**CHANGES, **CHECKS}[name]
    wanted: Json = {'state': 'enforced' if policy else 'absent', 'confirm_timeout': window, 'token': name}
    if policy:
        wanted['policy'] = create_policies()[policy]
    return wanted


def _confirmation(name: str, state: str) -> Json:
    host = Host()
    Windows({}).open_channel(host, {'token': name, 'state': state}).confirm()
    return host.sent


def _outcome() -> Json:
    host = Host()
    Windows({}).change_state(host, '')
    return host.sent


def write(folder: Path, window: int = WINDOW) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, arguments in create_calls(window).items():
        paths.append(folder / f'{name}.json')
        paths[-1].write_text(json.dumps(arguments), encoding='utf-8')
    return paths


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('folder', type=Path)
    parser.add_argument('--window', type=int, default=WINDOW, help='of each change, in seconds')
    options = parser.parse_args()
    for path in write(options.folder, options.window):
        print(f'{path}: {path.stat().st_size} bytes')


if __name__ == '__main__':
    main()
