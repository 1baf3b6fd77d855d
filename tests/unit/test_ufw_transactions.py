"""The built-in chains, in which rules of others stand beside those of ufw: what one transaction makes of them."""

from __future__ import annotations

import pytest
from ansible_collections.portmatrix.firewall.plugins.module_utils._backends.ufw import transactions
from ansible_collections.portmatrix.firewall.plugins.module_utils._backends.ufw.kernel import Table
from hypothesis import given, settings, strategies as st

OPEN = {'INPUT': 'ACCEPT', 'OUTPUT': 'ACCEPT', 'FORWARD': 'ACCEPT'}
JUMP, LATER = '-A INPUT -j ufw-before-input', '-A INPUT -j ufw-after-input'
BAN = '-A INPUT -j f2b-sshd'
FRONT, BACK = (f'-A INPUT -p tcp --dport {port} -j ACCEPT' for port in (8888, 9))
CHAINS = {'ufw-before-input', 'ufw-after-input'}


def table(*rules: str) -> Table:
    return Table({'INPUT': rules, **dict.fromkeys(CHAINS, ())}, OPEN)


# what the kernel has, what ufw's files define, what they defined before -> what it has then
CASES = {
    'ufw starts': ([BAN], [JUMP, LATER], [], [BAN, JUMP, LATER]),
    'a rule of the files comes first': ([BAN], [FRONT, JUMP, LATER], [], [FRONT, BAN, JUMP, LATER]),
    'and another last': ([BAN], [JUMP, LATER, BACK], [], [BAN, JUMP, LATER, BACK]),
    'nothing to do': ([FRONT, BAN, JUMP, LATER], [FRONT, JUMP, LATER], [], [FRONT, BAN, JUMP, LATER]),
    'a line was switched off': ([FRONT, BAN, JUMP, LATER], [JUMP, LATER], [FRONT], [BAN, JUMP, LATER]),
    'one of somebody else is like it': ([FRONT, BAN, JUMP, LATER], [JUMP, LATER], [], [FRONT, BAN, JUMP, LATER]),
    'a line was added': ([BAN, JUMP, LATER], [FRONT, JUMP, LATER, BACK], [], [FRONT, BAN, JUMP, LATER, BACK]),
    'a jump is missing': ([BAN, LATER, BACK], [JUMP, LATER], [], [BAN, BACK, JUMP, LATER]),
    'jumps in another order': ([LATER, BAN, JUMP], [JUMP, LATER], [], [BAN, JUMP, LATER]),
    'ufw stops': ([FRONT, BAN, JUMP, LATER], [], [FRONT], [BAN]),
}


@pytest.mark.parametrize('name', CASES)
def test_rules_of_others_stay_where_they_are(name):
    now, wanted, before, after = CASES[name]
    known = {'INPUT': before}
    assert list(transactions.result(table(*now), table(*wanted), CHAINS, known).chains['INPUT']) == after
    assert carried_out(now, transactions.transaction(table(*now), table(*wanted), CHAINS, known)) == after


RULES = st.lists(st.sampled_from([JUMP, LATER, BAN, FRONT, BACK]), max_size=7)


@settings(max_examples=300)
@given(RULES, RULES, RULES)
def test_the_edits_have_the_result_that_is_predicted(now, wanted, before):
    unique = list(dict.fromkeys(wanted))
    arguments = table(*now), table(*unique), CHAINS, {'INPUT': before}
    result = list(transactions.result(*arguments).chains['INPUT'])
    assert carried_out(now, transactions.transaction(*arguments)) == result
    again = (table(*result), *arguments[1:])
    assert list(transactions.result(*again).chains['INPUT']) == result and not transactions.transaction(*again)
    others = [rule for rule in now if rule not in {JUMP, LATER, *unique, *before}]
    assert [rule for rule in result if rule not in {JUMP, LATER, *unique, *before}] == others


def carried_out(rules: list[str], text: str) -> list[str]:
    """What iptables-restore makes of the chain INPUT with RULES."""
    rules = list(rules)
    for line in text.splitlines():
        verb, _blank, rest = line.partition(' ')
        if verb == '-A':
            rules.append(line)
        elif verb == '-D':
            rules.remove(f'-A {rest}')
        elif verb == '-I':
            chain, number, options = rest.split(' ', 2)
            rules.insert(int(number) - 1, f'-A {chain} {options}')
    return rules
