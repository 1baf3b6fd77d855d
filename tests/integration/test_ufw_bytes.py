"""Our files are ufw's files: what ufw wrote is rendered back byte for byte, and ufw's next rewrite leaves ours as they
are."""

from __future__ import annotations

import random

import pytest
import world
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
    """A rule as a person might give it to ufw."""
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


def read(host: str) -> dict[str, str]:
    return {path: world.on(host, 'cat', path) for path in PATHS}


def rendered(texts: dict[str, str]) -> dict[str, str]:
    """The rules of TEXTS, parsed and written again by us."""
    parsed = {family: user_rules.parse(path, texts[path]) for family, path in user_rules.PATHS.items()}
    now = settings.parse(texts)
    return {
        user_rules.PATHS[family]: user_rules.render(family, rules.tuples, now, bool(rules.limits))
        for family, rules in parsed.items()
    }


@pytest.mark.parametrize('level', ['off', 'low', 'medium', 'high', 'full'])
def test_what_ufw_writes_is_rendered_back_to_the_byte(plain_ufw, level):
    rng = random.Random(level)
    commands = [random_command(rng) for _number in range(COMMANDS // 5)]
    default = rng.choice(['allow', 'deny', 'reject'])

    def write(host):
        script = f'ufw default {default} incoming; ufw logging {level}; ' + '; '.join(
            f'ufw {command} || true' for command in commands
        )
        world.shell(host, f'{script}; ufw allow 1; ufw logging {level}')
        texts = read(host)
        count = sum(texts[path].count(tuples.MARK) for path in user_rules.PATHS.values())
        assert count > COMMANDS // 5 // 2, 'ufw refused most of the rules'
        return {path: texts[path] for path in user_rules.PATHS.values()}, rendered(texts)

    for written, ours in world.on_all(write, HOSTS).values():
        assert ours == written


def test_ufw_leaves_our_files_as_they_are_when_it_rewrites_them(plain_ufw):
    assert world.play('portmatrix.firewall.harden', '-l', ','.join(HOSTS), '-e', 'portmatrix_egress=deny').code == 0
    for host in HOSTS:
        before = read(host)
        # each of the two files is written anew with every rule that comes or goes
        world.shell(host, 'ufw allow 9/udp; ufw delete allow 9/udp; ufw logging low')
        assert read(host) == before
        kernel = world.shell(host, 'iptables-save -t filter; ip6tables-save -t filter').split('\n')
        world.shell(host, 'ufw reload')
        again = world.shell(host, 'iptables-save -t filter; ip6tables-save -t filter').split('\n')
        assert [line for line in again if line.startswith('-A')] == [
            line for line in kernel if line.startswith('-A')
        ], 'ufw makes another kernel of our files'
    assert world.play(
        'portmatrix.firewall.harden', '-l', ','.join(HOSTS), '-e', 'portmatrix_egress=deny'
    ).statuses() == dict.fromkeys(HOSTS, 'ok')


def test_the_stock_files_that_rendering_builds_on_are_those_of_the_package(plain_ufw):
    for host in HOSTS:
        for path in (*administrator_files.BEFORE.values(), *administrator_files.AFTER.values()):
            assert list(administrator_files.tables(path, stock.texts()[path])) == list(
                administrator_files.tables(path, world.on(host, 'cat', path))
            ), (host, path)
        for path in (settings.DEFAULTS, settings.CONF):
            assert settings.parse({**stock.texts()}) == settings.parse(read(host)), (host, path)
