"""Records what the tests exercise of the API when TANDEM_CONFORMANCE names a directory (`make test` does)."""

from tests.conformance.recorder import recorder_from_environment

RECORDER = recorder_from_environment()
FUZZ = "tests/system/test_openapi.py"
"""What is generated proves that nothing breaks, not that it does what it should."""

if RECORDER is not None:
    from tests.conformance.observe import Observer
    from tests.conformance.rig import observe_rig

    observer = Observer(RECORDER)
    observer.observe()
    observe_rig(observer)


def pytest_runtest_logstart(nodeid: str) -> None:
    if RECORDER is not None:
        RECORDER.begin("" if nodeid.startswith(FUZZ) else nodeid.partition("[")[0])


def pytest_sessionfinish() -> None:
    if RECORDER is not None:
        RECORDER.begin("")
