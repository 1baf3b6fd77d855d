# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which services and connections of this host will notice that something is closed."""

from __future__ import annotations

import typing as t

from .._model.directions import INGRESS
from .._model.openings import Opening, used_text
from .._model.traffic import AllowedTraffic
from . import established_connections, sockets

_Service = t.Tuple[str, int]


def in_use(closing: t.Sequence[Opening], staying: t.Sequence[Opening], allowed: AllowedTraffic) -> t.List[str]:
    """What uses CLOSING, and neither what is STAYING open nor what is ALLOWED: services, and who is connected."""
    connected: t.Dict[_Service, t.List[str]] = {}
    for connection in established_connections.undocumented(allowed, INGRESS):
        connected.setdefault(('tcp', connection.port), []).append(connection.peer)
    listening = {
        *(('tcp', listener.port) for listener in sockets.listening()),
        *(('udp', receiver.port) for receiver in sockets.receiving_udp()),
    }
    return [
        used_text(*service, min(connected.get(service, ('',))))
        for service in sorted({*connected, *listening})
        if _is_in(service, closing)
        and not _is_in(service, (opening for opening in staying if opening.for_all))
        and (service in connected or not _is_allowed(service, allowed))
    ]


def _is_in(service: _Service, openings: t.Iterable[Opening]) -> bool:
    return any(opening.includes(INGRESS, *service) for opening in openings)


def _is_allowed(service: _Service, allowed: AllowedTraffic) -> bool:
    """Whether anybody may use SERVICE."""
    protocol, port = service
    return any(
        (known.direction, known.protocol) == (INGRESS, protocol)
        and known.is_for_host
        and known.low <= port <= known.high
        for known in allowed
    )
