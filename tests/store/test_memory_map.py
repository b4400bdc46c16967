"""Files as memory."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from legonet.store.memory_map import map_file


def test_what_is_written_to_the_memory_stays_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"brick")
    with path.open("rb") as file:
        memory = map_file(file)
    memory[0:1] = b"t"
    assert memory[:] == b"trick"
    assert path.read_bytes() == b"brick"


@pytest.mark.skipif(sys.platform != "linux", reason="asks for the machine's memory as Linux tells it")
def test_a_file_may_be_larger_than_the_memory(tmp_path: Path) -> None:
    if Path("/proc/sys/vm/overcommit_memory").read_text().strip() == "2":
        pytest.skip("this machine gives no more memory than it has")
    path, size = tmp_path / "file", 2 * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with path.open("wb") as file:
        try:
            file.truncate(size)  # a hole, which takes no room
        except OSError:
            pytest.skip("no such large files here")
    with path.open("rb") as file, map_file(file) as memory:
        assert len(memory) == size
        assert memory[size - 1] == 0
