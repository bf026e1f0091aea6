from tests.history.conftest import postgres

__all__ = ["postgres"]
