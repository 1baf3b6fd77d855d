# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A catalog from data that has the form of a catalog file, with everything checked that could be wrong in it."""

from __future__ import annotations

import typing as t

from ...module_utils._base.errors import PortmatrixError
from . import checks, conditions, ports, traffic_checks
from .form import ASSUMED
from .model import INFERRED, Catalog, Flow
from .options import VERSION, check_options
from .schema import check_shape


def build(data: t.Any, where: str, sha256: str) -> Catalog:
    """The catalog in DATA. WHERE is its origin in errors. Raises PortmatrixError with each problem."""
    data = check_shape(data, where)
    if len(data['flows']) > checks.MAX_FLOWS:
        raise PortmatrixError(
            f'{where}: has {len(data["flows"])} flows, at most {checks.MAX_FLOWS} are read; split it into two products'
        )
    problems: list[str] = []
    _add_version(data, where, problems)
    check_options(data['options'], where, problems)
    checks.check_option_components(data, where, problems)
    checks.check_groups(data, where, problems)
    for name, component in data['components'].items():
        checks.check_component(name, component, data['options'], where, problems)
    flows = _Flows(data, where, problems, are_options_valid=not problems)
    read = [flows.read(number, entry) for number, entry in enumerate(data['flows'])]
    checks.check_ids([flow.id for flow in read], where, problems)
    if problems:
        raise PortmatrixError(*problems)
    return Catalog(
        data['product'],
        data['title'],
        where,
        sha256,
        data['documents'],
        data['options'],
        data['components'],
        tuple(data['notes']),
        tuple(read),
    )


def _add_version(data: dict[str, t.Any], where: str, problems: list[str]) -> None:
    """The versions of a document are the choices of an option."""
    versions = data['versions']
    if versions and VERSION in data['options']:
        problems.append(f'{where}: options.{VERSION}: made of versions; remove it')
    elif len(set(versions)) != len(versions):
        problems.append(f'{where}: versions: the same version twice; remove one')
    elif versions:
        data['options'][VERSION] = {
            'type': 'choice',
            'choices': versions,
            'default': versions[0],
            'description': f'The version of {data["title"]} whose document applies',
            'component': [],
        }


class _Flows:
    """Reads the flows of one file."""

    def __init__(self, data: dict[str, t.Any], where: str, problems: list[str], *, are_options_valid: bool) -> None:
        self._data, self._where, self._problems = data, where, problems
        self._options = data['options']
        # conditions are tried for all values, which wrong options do not have
        self._tries_conditions = are_options_valid
        self._results = 0

    def read(self, number: int, entry: dict[str, t.Any]) -> Flow:
        where, problems = f'{self._where}: flows[{number}] ({entry["id"]!r})', self._problems
        destinations = checks.members(entry['destination'], self._data, f'{where}: destination', problems)
        protocols = traffic_checks.read_protocols(entry['protocol'], where, problems)
        traffic_checks.check_ports(entry, protocols, self._options, where, problems)
        self._check_condition(entry, where)
        checks.check_citations(entry['citations'], self._data['documents'], where, problems)
        flow = Flow(
            id=entry['id'],
            product=self._data['product'],
            title=entry['title'],
            note=entry['note'],
            pairs=self._pairs(entry, destinations, where),
            protocols=protocols,
            ports=tuple(entry['ports']),
            when=entry['when'],
            between=entry['between'],
            optional=entry['optional'],
            assumed=False,
            inferred=self._inferred(entry['assumed'], where),
            citations=tuple(
                {key: citation[key] for key in ('document', 'section', 'row')} for citation in entry['citations']
            ),
            ports_by=traffic_checks.read_ports_by(entry, self._options, where, problems),
            icmp_types=traffic_checks.read_icmp_types(entry, protocols, where, problems),
            group_addresses=traffic_checks.read_group_addresses(entry, protocols, self._options, where, problems),
            versions=self._versions(entry, where),
            doubtful=entry['doubtful'],
            forwarded=entry['forwarded'],
            advice=entry['advice'],
        )
        self._check_owners(flow, destinations, where)
        return flow._replace(assumed=bool(flow.inferred))

    def _pairs(self, entry: dict[str, t.Any], destinations: list[str], where: str) -> tuple[tuple[str, str], ...]:
        if not entry['source'] and not entry['advice']:
            self._problems.append(f'{where}: source: missing; name the component that opens the connection')
        sources = checks.members(entry['source'], self._data, f'{where}: source', self._problems)
        return checks.pairs(sources or [''], destinations, where, self._problems)

    def _check_condition(self, entry: dict[str, t.Any], where: str) -> None:
        if entry['when'] is None or not self._tries_conditions:
            return
        self._results += conditions.check(entry['when'], self._options, f'{where}: when', self._problems)
        if self._results > conditions.MAX_IN_CATALOG:
            raise PortmatrixError(
                f'{where}: when: the conditions so far depend on more than {conditions.MAX_IN_CATALOG} combinations of '
                'options; use fewer options in them'
            )

    def _check_owners(self, flow: Flow, destinations: list[str], where: str) -> None:
        used = [*ports.options_in(flow.ports), *conditions.names(flow.when or '')]
        if flow.ports_by:
            name, by_choice = flow.ports_by
            used += [name, *(option for entries in by_choice.values() for option in ports.options_in(entries))]
        checks.check_owners(used, destinations, self._options, where, self._problems)

    def _inferred(self, declared: t.Any, where: str) -> tuple[str, ...]:
        if str(declared).lower() in ASSUMED:
            return ASSUMED[str(declared).lower()]
        texts = declared if isinstance(declared, list) else [declared]
        self._problems.extend(
            f'{where}: assumed: must be true, false, or a list of {", ".join(INFERRED)}, got {text!r}'
            for text in texts
            if text not in INFERRED
        )
        return tuple(text for text in INFERRED if text in texts)

    def _versions(self, entry: dict[str, t.Any], where: str) -> tuple[str, ...]:
        known = self._data['versions']
        self._problems.extend(
            checks.unknown(f'{where}: versions', 'version', version, known)
            for version in entry['versions']
            if version not in known
        )
        return tuple(entry['versions'])
