"""The outside world behind small interfaces: engine, log, database, clock, settings, telemetry."""
