"""The servers that are compared: how each is started on a core, and ended."""
import os
import re
import signal
import socket
import subprocess
import tempfile
import time

import procfs

HERE = os.path.dirname(os.path.abspath(__file__))
NAMES = ("ser", "kamailio", "floor")
PATIENCE = 30  # s, for a start, an end or an answer
WAIT = 5000  # ms that a finished transaction stays: everybody's default
# MiB of shared memory for kamailio. Without a limit that hurts: finished transactions of seconds lie there.
KAMAILIO_SHM = 4096


def free_ports(number):
    """UDP ports of 127.0.0.1 that nobody has; all different."""
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(number)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def missing_module(scenario, release):
    """The first module of ser's config that is not built, or None."""
    with open(os.path.join(HERE, "ser", scenario + ".cfg")) as cfg:
        paths = re.findall(r'^loadmodule "@MODULES@/(.*)"', cfg.read(), re.M)
    return next((path for path in paths if not os.path.exists(os.path.join(release, path))), None)


class Server:
    """A running server. Use it with `with`: it ends with the block, every process of it."""

    def __init__(self, name, scenario, release, core=None, children=1, tool=(), wait=WAIT, marks=None):
        self.name, self.scenario, self.release = name, scenario, release
        self.port, self.caller, self.callee = free_ports(3)
        self.dir = tempfile.TemporaryDirectory(prefix="bench-")
        self.log = open(os.path.join(self.dir.name, "log"), "w+")
        pin = ["taskset", "-c", str(core)] if core is not None else []
        self.wait = wait
        self.marks = marks or {}  # what the scenario's config has beside the marks of all
        self.command = pin + list(tool) + self._command(children)
        self.process = None

    def _command(self, children):
        if self.name == "floor":
            return [os.path.join(self.release, "loadgen"), *self._floor(), "--listen", address(self.port)]
        cfg = self._config(children)
        if self.name == "kamailio":
            return ["kamailio", "-f", cfg, "-DD", "-E", "-m", str(KAMAILIO_SHM), "-M", "16",
                    "-x", "fm", "-X", "fm", "-Y", self.dir.name,
                    "-P", os.path.join(self.dir.name, "pid")]
        return [os.path.join(self.release, "ser"), "-f", cfg, "-D", "-D", "-E"]

    def _floor(self):
        between = ["relay", "--between", address(self.caller), address(self.callee)]
        return {"forward": between, "call": [*between, "--trying"]}.get(self.scenario, ["echo"])

    def _config(self, children):
        with open(os.path.join(HERE, self.name, self.scenario + ".cfg")) as template:
            text = template.read()
        marks = {"@PORT@": self.port, "@CHILDREN@": children, "@MODULES@": self.release, "@WAIT@": self.wait,
                 **self.marks}
        for mark, value in marks.items():
            text = text.replace(mark, str(value))
        path = os.path.join(self.dir.name, "server.cfg")
        with open(path, "w") as cfg:
            cfg.write(text)
        return path

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=self.log, cwd=self.dir.name)
        try:
            self._wait("did not bind its socket", lambda: procfs.is_bound(self.port))
            time.sleep(0.5)  # children are forked, everything is read in
            self._wait("has no process", lambda: self.process.poll() is None)
        except BaseException:
            self.__exit__()
            raise
        return self

    def _wait(self, what, done):
        end = time.monotonic() + PATIENCE
        while not done():
            if self.process.poll() is not None or time.monotonic() > end:
                raise SystemExit(f"{self.name} {what} ({self.scenario}):\n{self.text()[-3000:]}")
            time.sleep(0.02)

    def pids(self):
        """All its processes."""
        return procfs.family(self.process.pid)

    def shm_used(self):
        """Bytes of shared memory in use, overhead included; None where the server does not tell. Ours answers
        SIGUSR1 in its log."""
        if self.name != "ser":
            return None
        pattern = re.compile(r"used\+overhead=(\d+)")
        before = len(pattern.findall(self.text()))
        self.process.send_signal(signal.SIGUSR1)
        self._wait("did not tell its memory", lambda: len(pattern.findall(self.text())) > before)
        return int(pattern.findall(self.text())[-1])

    def text(self):
        """What it has logged so far."""
        with open(self.log.name) as log:
            return log.read()

    def __exit__(self, *_):
        self.stop()
        self.log.close()
        self.dir.cleanup()

    def stop(self):
        """Ends every process of it; its files stay until the block ends."""
        pids = self.pids() if self.process.poll() is None else []
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            for pid in pids:
                end(pid)
            self.process.wait()


def end(pid):
    """Kills a process that did not end when it was asked to."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def address(port):
    """On loopback."""
    return f"127.0.0.1:{port}"
