"""What a call costs beside many transactions that are under way, and what one of these takes of memory."""
from collections import namedtuple
from statistics import median

import measure
import procfs
from load import Load
from servers import Server

LIVE = (1_000, 10_000, 100_000)
# ms: finished transactions must go, or those of the measured calls would outnumber the ringing ones.
WAIT = 200

# shm, pss: bytes that a ringing INVITE adds; shm is None where the server does not tell.
Live = namedtuple("Live", "result shm pss")


def once(name, live, release, plan):
    """One run on a fresh server: leaves `live` calls ringing, then plays others."""
    with Server(name, "call", release, plan.cores.server, wait=WAIT) as server:
        load = Load(server, plan.cores.generator, plan.aors)
        window = ("--window", plan.window)
        load.register(*window)
        shm, pss = server.shm_used(), procfs.pss(server.pids())
        report = load.run("--count", live, *window, mode="ring")
        if report["ok"] != live:
            raise SystemExit(f"{name}: only {report['ok']} of {live} calls ring")
        pss = (procfs.pss(server.pids()) - pss) * 1024 / live
        shm = None if shm is None else (server.shm_used() - shm) / live
        load.run("--count", 5000, *window)
        return Live(measure.loaded(server, load, window, plan.seconds), shm, pss)


def all_of(names, live, release, plan):
    """Medians for each server; they take turns."""
    runs = {name: [] for name in names}
    for _ in range(plan.repetitions):
        for name in names:
            runs[name].append(once(name, live, release, plan))
    return {name: medians(each) for name, each in runs.items()}


def medians(runs):
    """Column by column."""
    shm = [one.shm for one in runs if one.shm is not None]
    return Live(measure.medians([one.result for one in runs]), median(shm) if shm else None,
                median(one.pss for one in runs))
