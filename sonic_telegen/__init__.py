"""telegen-sonic: a telemetry agent for SONiC switches; ``docs/architecture.md`` draws the house."""
