# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The policy of the one host that a task runs for, from the variables of the task and the shared preflight."""

from __future__ import annotations

import typing as t

from ...module_utils._base.errors import PortmatrixError
from ...module_utils._model.directions import EGRESS, INGRESS
from ...module_utils._model.peers import Members
from ...module_utils._model.policy import GUARD
from .._base.addresses import merge
from .._base.words import few
from .._catalog.loader import BASELINE
from .._catalog.model import Catalogs
from .._inventory import address_book, components, deployments, settings
from .._inventory.address_book import AddressBook, Host
from .._inventory.host_variables import HostVariables, Inventory
from .._inventory.jump_hosts import Hop
from .._inventory.settings import Settings
from .._plan import planner
from .._plan.rules import HostPlan, Rule
from . import play_checks, preflight, preflight_cache
from .document import build_policy
from .preflight_cache import HostPreflight

_ADVICE = 'set it in the inventory (host_vars, group_vars) or with --extra-vars'


class HostPolicy(t.NamedTuple):
    """`document` is None for a host that has no component. `messages` are the `warnings` to show, with their hosts:
    what several hosts have in common is shown by one of them. `addresses`: where others see the host."""

    document: dict[str, t.Any] | None
    warnings: list[str]
    messages: list[str]
    components: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()


def compile_policy(task_id: str, inventory: Inventory, extra_components: list[str], egress: str | None) -> HostPolicy:
    """Compile the policy of the host of the task TASK_ID.

    EXTRA_COMPONENTS and EGRESS are arguments of the task, in addition to and in place of what the inventory declares.
    Raises PortmatrixError for everything that is wrong in the whole inventory, before any host is changed.
    """
    variables = inventory.task()
    read_by_preflight = ('portmatrix_catalogs', 'portmatrix_baseline', 'portmatrix_address_book')
    key = [task_id, *(variables.get(name) for name in read_by_preflight), egress]
    shared = preflight_cache.shared(key, lambda: preflight.run_preflight(inventory, egress), variables.host)
    inventory.names.add(shared.names)
    host = own_host(variables, shared.catalogs, shared.host, extra_components)
    if host is None:
        return HostPolicy(None, shared.warnings, [f'{variables.host}: {text}' for text in shared.warnings])
    own_settings = play_checks.host_settings(variables, shared.catalogs, egress)
    plan = plan_resolved(host, own_settings, shared.catalogs, shared.book)
    baseline = plan_baseline(host, own_settings, shared.catalogs, variables)
    baseline = baseline._replace(rules=(*jump_rules(host.name, own_settings, shared.hops), *baseline.rules))
    document = build_policy(plan, baseline, own_settings, shared.catalogs)
    common, own = [*shared.warnings, *plan.warnings], _undeclared_warnings(host, shared)
    messages = [*_said_for(host, own_settings, shared, common), *(f'{host.name}: {text}' for text in own)]
    return HostPolicy(document, [*common, *own], messages, tuple(sorted(host.components)), host.addresses)


def _said_for(host: Host, own_settings: Settings, shared: HostPreflight, warnings: list[str]) -> list[str]:
    """WARNINGS with the hosts that have them in common, if this is the first of them."""
    is_as_in_preflight = play_checks.kind(host, own_settings, shared.warnings) == shared.kind
    hosts = shared.first_of_kind() if is_as_in_preflight else [host.name]
    return [f'{few(hosts)}: {text}' for text in warnings] if hosts else []


def _undeclared_warnings(host: Host, shared: HostPreflight) -> list[str]:
    known = shared.host.components if shared.host else ()
    return [
        f'{name}: only this task declares this component; declare it in the inventory too, since other hosts have no '
        'rules for it'
        for name in sorted(set(host.components) - set(known))
    ]


def plan_resolved(host: Host, own_settings: Settings, catalogs: Catalogs, book: AddressBook) -> HostPlan:
    """The plan of HOST. Raises PortmatrixError if a peer is unresolved."""
    plan = planner.plan_host(host, own_settings, catalogs, book)
    if plan.refused:
        raise PortmatrixError(*(play_checks.unresolved(gap, [host.name]) for gap in plan.refused))
    return plan


def plan_baseline(host: Host, own_settings: Settings, catalogs: Catalogs, variables: HostVariables) -> HostPlan:
    """The plan of the baseline. Every host has the component `baseline.host`; the peers of the baseline are addresses,
    never inventory hosts."""
    host_components = (f'{BASELINE}.host',)
    options = settings.read_options(variables, host_components, catalogs)
    return plan_resolved(
        host._replace(components=host_components, options=options), own_settings, catalogs, address_book.EMPTY
    )


def management_rule(own_settings: Settings, port: int) -> Rule:
    """The rule that keeps management access open on PORT, by which this host is managed, and on the ports that are
    declared; a host adds those on which an SSH server of its own listens."""
    ports = tuple(str(number) for number in sorted({port, *own_settings.management_ports}))
    return Rule(INGRESS, 'tcp', ports, GUARD, own_settings.management_sources, (GUARD,), (), assumed=False)


def jump_rules(name: str, own_settings: Settings, hops: t.Sequence[Hop]) -> tuple[Rule, ...]:
    """What lets the jump host NAME reach the hosts that are managed through it. Raises PortmatrixError if its egress is
    denied and the address of one is not known."""
    unknown = sorted({hop.target for hop in hops if not hop.cidrs})
    if unknown and own_settings.egress == 'deny':
        raise PortmatrixError(
            f'{name}: {", ".join(unknown)}: reached through this host, which denies its egress, but at an address that '
            'is not known; set ansible_host to an address, or portmatrix_addresses'
        )
    cidrs: dict[int, list[str]] = {}
    for hop in hops:
        cidrs.setdefault(hop.port, []).extend(hop.cidrs)
    return tuple(
        Rule(EGRESS, 'tcp', (str(port),), GUARD, Members(tuple(merge(members))), (GUARD,), (), assumed=False)
        for port, members in sorted(cidrs.items())
        if members
    )


def own_host(
    variables: HostVariables, catalogs: Catalogs, known: Host | None, extra_components: list[str]
) -> Host | None:
    """This host by the variables of the task; KNOWN is what others know of it.

    Raises PortmatrixError if they differ: the rules of other hosts would not match.
    """
    products = preflight.declarable(catalogs)
    by_groups = components.declared_by_groups(
        {name: [variables.host] for name in variables.get('group_names', [])}, products
    )
    declared = components.declared_components(variables, by_groups.get(variables.host, ()), products)
    host_components = components.combine(variables.host, extra_components, declared, products)
    if not host_components:
        return None
    addresses = known.addresses if known else ()
    options = settings.read_options(variables, host_components, catalogs)
    platform, own_deployments = settings.read_platform(variables), deployments.of_components(variables, host_components)
    own = Host(variables.host, host_components, addresses, platform, options, own_deployments)
    if known or declared:
        _require_same_as_inventory(own._replace(components=declared), known)
    return own


def _require_same_as_inventory(in_task: Host, in_inventory: Host | None) -> None:
    host = in_task.name
    if in_inventory is None or in_task.components != in_inventory.components:
        components_in_inventory = list(in_inventory.components) if in_inventory else []
        raise _difference(host, 'portmatrix_components', list(in_task.components), components_in_inventory)
    if in_task.platform != in_inventory.platform:
        raise _difference(host, 'portmatrix_platform', in_task.platform, in_inventory.platform)
    problems = [
        _difference(host, f'{product}_{deployments.SUFFIX}', list(in_task.deployments[product]), list(names))
        for product, names in in_inventory.deployments.items()
        if in_task.deployments[product] != names
    ]
    problems += [
        _difference(host, f'{product}_{name}', in_task.options[product][name], value)
        for product, values in in_inventory.options.items()
        for name, value in values.items()
        if in_task.options[product][name] != value
    ]
    if problems:
        raise PortmatrixError(*(str(problem) for problem in problems))


def _difference(host: str, variable: str, in_task: t.Any, in_inventory: t.Any) -> PortmatrixError:
    return PortmatrixError(
        f'{host}: {variable}: must be the same for all hosts, got {in_task!r} in this task and {in_inventory!r} in '
        f'the inventory; {_ADVICE}'
    )
