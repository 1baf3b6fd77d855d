"""Which connections the documents allow in the lab, and which ones its hosts really make.

The expectation comes from the matrices that were read by hand from the documents, and from the inventory; nothing of
the collection is asked."""

from __future__ import annotations

import typing as t

import matrices
import yaml
from world import HERE, HOSTS, INVENTORY, inventory, on_all, probe, serve, stop_serving

UNDOCUMENTED = (('tcp', 9999), ('udp', 9998), ('tcp', 23))


class Expectation:
    """Which connections the documents allow in the lab, worked out from the matrices and the inventory alone."""

    def __init__(self) -> None:
        data = inventory()
        self.components = {
            host: set(yaml.safe_load((INVENTORY / 'host_vars' / f'{host}.yml').read_text())['portmatrix_components'])
            for host in HOSTS
        }
        for group, content in data['children'].items():
            product = next(name for name in matrices.PRODUCTS if group.startswith(f'{name}_'))
            for host in content['hosts']:
                self.components[host].add(f'{product}.{group[len(product) + 1 :]}')
        self.egress_denied = {host for host, variables in HOSTS.items() if variables.get('portmatrix_egress') == 'deny'}
        self.rows = [
            (product, row, row.number(self._options(product, data)))
            for product in matrices.PRODUCTS
            for row in matrices.load(product)
            if row.applies(self._options(product, data), 'linux')
        ]
        stated = data['vars']['portmatrix_peers']
        everyone = {component for names in self.components.values() for component in names}
        self.any = {
            name
            for product, row, _port in self.rows
            for end in (row.source, row.destination)
            if (name := f'{product}.{end}') not in everyone and name not in stated
        }

    def _options(self, product: str, data: dict[str, t.Any]) -> dict[str, t.Any]:
        # every option that a condition or a port of the matrices names, with the documents' defaults
        defaults = yaml.safe_load((HERE / 'defaults.yml').read_text()).get(product) or {}
        return {
            **defaults,
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
        into = any(
            self._plays(destination, product, row.destination)
            and (self._plays(source, product, row.source) or f'{product}.{row.source}' in self.any)
            for product, row in rows
        )
        out_of = (
            source not in self.egress_denied
            or any(
                self._plays(source, product, row.source)
                and (self._plays(destination, product, row.destination) or f'{product}.{row.destination}' in self.any)
                for product, row in rows
            )
            or (protocol, port) in (('udp', 53), ('tcp', 53), ('udp', 123), ('udp', 67), ('udp', 547))
        )
        return into and out_of

    def _plays(self, host: str, product: str, component: str) -> bool:
        return f'{product}.{component}' in self.components[host]


def truth_table(
    expectation: Expectation, allowed: t.Callable[[str, str, str, int], bool]
) -> tuple[int, int, list[str]]:
    """Probe every pair of hosts on every service over both families: (expected to pass, expected not to,
    differences)."""
    servers = {host: serve(host, expectation.services()) for host in HOSTS}
    try:
        tables = on_all(lambda host: _probe_from(host, expectation.services()))
    finally:
        for host, server in servers.items():
            stop_serving(host, server)
    passing = blocked = 0
    differences = []
    for source, table in tables.items():
        for (destination, address, protocol, port), passed in table.items():
            wanted = allowed(source, destination, protocol, port)
            passing, blocked = passing + wanted, blocked + (not wanted)
            if passed != wanted:
                differences.append(
                    f'{source} -> {destination} ({address}) {protocol}/{port}: {"passes" if passed else "is blocked"}'
                )
    return passing, blocked, differences


def _probe_from(source: str, services: list[tuple[str, int]]) -> dict[tuple[str, str, str, int], bool]:
    keys = [
        (host, address, protocol, port)
        for host, variables in HOSTS.items()
        if host != source
        for address in (variables['ansible_host'], variables['lab_ipv6'])
        for protocol, port in services
    ]
    answers = probe(
        source, 'connect', {'targets': [[protocol, address, port] for _host, address, protocol, port in keys]}
    )
    return dict(zip(keys, answers))
