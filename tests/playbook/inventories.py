"""An inventory that several tests use."""

from __future__ import annotations

SMALL = {
    'hosts': {
        'ctl1': {'ansible_host': '192.0.2.1', 'portmatrix_components': ['avi_vantage.controller']},
        'se1': {'ansible_host': '192.0.2.2', 'portmatrix_components': ['avi_vantage.service_engine']},
        'other': {'ansible_host': '192.0.2.3'},
    },
    'vars': {'portmatrix_peers': {'avi_vantage.external_client': ['203.0.113.0/24']}},
}
