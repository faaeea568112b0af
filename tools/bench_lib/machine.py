"""What it was measured on."""
import os
import platform
import re


def first_match(path, pattern):
    try:
        with open(path, encoding="utf-8") as file:
            match = re.search(pattern, file.read(), re.M)
    except OSError:
        return None
    return match and match.group(1).strip()


def describe():
    """Ordered, for people and for JSON."""
    memory = first_match("/proc/meminfo", r"^MemTotal:\s*(\d+) kB")
    load = os.getloadavg()[0]
    return {
        "cpu": first_match("/proc/cpuinfo", r"^model name\s*:\s*(.+)$") or platform.machine(),
        "cpus": len(os.sched_getaffinity(0)),
        "memory_gib": round(int(memory) / (1 << 20), 1) if memory else None,
        "kernel": platform.release(),
        "distribution": first_match("/etc/os-release", r'^PRETTY_NAME="?([^"\n]+)'),
        "glibc": platform.libc_ver()[1],
        "load_at_start": round(load, 1),
    }
