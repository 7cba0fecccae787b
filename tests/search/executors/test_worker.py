"""The limit of memory inside a worker never exceeds a limit of the system."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaauto.search.executors import worker

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only on Linux")

BYTES = st.integers(1, 2**50)


@given(memory=st.floats(1.0, 1e6), limits=st.tuples(BYTES | st.just(-1), BYTES | st.just(-1)))
def test_limit_memory_within_the_limits_of_the_system(memory, limits):
    import resource

    assert resource.RLIM_INFINITY == -1
    given_ = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resource, "getrlimit", lambda kind: limits)
        patch.setattr(resource, "setrlimit", lambda kind, both: given_.append(both))
        worker._limit_memory(memory)
    ((soft, hard),) = given_
    assert hard == limits[1]
    assert soft > 0
    assert all(soft <= limit for limit in limits if limit != resource.RLIM_INFINITY)
