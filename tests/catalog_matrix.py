"""A catalog in the form of a matrix that was read by hand, to compare both."""

from __future__ import annotations

import typing as t

import matrices
from ansible_collections.portmatrix.firewall.plugins.module_utils._model.traffic import without_full_prefix
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._catalog import listeners
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._catalog.listeners import Listening
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._catalog.model import Catalog, Flow

Cited = dict[tuple[str, str, str], set[tuple[str, str]]]  # as matrices.Stated, with (section, row)


def stated(catalog: Catalog, options: matrices.Options, platform: str) -> Cited:
    """What CATALOG states for a listener with these OPTIONS."""
    table = listeners.port_table(catalog, dict(options), platform)
    result: Cited = {}
    for flow in catalog.flows:
        if flow.id in table:
            cited = {(entry['section'], entry['row']) for entry in flow.citations}
            for (source, destination), service in _services(flow, table[flow.id]):
                result.setdefault((source, destination, service), set()).update(cited)
    return result


def comparable(stated: dict[tuple[str, str, str], t.Any]) -> dict[tuple[str, str, str], t.Any]:
    """STATED without what is between two components where an option without a value is needed: a run is refused
    there."""
    refused = {(source, destination) for source, destination, service in stated if '/?' in service}
    return {key: value for key, value in stated.items() if key[:2] not in refused}


def _services(flow: Flow, listening: Listening) -> t.Iterator[tuple[tuple[str, str], str]]:
    mark = '!forwarded' if flow.forwarded else '!never' if flow.advice else ''
    groups = [f'@{without_full_prefix(address)}' for address in listening.groups] or ['']
    ports = [f'?{name}' for name in listening.unset] or list(listening.ports)
    for pair in flow.pairs:
        for protocol in flow.protocols:
            heads = [f'{protocol}/{port}' for port in ports] or [f'{protocol}:{kind}' for kind in flow.icmp_types]
            for head in heads or [protocol]:
                for group in groups:
                    yield pair, head + group + mark
