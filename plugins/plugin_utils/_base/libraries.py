# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two libraries that the controller needs, with one clear error if they are missing."""

from __future__ import annotations

from ...module_utils._base.errors import PortmatrixError

__all__ = ['jmespath', 'netaddr', 'require']

try:
    import jmespath
    import netaddr

    _MISSING: ImportError | None = None
except ImportError as error:
    jmespath = netaddr = None  # type: ignore[assignment]
    _MISSING = error


def require() -> None:
    """Raise PortmatrixError if a library is missing. Every plugin calls this first."""
    if _MISSING:
        raise PortmatrixError(
            f'portmatrix.firewall needs netaddr and jmespath on the controller ({_MISSING}); install them for the '
            'Python that runs Ansible: python3 -m pip install netaddr jmespath'
        ) from _MISSING
