"""What one process writes to the cache is what the others read, with every field."""

from __future__ import annotations

from ansible_collections.portmatrix.firewall.plugins.plugin_utils._catalog import loader
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._inventory import address_book
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._inventory.address_book import Host
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._inventory.deployments import NOT_STATED
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._policy import preflight_cache
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._policy.preflight import Preflight

CATALOGS = loader.load_catalogs()
OPTIONS = {
    product: {name: option['default'] for name, option in catalog.options.items()}
    for product, catalog in CATALOGS.items()
}
HOSTS = {
    name: Host(name, components, addresses, 'linux', OPTIONS, {'enstratius': ('prod', 'test')})
    for name, components, addresses in (
        ('db', ('enstratius.mysql', 'enstratius.riak'), ('192.0.2.1/32', '2001:db8::1/128')),
        ('api', ('enstratius.api',), ('192.0.2.2/32',)),
    )
}
CONTENTS = address_book.build(HOSTS.values(), CATALOGS)
PREFLIGHT = Preflight(CATALOGS, HOSTS, CONTENTS, {'api': ['a warning'], 'other': ['another one']})


def test_catalogs_hosts_and_entries_are_read_as_they_were_written(tmp_path):
    preflight_cache.save(tmp_path, PREFLIGHT)
    for name in ('db', 'api'):
        loaded = preflight_cache.load(tmp_path, name)
        assert (loaded.catalogs, loaded.host, loaded.warnings) == (
            CATALOGS,
            HOSTS[name],
            PREFLIGHT.warnings.get(name, []),
        )
        for component, entries in CONTENTS.entries.items():
            assert loaded.book.peers(component, NOT_STATED, 'any') == entries
            assert loaded.book.peers(component, ('test',), 'same') == entries
            assert loaded.book.peers(component, NOT_STATED, 'same') == []
            assert [loaded.book.listening(entry.option_set) for entry in entries] == [
                CONTENTS.port_tables[entry.option_set] for entry in entries
            ]


def test_a_host_without_a_component_and_a_component_without_hosts_are_empty(tmp_path):
    preflight_cache.save(tmp_path, PREFLIGHT)
    loaded = preflight_cache.load(tmp_path, 'other')
    assert (loaded.host, loaded.warnings) == (None, ['another one'])
    assert loaded.book.peers('enstratius.console', NOT_STATED, 'any') == []
