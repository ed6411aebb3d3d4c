"""What the package's scripts do on a switch: plug-ins, YANG model and debug-dump script go where it looks."""
