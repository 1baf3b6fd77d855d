"""Two hosts of the lab on which ufw alone is installed in effect (the fixture plain_ufw), and what tests do there."""

from __future__ import annotations

import world

HOSTS = ['data1', 'data2']
LIMIT = ('-l', ','.join(HOSTS))
ON = 'ufw allow 22/tcp >/dev/null; ufw --force enable >/dev/null'


def hardened(*arguments: str) -> world.Run:
    run = world.play('portmatrix.firewall.harden', *LIMIT, *arguments)
    assert run.code == 0, run.output
    return run


def saved(host: str) -> str:
    """The kernel's rules, as iptables has them."""
    return world.shell(host, 'iptables-save -t filter; ip6tables-save -t filter')
