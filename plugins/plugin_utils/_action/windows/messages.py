# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Windows host reports as a code with details, as sentences: the words of Linux where both can say the same."""

from __future__ import annotations

import typing as t

from ....module_utils._model.directions import EGRESS, INGRESS, preposition
from .sentences import REASONS, REFUSALS

Details = t.Mapping[str, t.Any]
PROFILES = {1: 'domain', 2: 'private', 4: 'public'}
_NOTHING = 'nothing was changed'
_DAMAGED = 'controller and host must use the same version of portmatrix.firewall'
NAMES_LIMIT = 5  # in a message


def refusal(code: str, details: Details) -> tuple[str, bool | None]:
    """(why the host refused, or how it failed; whether the host has its former rules back: None if that is not known).
    False with nothing changed."""
    if code in _FAILURES:
        return _FAILURES[code](details)
    text = REFUSALS.get(code)
    if text is None:
        return f'the host reports {code}, which is unknown here; {_DAMAGED}', None
    return f'{text.format_map(_readable(details))}; {_NOTHING}', False


def reason(code: str, details: Details) -> str:
    """Why a change ended as it did."""
    text = REASONS.get(code, code).format_map(_readable(details))
    return '; '.join(filter(None, (text, not_found(details))))


def not_found(details: Details) -> str:
    """What a rollback could not bring back, "" if it brought back all."""
    lost = details.get('not_found') or ()
    if not lost:
        return ''
    return (
        'the former rules are back, but rules not managed by portmatrix that had been disabled were not found again, '
        f'so that they stay as they are, and rules for management stay: {names(lost)}'
    )


def names(texts: t.Sequence[str]) -> str:
    """Names of rules in a sentence."""
    shown = ', '.join(repr(text) for text in texts[:NAMES_LIMIT])
    return shown + (f' and {len(texts) - NAMES_LIMIT} more' if len(texts) > NAMES_LIMIT else '')


def connection_text(connection: t.Sequence[t.Any]) -> str:
    """[inbound, peer, port] in words."""
    inbound, peer, port = connection
    direction = INGRESS if inbound else EGRESS
    return f'{direction} tcp {port} {preposition(direction)} {peer}'


def _readable(details: Details) -> dict[str, t.Any]:
    """DETAILS as they are shown."""
    shown = dict(details)
    if 'connection' in shown:
        _inbound, shown['peer'], shown['port'] = shown['connection']
        shown['connection'] = connection_text(shown['connection'])
    if 'profile' in shown:
        shown['profile'] = PROFILES.get(shown['profile'], shown['profile'])
    if 'ports' in shown:
        shown['ports'] = ', '.join(map(str, shown['ports']))
    if 'rule' in shown:
        shown['rule'] = repr(shown['rule'])
    return shown


def _outcome(answer: Details) -> tuple[str, bool | None]:
    """What became of the host, from the ANSWER of its rollback."""
    if answer['outcome'] == 'rolled back' and not answer['details'].get('not_found'):
        return 'the host has its former rules back', True
    return f'and {reason(answer["reason"], answer["details"])}', None


def _apply_failed(details: Details) -> tuple[str, bool | None]:
    cause = details['problem']
    cause = reason(cause, details['details']) if cause in REASONS else cause
    what, rolled_back = _outcome(details['answer'])
    if rolled_back:
        return f'{cause}; {what}', True
    return f'{cause}; {what}; {"its scheduled task tries again" if details["armed"] else "check the host now"}', None


def _too_slow(details: Details) -> tuple[str, bool | None]:
    what, rolled_back = _outcome(details['answer'])
    return (
        f'applying took longer than confirm_timeout ({details["seconds"]} s); {what}; set a longer one',
        rolled_back,
    )


def _not_rolled_back(details: Details) -> tuple[str, bool | None]:
    what, _rolled_back = _outcome(details['answer'])
    return f'an earlier change was never confirmed, {what}; check the host now', None


_FAILURES: dict[str, t.Callable[[Details], tuple[str, bool | None]]] = {
    'apply_failed': _apply_failed,
    'too_slow': _too_slow,
    'not_rolled_back': _not_rolled_back,
}
