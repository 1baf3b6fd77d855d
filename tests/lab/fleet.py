"""Hosts with a firewall each that also has rules which portmatrix does not manage: what a test does to all of them at
once, and what must hold of each of them afterwards."""

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
import testbed
from firewall_scripts import LIST_MANAGED, UNMANAGED

ROUNDS = int(os.environ.get('PORTMATRIX_FAULT_ROUNDS', '1'))  # how often each fault is injected
# Seconds in which a change must be confirmed. The long window is for changes that are confirmed, or whose window the
# test ends: it does not take that long. The short one is for tests that wait for its end; a slow machine must bring
# a change into force within it.
WINDOW, SHORT_WINDOW = 60, 15
PENDING = (
    'ls -d /var/lib/portmatrix/pending* 2>/dev/null; '
    'systemctl -q is-active portmatrix-rollback.service && echo active; true'
)
# What the timer does at the end of the window, at once. Without systemd, a process sleeps instead.
END_WINDOW = """
if [ ! -d /run/systemd/system ]; then pkill -f '^sleep {window}$'
elif systemctl -q is-active portmatrix-rollback.timer; then
    systemctl start portmatrix-rollback.service; systemctl stop portmatrix-rollback.timer
fi; true
"""
States = t.Dict[str, t.Dict[str, t.List[str]]]


def release(hosts: t.Iterable[str] = tuple(testbed.HOSTS), inventory: Path = testbed.INVENTORY) -> None:
    """Remove everything that portmatrix manages from HOSTS; those without anything are left alone."""
    listings = testbed.map_hosts(lambda host: testbed.shell(host, f'{LIST_MANAGED}; true'), hosts)
    managed = [host for host, listing in listings.items() if listing]
    if managed:
        run = testbed.play('portmatrix.firewall.release', '-l', ','.join(managed), inventory_path=inventory)
        assert run.code == 0, run.output


class Fleet:
    """FIREWALLS: host -> firewalld or ufw. WINDOW and SHORT_WINDOW: seconds, see above."""

    def __init__(
        self,
        firewalls: dict[str, str],
        inventory: Path = testbed.INVENTORY,
        window: int = WINDOW,
        short_window: int = SHORT_WINDOW,
    ):
        self.firewalls, self.hosts, self.inventory = firewalls, list(firewalls), inventory
        self.window, self.short_window = window, short_window

    def play(
        self,
        *arguments: str,
        playbook: str = 'portmatrix.firewall.harden',
        window: int | None = None,
        **options: t.Any,
    ) -> testbed.Run:
        """Run PLAYBOOK on the hosts, with the long WINDOW by default."""
        common = self._arguments(self.hosts, window)
        return testbed.play(playbook, *common, *arguments, inventory_path=self.inventory, **options)

    def _arguments(self, hosts: t.Iterable[str], window: int | None) -> tuple[str, ...]:
        return '-l', ','.join(hosts), '-e', f'portmatrix_confirm_timeout={window or self.window}'

    def release(self) -> None:
        release(self.hosts, self.inventory)

    def map(self, function: t.Callable[[str], t.Any]) -> dict[str, t.Any]:
        """Call FUNCTION with each host, in parallel: host -> result."""
        return testbed.map_hosts(function, self.hosts)

    def shell(self, script: str, **options: t.Any) -> dict[str, str]:
        """What SCRIPT prints on each host."""
        return self.map(lambda host: testbed.shell(host, script, **options))

    def write(self, contents: dict[str, str]) -> None:
        """Write CONTENTS (path -> text) on each host."""
        for path, text in contents.items():
            for host in self.hosts:
                testbed.shell(host, f'mkdir -p $(dirname {path}); cat > {path}', text=text)

    def shell_by_firewall(self, scripts: dict[str, str]) -> dict[str, str]:
        """What the script of SCRIPTS (firewall -> script) for each host prints there."""
        return self.map(lambda host: testbed.shell(host, scripts[self.firewalls[host]]))

    def with_firewall(self, firewall: str) -> list[str]:
        return [host for host, name in self.firewalls.items() if name == firewall]

    def states(self) -> States:
        return testbed.sorted_lines(testbed.host_states(self.hosts))

    def assert_unchanged(self, before: States) -> None:
        differences = [
            f'{host}, {key}: {sign} {line}'
            for host, state in self.states().items()
            for key, lines in state.items()
            for sign, one, other in (('more:', lines, before[host][key]), ('less:', before[host][key], lines))
            for line in (collections.Counter(one) - collections.Counter(other))
        ]
        assert not differences, '\n'.join(differences[:40])

    def wait_until_decided(self) -> None:
        """Wait until no change is pending on any host."""
        deadline = time.monotonic() + self.window + 120
        for host in self.hosts:
            while testbed.shell(host, PENDING):
                assert time.monotonic() < deadline, (
                    f'{host}: a change is still pending: '
                    f'{testbed.shell(host, "journalctl -t portmatrix --no-pager | tail")}'
                )
                time.sleep(0.2)

    def end_window(self) -> None:
        """End the long window of pending changes now: their hosts roll them back."""
        self.shell(END_WINDOW.format(window=self.window))

    def assert_converges(self) -> None:
        """Management access works, a run converges, a second one changes nothing, and unmanaged rules are kept."""
        first, second = self.play(), self.play()
        assert first.code == 0, first.output
        assert set(second.statuses().values()) == {'ok'}, second.output
        listings = self.shell_by_firewall({firewall: script for firewall, (script, _expected) in UNMANAGED.items()})
        assert all(UNMANAGED[self.firewalls[host]][1] in text for host, text in listings.items()), listings

    def apply_and_kill_controller(
        self, *arguments: str, hosts: t.Iterable[str] | None = None, window: int | None = None
    ) -> None:
        """Bring a change into force on HOSTS, and kill the controller before it can confirm.

        New connections from the controller are dropped until `faults.accept_new_connections`.
        """
        hosts = list(hosts or self.hosts)
        playbook = ('portmatrix.firewall.harden', *self._arguments(hosts, window), *arguments)
        command = [str(Path(sys.executable).parent / 'ansible-playbook'), '-i', str(self.inventory), *playbook]
        testbed.map_hosts(faults.drop_new_connections, hosts)
        name, value = 'PORTMATRIX_TEST_CONTROLLER', str(time.monotonic_ns())
        # a host that waits for its confirmation occupies a fork
        environment = {**os.environ, name: value, 'ANSIBLE_FORKS': str(len(hosts))}
        controller = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
        try:
            wait = f'for n in $(seq 5000); do {faults.APPLIED} && exit; sleep 0.05; done; exit 1'
            testbed.map_hosts(lambda host: testbed.shell(host, wait), hosts)
        finally:
            _kill_all_with(f'{name}={value}')
            controller.wait()
        # modules that have applied their change end a little later
        self.wait_for_module(hosts, is_running=False)

    def wait_for_module(self, hosts: t.Iterable[str] | None = None, is_running: bool = True) -> None:
        """Wait until a module of Ansible runs on each of HOSTS, or on none of them."""
        wanted = '' if is_running else '! '
        script = f'for n in $(seq 1200); do {wanted}pgrep -f "[A]nsiballZ" >/dev/null && exit; sleep 0.1; done; exit 1'
        testbed.map_hosts(lambda host: testbed.shell(host, script), hosts or self.hosts)


def _kill_all_with(variable: str) -> None:
    """Kill all processes with VARIABLE in their environment: the workers of Ansible have sessions of their own."""
    for pid in filter(str.isdigit, os.listdir('/proc')):
        with contextlib.suppress(OSError):
            if variable.encode() in Path(f'/proc/{pid}/environ').read_bytes():
                os.kill(int(pid), signal.SIGKILL)


FLEET = Fleet({'mgmt1': 'firewalld', 'mgmt2': 'firewalld', 'data1': 'ufw', 'data2': 'ufw'})
