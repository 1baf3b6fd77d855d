# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A flow of a catalog in words, for terminals and for pages."""

from __future__ import annotations

import typing as t

from .model import SAME, Flow


def service(flow: Flow) -> str:
    """What it opens: "443, 8000-8100 tcp", "esp", "type 8 icmp"."""
    what = ', '.join(flow.ports)
    if flow.ports_by:
        option, by_choice = flow.ports_by
        what = '; '.join(f'{option} {choice}: {", ".join(entries) or "none"}' for choice, entries in by_choice.items())
    if flow.icmp_types:
        what = f'type {", ".join(flow.icmp_types)}'
    group = f' to {", ".join(flow.group_addresses)}' if flow.group_addresses else ''
    return f'{what} {"+".join(flow.protocols)}{group}'.strip()


def ends(flow: Flow) -> str:
    """Who talks to whom: "client > server"."""
    sources = dict.fromkeys(source for source, _destination in flow.pairs if source)
    destinations = dict.fromkeys(destination for _source, destination in flow.pairs)
    return f'{", ".join(sources) or "(nobody)"} > {", ".join(destinations)}'


def condition(flow: Flow) -> str:
    """When it applies; "" for always."""
    versions = f'version {", ".join(flow.versions)}' if flow.versions else ''
    return ', '.join(filter(None, (versions, flow.when or '')))


def remarks(flow: Flow) -> t.Iterator[str]:
    """What else is to be known of it."""
    if flow.advice:
        yield 'must never be exposed: no rule'
    if flow.forwarded:
        yield 'forwarded: no rule on the listener'
    if flow.between != SAME:
        yield 'between deployments' if flow.between == 'different' else 'in and between deployments'
    if flow.optional:
        yield 'optional'
    if flow.inferred:
        yield f'{", ".join(flow.inferred)} assumed'
    if flow.doubtful:
        yield f'doubtful: {flow.doubtful}'
    if flow.note:
        yield flow.note
