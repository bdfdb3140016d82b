"""What the kernel counts for the processes of a server."""
import os
from collections import namedtuple

TICK = os.sysconf("SC_CLK_TCK")

# cpu: ns on a core; user, system: ticks, which only say how cpu is divided
Usage = namedtuple("Usage", "cpu user system switches")


def family(pid):
    """pid and all its descendants."""
    parents = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", encoding="latin-1") as stat:
                parents[int(name)] = int(stat.read().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found


def usage(pids):
    """Sum over the processes. CPU time is schedstat's, exact to the ns; stat's would be exact to 10 ms."""
    cpu = user = system = switches = 0
    for pid in pids:
        with open(f"/proc/{pid}/schedstat") as text:
            cpu += int(text.read().split()[0])
        with open(f"/proc/{pid}/stat", encoding="latin-1") as text:
            fields = text.read().rpartition(")")[2].split()
            user += int(fields[11])
            system += int(fields[12])
        with open(f"/proc/{pid}/status") as text:
            switches += sum(int(line.split()[1]) for line in text if "ctxt_switches" in line)
    return Usage(cpu, user, system, switches)


def between(before, after):
    """What was used from one reading to the next."""
    return Usage(*(b - a for a, b in zip(before, after)))


def pss(pids):
    """Proportional set size of all processes together, in KiB: shared pages count once."""
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/smaps_rollup") as text:
            total += next(int(line.split()[1]) for line in text if line.startswith("Pss:"))
    return total


def is_bound(port):
    """Whether somebody has the UDP port."""
    with open("/proc/net/udp") as text:
        return any(line.split()[1].endswith(f":{port:04X}") for line in list(text)[1:])
