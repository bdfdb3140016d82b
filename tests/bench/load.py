"""Runs the load generator against a server."""
import json
import os
import subprocess

from servers import address


class Load:
    """Successive runs against one server; the numbers of requests go on, so CSeq of REGISTER grows."""

    def __init__(self, server, core, aors):
        self.server, self.core, self.aors, self.next = server, core, aors, 0

    def run(self, *options):
        """One run; what the generator reports. Wrong answers end the benchmark."""
        server = self.server
        floor = ["--floor"] if server.name == "floor" else []
        command = ["taskset", "-c", str(self.core), os.path.join(server.release, "loadgen"), server.scenario,
                   "--to", address(server.port), "--from", address(server.caller),
                   "--callee", address(server.callee), "--aors", str(self.aors),
                   "--first", str(self.next), *floor, *map(str, options)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"{server.name}, {server.scenario}: wrong answers or none: {done.stdout}")
        report = json.loads(done.stdout)
        self.next = report["next"]
        return report

    def warm_up(self, *options):
        """Touches every address of record once (REGISTER), or sends a few thousand requests."""
        count = self.aors if self.server.scenario == "register" else 5000
        return self.run("--count", count, *options)
