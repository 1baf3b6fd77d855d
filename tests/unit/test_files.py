"""What a file is besides its bytes stays when it is written."""

from __future__ import annotations

import os
import stat

from ansible_collections.portmatrix.firewall.plugins.module_utils._base import files


def test_a_link_is_written_through(tmp_path):
    target, link = tmp_path / 'kept' / 'rules', tmp_path / 'rules'
    target.parent.mkdir()
    target.write_text('old')
    target.chmod(0o640)
    link.symlink_to('kept/rules')
    files.write_all({str(link): 'new\r\nwithout an end'})
    assert os.readlink(link) == 'kept/rules' and target.read_bytes() == b'new\r\nwithout an end'
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert files.read(str(link)) == 'new\r\nwithout an end'
    assert sorted(path.name for path in tmp_path.rglob('*')) == ['kept', 'rules', 'rules']


def test_owner_and_attributes_stay(tmp_path):
    path = tmp_path / 'rules'
    path.write_text('old')
    group = next((one for one in os.getgroups() if one != path.stat().st_gid), path.stat().st_gid)
    owner = 12345 if os.geteuid() == 0 else os.geteuid()
    os.chown(path, owner, group)
    try:
        os.setxattr(path, 'user.note', b'mine')
        attributes = {'user.note': b'mine'}
    except OSError:
        attributes = {}  # this file system has none
    files.write(str(path), 'new', 0o600)
    status = path.stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (owner, group, 0o600)
    assert {name: os.getxattr(path, name) for name in os.listxattr(path) if name.startswith('user.')} == attributes
