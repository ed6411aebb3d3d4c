"""What was counted, told over OTLP: series (pure), the collector thread and the one door to OpenTelemetry."""
