"""The REST facade: an HTTP door to the tables. It reads and writes rows and knows nothing of kernel or telemetry."""
