"""Effects without decisions: netlink, libbpf, pins and maps; the only room that touches the kernel."""
