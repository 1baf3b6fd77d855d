"""Hosts with a firewall each, which others use, too; what a test does to all of them at once, and what has to hold of
each afterwards."""

from __future__ import annotations

import collections
import contextlib
import os
import signal
import subprocess
import sys
import time
import typing as t
from pathlib import Path

import faults
import world

OURS = 'ls -d /var/lib/portmatrix /etc/firewalld/policies/portmatrix-* /etc/firewalld/ipsets/portmatrix-* 2>/dev/null; grep -ls portmatrix /etc/ufw/*.rules'

# An administrator's way from firewalld to ufw and back; the built-in chains of iptables come into being with their
# first use.
CLEAR_TABLES = 'for tool in iptables ip6tables; do $tool -F; $tool -X; for chain in INPUT OUTPUT FORWARD; do $tool -P $chain ACCEPT; done; done'
TO_UFW = f'systemctl disable -q --now firewalld; [ -d /root/ufw.d ] || cp -a /etc/ufw /root/ufw.d; cp -an /etc/default/ufw /root/ufw.default; {CLEAR_TABLES}'
RESET_UFW = f'''
ufw --force disable >/dev/null; systemctl disable -q ufw; rm -rf /etc/ufw; cp -a /root/ufw.d /etc/ufw; cp -a /root/ufw.default /etc/default/ufw; {CLEAR_TABLES}
'''
TO_FIREWALLD = f'{RESET_UFW} systemctl enable -q --now firewalld'

FOREIGN = {
    'firewalld': 'firewall-cmd -q --permanent --zone=public --add-port=9100/tcp; firewall-cmd -q --reload; '
    'firewall-cmd -q --zone=public --add-port=9101/tcp',
    'ufw': 'ufw allow 22/tcp >/dev/null; ufw --force enable >/dev/null; ufw allow 9100/tcp comment theirs >/dev/null; '
    'ufw reload >/dev/null',
}
THEIRS = {
    'firewalld': ('firewall-cmd --zone=public --list-ports', '9100/tcp 9101/tcp'),
    'ufw': ('ufw status', '9100/tcp'),
}
CLEAN = {'firewalld': 'rm -f /etc/firewalld/zones/public.xml*; firewall-cmd -q --reload', 'ufw': RESET_UFW}
ROUNDS = int(os.environ.get('PORTMATRIX_FAULT_ROUNDS', '1'))  # how often each fault is injected
Pictures = t.Dict[str, t.Dict[str, t.List[str]]]


def release(hosts: t.Iterable[str] = tuple(world.HOSTS), inventory: Path = world.INVENTORY) -> None:
    """Take everything of ours off HOSTS; those that have nothing are not asked."""
    found = [
        host
        for host, listing in world.on_all(lambda host: world.shell(host, f'{OURS}; true'), hosts).items()
        if listing
    ]
    if found:
        run = world.play('portmatrix.firewall.release', '-l', ','.join(found), inventory_path=inventory)
        assert run.code == 0, run.output


class Fleet:
    """FIREWALLS: host -> firewalld or ufw. INVENTORY has them; a change there waits WINDOW seconds for its
    confirmation."""

    def __init__(self, firewalls: dict[str, str], inventory: Path = world.INVENTORY, window: int = 7):
        self.firewalls, self.hosts, self.inventory, self.window = firewalls, list(firewalls), inventory, window

    def arguments(self, hosts: t.Iterable[str] | None = None) -> tuple[str, ...]:
        return '-l', ','.join(hosts or self.hosts), '-e', f'portmatrix_confirm_timeout={self.window}'

    def play(self, *arguments: str, playbook: str = 'portmatrix.firewall.harden', **options: t.Any) -> world.Run:
        return world.play(playbook, *self.arguments(), *arguments, inventory_path=self.inventory, **options)

    def release(self) -> None:
        release(self.hosts, self.inventory)

    def all(self, function: t.Callable[[str], t.Any]) -> dict[str, t.Any]:
        """FUNCTION of every host, side by side."""
        return world.on_all(function, self.hosts)

    def shell(self, script: str, **options: t.Any) -> dict[str, str]:
        """What SCRIPT prints on each host."""
        return self.all(lambda host: world.shell(host, script, **options))

    def each(self, scripts: dict[str, str]) -> dict[str, str]:
        """What the script of each host's firewall prints."""
        return self.all(lambda host: world.shell(host, scripts[self.firewalls[host]]))

    def pictures(self) -> Pictures:
        """Everything, without regard to the order in which the kernel lists chains."""
        return {
            host: {key: sorted(text.split('\n')) for key, text in found.items()}
            for host, found in self.all(world.picture).items()
        }

    def is_as(self, before: Pictures) -> None:
        differences = [
            f'{host}, {key}: {sign} {line}'
            for host, picture in self.pictures().items()
            for key, lines in picture.items()
            for sign, one, other in (('more:', lines, before[host][key]), ('less:', before[host][key], lines))
            for line in (collections.Counter(one) - collections.Counter(other))
        ]
        assert not differences, '\n'.join(differences[:40])

    def wait_until_decided(self) -> None:
        deadline = time.monotonic() + self.window + 60
        for host in self.hosts:
            while world.shell(host, 'ls -d /var/lib/portmatrix/pending 2>/dev/null; true'):
                assert time.monotonic() < deadline, (
                    f'{host}: a change still waits: {world.shell(host, "journalctl -t portmatrix --no-pager | tail")}'
                )
                time.sleep(0.2)

    def converges(self) -> None:
        """Management works, a run converges, a second one changes nothing, and what others put there is there."""
        first, second = self.play(), self.play()
        assert first.code == 0, first.output
        assert set(second.statuses().values()) == {'ok'}, second.output
        listings = self.each({firewall: script for firewall, (script, _words) in THEIRS.items()})
        assert all(THEIRS[self.firewalls[host]][1] in text for host, text in listings.items()), listings

    def lose_the_controller(self, hosts: t.Iterable[str] | None = None) -> None:
        """A change is in force on HOSTS and waits, and nobody will ever confirm it."""
        hosts = list(hosts or self.hosts)
        playbook = ('portmatrix.firewall.harden', *self.arguments(hosts))
        command = [str(Path(sys.executable).parent / 'ansible-playbook'), '-i', str(self.inventory), *playbook]
        world.on_all(faults.hang_new_connections, hosts)
        mark = f'PORTMATRIX_TEST_CONTROLLER={time.monotonic_ns()}'
        environment = {**os.environ, **dict([mark.split('=')])}
        controller = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
        try:
            world.on_all(
                lambda host: world.shell(
                    host, f'for n in $(seq 1000); do {faults.APPLIED} && exit; sleep 0.05; done; exit 1'
                ),
                hosts,
            )
        finally:
            # its workers have sessions of their own, so they are found by the environment that they share
            for pid in filter(str.isdigit, os.listdir('/proc')):
                with contextlib.suppress(OSError):
                    if mark.encode() in Path(f'/proc/{pid}/environ').read_bytes():
                        os.kill(int(pid), signal.SIGKILL)
            controller.wait()


BOTH = Fleet({'mgmt1': 'firewalld', 'mgmt2': 'firewalld', 'data1': 'ufw', 'data2': 'ufw'})
