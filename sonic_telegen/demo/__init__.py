"""A switch in a box: private Redis, ports in a namespace, traffic, and the table to look at."""
