"""Files that portmatrix writes are those that ufw writes, byte for byte: ufw's own are parsed and rendered without a
difference, and ufw rewrites those of portmatrix without one."""

from __future__ import annotations

import random

import pytest
import testbed
from ansible_collections.portmatrix.firewall.plugins.module_utils._backends.ufw import (
    administrator_files,
    settings,
    stock,
    tuples,
    user_rules,
)
from ufw_pair import HOSTS

COMMANDS = 60
PATHS = (settings.DEFAULTS, settings.CONF, *user_rules.PATHS.values())


def random_command(rng: random.Random) -> str:
    """Arguments of ufw for a rule, as an administrator might write them."""
    action = rng.choice(['allow', 'allow', 'deny', 'reject', 'limit'])
    log = rng.choice(['', '', '', 'log', 'log-all'])
    comment = rng.choice(['', '', "comment 'what it is for'", "comment 'Grüße: ünïcode'"])
    if rng.random() < 0.15:
        return f"{action} {log} {rng.choice(['OpenSSH', 'WWW Full', 'DNS'])} {comment}"
    route = rng.random() < 0.2
    where = (
        rng.choice(['in', 'out', 'in on eth0', 'out on wg0'])
        if not route
        else rng.choice(['', 'in on eth0', 'in on eth0 out on eth1', 'out on eth1'])
    )
    version = rng.choice([4, 6])
    protocol = rng.choice(['tcp', 'tcp', 'udp', 'any', 'esp', 'ah', 'gre', 'vrrp'])
    ends = []
    for word in ('from', 'to'):
        hosts = {
            4: ['192.0.2.7', '192.0.2.9/32', '198.51.100.77/28', '10.0.0.0/8'],
            6: ['2001:DB8::7', '2001:db8:5::/64', 'fe80::1/128'],
        }[version]
        address = rng.choice(['any', rng.choice(hosts)])
        ports = {'tcp': ['22', '80,443', '90:99', '5,3,7:9'], 'udp': ['53', '68,67'], 'any': ['77']}.get(protocol, [])
        ends.append(f'{word} {address}{f" port {rng.choice(ports)}" if ports and rng.random() < 0.6 else ""}')
    proto = '' if protocol == 'any' else f'proto {protocol}'
    return f"{'route ' if route else ''}{action} {where} {log} {proto} {' '.join(ends)} {comment}"


def read_files(host: str) -> dict[str, str]:
    return {path: testbed.run_command(host, 'cat', path) for path in PATHS}


def render(texts: dict[str, str]) -> dict[str, str]:
    """The rules of TEXTS, parsed and rendered again."""
    parsed = {family: user_rules.parse(path, texts[path]) for family, path in user_rules.PATHS.items()}
    current = settings.parse(texts)
    return {
        user_rules.PATHS[family]: user_rules.render(family, rules.tuples, current, bool(rules.limits))
        for family, rules in parsed.items()
    }


@pytest.mark.parametrize('level', ['off', 'low', 'medium', 'high', 'full'])
def test_what_ufw_writes_is_rendered_byte_for_byte(plain_ufw, level):
    rng = random.Random(level)
    commands = [random_command(rng) for _number in range(COMMANDS // 5)]
    default = rng.choice(['allow', 'deny', 'reject'])

    def write(host):
        script = f'ufw default {default} incoming; ufw logging {level}; ' + '; '.join(
            f'ufw {command} || true' for command in commands
        )
        testbed.shell(host, f'{script}; ufw allow 1; ufw logging {level}')
        texts = read_files(host)
        count = sum(texts[path].count(tuples.MARK) for path in user_rules.PATHS.values())
        assert count > COMMANDS // 5 // 2, 'ufw refused most of the rules'
        return {path: texts[path] for path in user_rules.PATHS.values()}, render(texts)

    for written, rendered in testbed.map_hosts(write, HOSTS).values():
        assert rendered == written


def test_ufw_rewrites_the_files_without_a_difference(plain_ufw):
    assert testbed.play('portmatrix.firewall.harden', '-l', ','.join(HOSTS), '-e', 'portmatrix_egress=deny').code == 0
    for host in HOSTS:
        before = read_files(host)
        # ufw writes both files again for every rule that is added or deleted
        testbed.shell(host, 'ufw allow 9/udp; ufw delete allow 9/udp; ufw logging low')
        assert read_files(host) == before
        kernel = testbed.filter_rules(host).split('\n')
        testbed.shell(host, 'ufw reload')
        again = testbed.filter_rules(host).split('\n')
        assert [line for line in again if line.startswith('-A')] == [
            line for line in kernel if line.startswith('-A')
        ], 'ufw loads other rules from the files'
    assert testbed.play(
        'portmatrix.firewall.harden', '-l', ','.join(HOSTS), '-e', 'portmatrix_egress=deny'
    ).statuses() == dict.fromkeys(HOSTS, 'ok')


def test_the_stock_files_that_rendering_starts_from_are_those_of_the_package(plain_ufw):
    for host in HOSTS:
        for path in (*administrator_files.BEFORE.values(), *administrator_files.AFTER.values()):
            assert list(administrator_files.tables(path, stock.texts()[path])) == list(
                administrator_files.tables(path, testbed.run_command(host, 'cat', path))
            ), (host, path)
        for path in (settings.DEFAULTS, settings.CONF):
            assert settings.parse({**stock.texts()}) == settings.parse(read_files(host)), (host, path)
