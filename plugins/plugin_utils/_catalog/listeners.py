"""What a listener listens on: conditions and port options, evaluated once for each distinct set of options."""

from __future__ import annotations

import typing as t

from . import ports
from .conditions import evaluate
from .model import Catalog, Flow
from .options import PLATFORM, VERSION


class Listening(t.NamedTuple):
    """Where a listener listens for one flow: `ports` as text, sorted, empty for protocols without ports; `groups`: the
    addresses of groups to which packets go instead of its own; `unset`: options without a value that
    it needs, so that the rest is not known."""

    ports: tuple[str, ...]
    groups: tuple[str, ...] = ()
    unset: tuple[str, ...] = ()

    @classmethod
    def from_data(cls, data: t.Iterable[t.Iterable[str]]) -> Listening:
        """From the same as lists, by way of JSON."""
        return cls(*map(tuple, data))


PortTable = dict[str, Listening]  # by the id of a flow


def port_table(catalog: Catalog, values: dict[str, t.Any], platform: str) -> PortTable:
    """The flows that apply to a listener with these option VALUES, and where it listens for them.

    Raises PortmatrixError if a derived port is above 65535, or a derived range is reversed.
    """
    table: PortTable = {}
    scope = {**values, PLATFORM: platform}
    for flow in catalog.flows:
        where = f'{catalog.path}: flow {flow.id!r}'
        if flow.versions and values[VERSION] not in flow.versions:
            continue
        if flow.when is None or evaluate(flow.when, scope, f'{where}: when'):
            listening = _listening(flow, values, where)
            if listening is not None:
                table[flow.id] = listening
    return table


def _listening(flow: Flow, values: dict[str, t.Any], where: str) -> Listening | None:
    """None: with these options, the flow has no port."""
    entries = flow.ports
    if flow.ports_by:
        option, by_choice = flow.ports_by
        entries = tuple(by_choice[values[option]])
        if not entries:
            return None
    group_options = [name for name in flow.group_addresses if name in values]
    unset = tuple(dict.fromkeys(name for name in (*ports.options_in(entries), *group_options) if values[name] is None))
    if unset:
        return Listening((), (), unset)
    groups = [cidr for name in flow.group_addresses for cidr in values.get(name, [name])]
    return Listening(tuple(ports.resolve(entries, values, where)), tuple(dict.fromkeys(groups)))
