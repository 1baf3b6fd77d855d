"""Which connections the documents of the vendors allow in the lab, and which ones its hosts really make.

The expectation is worked out from the matrices that were read from the documents by hand, and from the inventory,
without any code of the collection.
"""

from __future__ import annotations

import typing as t

import matrices
import yaml
from testbed import HERE, HOSTS, INVENTORY, connections, inventory, map_hosts, serving

DEFAULTS: dict[str, dict[str, t.Any]] = yaml.safe_load((HERE / 'defaults.yml').read_text())
UNDOCUMENTED = (('tcp', 9999), ('udp', 9998), ('tcp', 23))
Key = t.Tuple[str, str, str, int]  # destination, its address, protocol, port


class Expectation:
    """Which connections the documents allow in the lab."""

    def __init__(self) -> None:
        data = inventory()
        self.components = {
            host: set(yaml.safe_load((INVENTORY / 'host_vars' / f'{host}.yml').read_text())['portmatrix_components'])
            for host in HOSTS
        }
        for group, content in data['children'].items():
            product = next(name for name in DEFAULTS if group.startswith(f'{name}_'))
            for host in content['hosts']:
                self.components[host].add(f'{product}.{group[len(product) + 1 :]}')
        self.egress_denied = {host for host, variables in HOSTS.items() if variables.get('portmatrix_egress') == 'deny'}
        self.rows = [
            (product, row, row.number(self._options(product, data)))
            for product in DEFAULTS
            for row in matrices.load(product)
            if row.applies(self._options(product, data), 'linux')
        ]
        with_addresses = data['vars']['portmatrix_peers']
        on_hosts = {component for names in self.components.values() for component in names}
        self.any = {
            name
            for product, row, _port in self.rows
            for end in (row.source, row.destination)
            if (name := f'{product}.{end}') not in on_hosts and name not in with_addresses
        }

    def _options(self, product: str, data: dict[str, t.Any]) -> dict[str, t.Any]:
        """Every option that a condition or a port of the matrices names; the defaults are those of the documents."""
        return {
            **DEFAULTS[product],
            **{
                name[len(product) + 1 :]: value
                for name, value in data['vars'].items()
                if name.startswith(f'{product}_')
            },
        }

    def services(self) -> list[tuple[str, int]]:
        return sorted({(row.protocol, int(port)) for _product, row, port in self.rows} | set(UNDOCUMENTED))

    def allowed(self, source: str, destination: str, protocol: str, port: int) -> bool:
        rows = [(product, row) for product, row, number in self.rows if (row.protocol, number) == (protocol, str(port))]
        is_allowed_in = any(
            self._has_component(destination, product, row.destination)
            and (self._has_component(source, product, row.source) or f'{product}.{row.source}' in self.any)
            for product, row in rows
        )
        is_allowed_out = (
            source not in self.egress_denied
            or any(
                self._has_component(source, product, row.source)
                and (
                    self._has_component(destination, product, row.destination)
                    or f'{product}.{row.destination}' in self.any
                )
                for product, row in rows
            )
            or (protocol, port) in (('udp', 53), ('tcp', 53), ('udp', 123), ('udp', 67), ('udp', 547))
        )
        return is_allowed_in and is_allowed_out

    def _has_component(self, host: str, product: str, component: str) -> bool:
        return f'{product}.{component}' in self.components[host]


def truth_table(
    expectation: Expectation, is_allowed: t.Callable[[str, str, str, int], bool]
) -> tuple[int, int, list[str]]:
    """Probe every pair of hosts on every service over both families.

    Returns how many connections must pass, how many must not, and the differences. IS_ALLOWED: source, destination,
    protocol, port.
    """
    with serving({host: expectation.services() for host in HOSTS}):
        tables = map_hosts(lambda host: _probe_from(host, expectation.services(), is_allowed))
    passing = blocked = 0
    differences = []
    for source, table in tables.items():
        for (destination, address, protocol, port), passed in table.items():
            expected = is_allowed(source, destination, protocol, port)
            passing, blocked = passing + expected, blocked + (not expected)
            if passed != expected:
                differences.append(
                    f'{source} -> {destination} ({address}) {protocol}/{port}: {"passes" if passed else "is blocked"}'
                )
    return passing, blocked, differences


def _probe_from(
    source: str, services: list[tuple[str, int]], is_allowed: t.Callable[[str, str, str, int], bool]
) -> dict[Key, bool]:
    keys = [
        (host, address, protocol, port)
        for host, variables in HOSTS.items()
        if host != source
        for address in (variables['ansible_host'], variables['lab_ipv6'])
        for protocol, port in services
    ]
    table: dict[Key, bool] = {}
    for expected in (True, False):
        chosen = [key for key in keys if is_allowed(source, key[0], *key[2:]) is expected]
        targets = [(protocol, address, port) for _host, address, protocol, port in chosen]
        table.update(zip(chosen, connections(source, targets, expected)))
    return table
