# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of ufw before portmatrix, recorded at the first application and restored when the host is released."""

from __future__ import annotations

import typing as t

from ..._base import memory
from . import settings, user_rules

_NAME = 'ufw'


class Former(t.NamedTuple):
    """`values`: NAME -> text after "=" of the settings; `originals`: path -> text of the files that ufw writes;
    `steps`: what portmatrix switched on with systemd; `policies` of the built-in chains, by family, of a ufw that was
    off; `written`: the settings that portmatrix has set."""

    values: t.Dict[str, t.Optional[str]] = {}
    written: t.Tuple[str, ...] = ()
    originals: t.Dict[str, str] = {}
    steps: t.Tuple[str, ...] = ()
    policies: t.Dict[str, t.Dict[str, str]] = {}

    @classmethod
    def from_data(cls, data: t.Dict[str, t.Any]) -> Former:
        """From the result of `_asdict`, by way of JSON."""
        fields = dict(data)
        fields.update((name, tuple(data[name])) for name in ('written', 'steps') if name in data)
        return cls(**fields)

    def remember(
        self, texts: t.Dict[str, str], strict: t.Dict[str, str], values: t.Dict[str, t.Optional[str]]
    ) -> Former:
        """With the present TEXTS if this is the first application, and the settings that are STRICT once VALUES are
        set."""
        written = tuple(
            name
            for name in strict
            if (name in self.written or name in values) and values.get(name, strict[name]) == strict[name]
        )
        if self.originals:
            return self._replace(written=written)
        return self._replace(
            values={name: settings.value(texts[settings.FILE_OF[name]], name) for name in strict},
            originals={path: texts[path] for path in user_rules.PATHS.values()},
            written=written,
        )


def load() -> Former:
    return Former.from_data(memory.load(_NAME))


def save(former: Former) -> None:
    """Store FORMER; an empty one removes the file."""
    memory.save(_NAME, {} if former == Former() else former._asdict())
