"""The two hosts of the fixture `plain_ufw`, whose only firewall in effect is ufw, and what several tests do there."""

from __future__ import annotations

import testbed

HOSTS = ['data1', 'data2']  # Debian 12 and 13
LIMIT = ('-l', ','.join(HOSTS))
ENABLE = 'ufw allow 22/tcp >/dev/null; ufw --force enable >/dev/null'


def harden(*arguments: str) -> testbed.Run:
    run = testbed.play('portmatrix.firewall.harden', *LIMIT, *arguments)
    assert run.code == 0, run.output
    return run
