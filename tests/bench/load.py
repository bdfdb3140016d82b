"""Runs the load generator against a server."""
import json
import os
import subprocess

from servers import address


class Load:
    """Successive runs against one server; the numbers of requests go on, so CSeq of REGISTER grows."""

    def __init__(self, server, core, aors):
        self.server, self.core, self.aors, self.next = server, core, aors, 0

    def run(self, *options, mode=None, caller=None):
        """One run; what the generator reports. Wrong answers end the benchmark. `mode`: if not the scenario's."""
        server = self.server
        mode, caller = mode or server.scenario, caller or server.caller
        floor = ["--floor"] if server.name == "floor" else []
        command = ["taskset", "-c", str(self.core), os.path.join(server.release, "loadgen"), mode,
                   "--to", address(server.port), "--from", address(caller),
                   "--callee", address(server.callee), "--aors", str(self.aors),
                   "--first", str(self.next), *floor, *map(str, options)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"{server.name}, {mode}: wrong answers or none: {done.stdout}")
        report = json.loads(done.stdout)
        self.next = report["next"]
        return report

    def register(self, *options):
        """Touches every address of record once; for calls the contacts are the callee's."""
        server = self.server
        if server.name != "floor":
            caller = server.callee if server.scenario == "call" else server.caller
            self.run("--count", self.aors, *options, mode="register", caller=caller)

    def warm_up(self, *options):
        """Registers everybody where the scenario needs it, and sends a few thousand requests."""
        if self.server.scenario in ("register", "call"):
            self.register(*options)
        if self.server.scenario != "register":
            self.run("--count", 5000, *options)
