"""The machines as the tests find them: a firewall each, a direct rule, and the zones that NetworkManager puts an
interface into."""

from __future__ import annotations

import fleet
import machine
import world

# a processor that is emulated takes its time
FLEETS = [
    fleet.Fleet({'vm1': one, 'vm2': other}, machine.INVENTORY, window=40)
    for one, other in (('ufw', 'firewalld'), ('firewalld', 'ufw'))
]
DIRECT = 'ipv4 filter INPUT 0 -s 192.0.2.11 -j ACCEPT'
SET_UP = {
    'ufw': f'{fleet.TO_UFW}; ufw allow 22/tcp; ufw --force enable',
    'firewalld': f'firewall-cmd -q --permanent --direct --add-rule {DIRECT}; firewall-cmd -q --reload',
}
FORMER = {
    'ufw': fleet.TO_FIREWALLD,
    'firewalld': f'firewall-cmd -q --permanent --direct --remove-rule {DIRECT}; firewall-cmd -q --reload',
}


def zone(host: str) -> str:
    return world.shell(host, 'firewall-cmd --get-zone-of-interface=eth0').strip()


def move(name: str) -> str:
    """What moves it to the zone NAME; '' is the default zone."""
    return f'nmcli connection modify lab connection.zone "{name}" && nmcli connection up lab >/dev/null'
