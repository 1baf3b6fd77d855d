"""Every way in which a program of the host can fail is one error with its name."""

from __future__ import annotations

import resource

import pytest
from ansible_collections.portmatrix.firewall.plugins.module_utils._base.commands import fits_arguments, run
from ansible_collections.portmatrix.firewall.plugins.module_utils._base.errors import BackendError


@pytest.mark.parametrize(
    'command, problem',
    [
        (['no-such-program'], 'no-such-program: not found on this host'),
        (['true', *'abcde', 'x' * 200_000], 'Argument list too long'),  # a single argument may have 128 KB
        (['sh', '-c', 'echo broken >&2; exit 1'], 'broken'),
        (['sleep', '9'], 'no answer within 0 s'),
    ],
)
def test_a_program_that_fails_is_named(command, problem):
    with pytest.raises(BackendError, match=problem) as raised:
        run(command, timeout=0.2)
    assert command[0] in str(raised.value) and len(str(raised.value)) < 1000


def test_arguments_that_fit_can_be_passed():
    words = ['2001:db8::1234'] * 200_000
    limit = resource.getrlimit(resource.RLIMIT_STACK)
    assert fits_arguments(words) and not fits_arguments(words * 2)
    assert run(['echo', *words]).stdout.split() == words
    assert resource.getrlimit(resource.RLIMIT_STACK) == limit
