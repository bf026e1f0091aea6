"""`tandem`, observed: `python -m tests.conformance.serve serve --data ...`."""

from tandem.apps.cli import main
from tests.conformance.observe import Observer
from tests.conformance.recorder import recorder_from_environment

if __name__ == "__main__":
    recorder = recorder_from_environment()
    assert recorder is not None
    Observer(recorder).observe()
    main(prog_name="tandem")
