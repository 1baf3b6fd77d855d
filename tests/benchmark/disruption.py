"""Connections lost and wrongly accepted while a policy is replaced under a connection every 10 ms: changes, first
application, release.

tests/lab/lab.py up && tests/lab/lab.py run -- .venv/bin/python tests/benchmark/disruption.py
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / 'tests'), str(ROOT / 'tests' / 'lab')]
import conftest  # noqa: F401
import testbed
import traffic

OPEN = 'firewall-cmd -q --permanent --zone=public'


def main() -> None:
    print(f'{"host":<7}{"what":<46}{"transition":<12}{"allowed: lost of":<20}{"denied: accepted of":<20}')
    for host in ('mgmt1', 'mgmt2'):
        testbed.play('portmatrix.firewall.release')
        # allowed before the first application and after the release, too, so that these can be measured
        testbed.shell(host, f'{OPEN} --add-port=443/tcp && firewall-cmd -q --reload')
        for what, arguments in (
            ('first application', ()),
            *((f'change: {name}', ('-e', json.dumps(change))) for name, change in traffic.CHANGES.items()),
            ('release', None),
        ):
            runs = []

            def change(arguments=arguments, runs=runs, host=host):
                playbook = 'portmatrix.firewall.harden' if arguments is not None else 'portmatrix.firewall.release'
                runs.append(testbed.play(playbook, '-l', host, *(arguments or ())))

            allowed, denied = traffic.during(change, {host: 443})[host]
            lost, passed = (
                f'{allowed.tried - allowed.answered} of {allowed.tried}',
                f'{denied.answered} of {denied.tried}',
            )
            print(f'{host:<7}{what:<46}{runs[0].results[host]["transition"]:<12}{lost:<20}{passed:<20}', flush=True)
        testbed.shell(host, f'{OPEN} --remove-port=443/tcp && firewall-cmd -q --reload')


if __name__ == '__main__':
    main()
