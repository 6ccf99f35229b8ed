"""What works of tools/bench share: hosts, contenders that can be started and asked, and how to tell.

Works import this in a guest. A contender (Ours, Peer, Floor) serves a bridge br0 with the ports v1, v2 and so
on, behind each of which is a namespace h1, h2 and so on with the address 10.0.0.N and neighbours that are
known. Each runs alone, from start() to stop(), which leaves no datapath.

What the peer gets so that it does its best: one handler and one revalidator thread, as there is one CPU;
no logs; the same limit of flows (from the start, see upcall/set-flow-limit), idle timeout and interval of rounds
as ours.
"""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROUNDS = int(os.environ.get("SLUICE_BENCH_ROUNDS", "1"))
QUICK = os.environ.get("SLUICE_BENCH_QUICK") == "1"
BUILD = pathlib.Path(os.environ.get("SLUICE_BUILD", "build/release"))
# Another build of this project, to compare with: it takes the place of the peer and the floor.
BASE = os.environ.get("SLUICE_BENCH_BASE", "")
TICKS = os.sysconf("SC_CLK_TCK")


def tell(**record):
    print(json.dumps(record), flush=True)


def run(command, **more):
    """Output of a command that must succeed; a text is split at blanks."""
    words = command.split() if isinstance(command, str) else command
    done = subprocess.run(words, check=False, capture_output=True, text=True, **more)
    if done.returncode != 0:
        sys.exit(f"{' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def wait_for(what, condition, seconds=60):
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            sys.exit(f"waited too long: {what}")
        time.sleep(0.002)


def make_hosts(count, addresses=1):
    """Namespaces h1..hN; host N also has the addresses 10.0.N.1 to 10.0.N.`addresses`."""
    for i in range(1, count + 1):
        run(f"ip netns add h{i}")
        run(f"ip link add v{i} type veth peer name eth0 netns h{i}")
        for command in (f"ip link set v{i} up", f"ip -n h{i} link set lo up",
                        f"ip -n h{i} link set eth0 address 0a:00:00:00:00:0{i} up",
                        f"ip -n h{i} addr add 10.0.0.{i}/16 dev eth0"):
            run(command)
        for j in range(1, addresses + 1):
            run(f"ip -n h{i} addr add 10.0.{i}.{j}/16 dev eth0")
    lines = [f"neigh replace {address} lladdr 0a:00:00:00:00:0{i} dev eth0 nud permanent"
             for i in range(1, count + 1)
             for address in [f"10.0.0.{i}", *(f"10.0.{i}.{j}" for j in range(1, addresses + 1))]]
    for i in range(1, count + 1):
        run(["ip", "-n", f"h{i}", "-batch", "-"], input="\n".join(lines) + "\n")


class Agent:
    """One contender. `who` is its column; `bridge` the datapath's name."""
    who = ""
    bridge = "br0"

    def __init__(self):
        self.folder = None
        self.processes = []

    def start(self, ports=2, rules=None, **settings):
        """Returns when it answers its users; `rules` is a file."""
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.launch(ports, rules, **settings)

    def launch(self, ports, rules, **settings):
        raise NotImplementedError

    def stop(self):
        for process in reversed(self.processes):
            process.terminate()
            process.wait()
        self.processes = []
        run(f"dpctl del-dp {self.bridge}")
        shutil.rmtree(self.folder)

    def spawn(self, *command, **more):
        # pylint: disable=consider-using-with
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, **more)
        self.processes.append(process)
        return process

    @property
    def pid(self):
        """Of the process that answers upcalls."""
        return self.processes[-1].pid

    def cpu_seconds(self):
        """CPU time of that process so far, in the guest's user and system mode."""
        stat = pathlib.Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii")
        user, system = stat.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / TICKS

    def resident_mb(self):
        """Of all its processes together."""
        total = 0
        for process in self.processes:
            status = pathlib.Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
            total += int(re.search(r"VmRSS:\s+(\d+)", status)[1])
        return total / 1024

    def datapath(self):
        """Statistics as the kernel tells them: flows, masks, lookups."""
        return json.loads(run(f"dpctl show --json {self.bridge}"))["datapaths"][0]

    def megaflows(self, on):
        """Switches them off: each flow then matches all that its first packet has."""

    def purge(self):
        """Deletes all flows, and returns when that is done."""


class Ours(Agent):
    who = "ours"

    def __init__(self, who="ours", build=None):
        super().__init__()
        self.who = who
        self.bin = pathlib.Path(build or BUILD) / "bin"

    def control(self, *arguments, **more):
        return run([str(self.bin / "sluicectl"), "--socket", str(self.folder / "socket"), *arguments], **more)

    def answers(self):
        return subprocess.run([self.bin / "sluicectl", "--socket", self.folder / "socket", "status"],
                              check=False, capture_output=True).returncode == 0

    def configure(self, ports, rules, settings):
        names = ", ".join(f"v{i}" for i in range(1, ports + 1))
        own = f"rules: {rules}, " if rules else ""
        (self.folder / "config").write_text(
            "".join(f"{key}: {value}\n" for key, value in settings.items()) +
            f"control: {{socket: {self.folder}/socket}}\n"
            f"bridges:\n  - {{name: {self.bridge}, {own}ports: [{names}]}}\n", encoding="ascii")

    def execute(self):
        self.spawn(str(self.bin / "sluiced"), "--config", str(self.folder / "config"), stderr=subprocess.DEVNULL)

    def launch(self, ports, rules, **settings):
        self.configure(ports, rules, settings)
        self.execute()
        wait_for("sluiced starts", self.answers)

    def megaflows(self, on):
        self.control("masks", self.bridge, "--megaflows", "on" if on else "off", "--wait")

    def purge(self):
        self.control("flows", self.bridge, "purge")


class Peer(Agent):
    who = "peer"
    bridge = "ovs-system"

    def prepare(self):
        """Its environment, and an empty data base."""
        if not pathlib.Path("/sys/devices/system/node/node0/cpu0").exists():
            # It counts CPUs in folders that not every guest has.
            run("mount -t tmpfs none /sys/devices/system")
            pathlib.Path("/sys/devices/system/node/node0/cpu0").mkdir(parents=True)
            pathlib.Path("/sys/devices/system/cpu/cpu0/topology").mkdir(parents=True)
            pathlib.Path("/sys/devices/system/cpu/cpu0/topology/core_id").write_text("0\n", encoding="ascii")
        # Nor does it start handlers in the first ten seconds of a machine.
        wait_for("uptime", lambda: float(pathlib.Path("/proc/uptime").read_text("ascii").split()[0]) > 11)
        for name in ("OVS_RUNDIR", "OVS_LOGDIR", "OVS_DBDIR", "OVS_SYSCONFDIR"):
            os.environ[name] = str(self.folder)
        daemon = pathlib.Path(shutil.which("ovs-vswitchd"))
        schema = daemon.parent.parent / "share/openvswitch/vswitch.ovsschema"
        run(["ovsdb-tool", "create", str(self.folder / "conf.db"), str(schema)])

    def execute(self):
        quiet = ("-vconsole:off", "-vsyslog:off", "-vfile:off")
        self.spawn("ovsdb-server", f"--remote=punix:{self.folder}/db.sock", f"--unixctl={self.folder}/db.ctl",
                   *quiet, str(self.folder / "conf.db"))
        wait_for("ovsdb-server starts", (self.folder / "db.sock").exists)
        self.spawn("ovs-vswitchd", f"--unixctl={self.folder}/vswitchd.ctl", *quiet, f"unix:{self.folder}/db.sock")

    def vsctl(self, *arguments):
        run(["ovs-vsctl", "--timeout=60", f"--db=unix:{self.folder}/db.sock", *arguments])

    def appctl(self, *arguments):
        return run(["ovs-appctl", "-t", f"{self.folder}/vswitchd.ctl", *arguments])

    def ofctl(self, command, *arguments):
        """`command` may have options in front of it."""
        return run(["ovs-ofctl", "-O", "OpenFlow14", *command.split(), f"unix:{self.folder}/br0.mgmt", *arguments])

    def launch(self, ports, rules, **settings):
        self.prepare()
        self.execute()
        self.vsctl("--no-wait", "init", "--", "set", "Open_vSwitch", ".", "other_config:n-handler-threads=1",
                   "other_config:n-revalidator-threads=1", "other_config:flow-limit=200000",
                   "other_config:max-idle=10000", "other_config:max-revalidator=500")
        words = ["add-br", "br0"]
        for i in range(1, ports + 1):
            words += ["--", "add-port", "br0", f"v{i}", "--", "set", "interface", f"v{i}", f"ofport_request={i}"]
        self.vsctl(*words)
        # It begins with 10,000 flows, and allows a thousand more twice a second.
        self.appctl("upcall/set-flow-limit", "200000")
        if rules:
            self.ofctl("del-flows")
            self.ofctl("--bundle add-flows", str(rules))

    def megaflows(self, on):
        self.appctl("upcall/enable-megaflows" if on else "upcall/disable-megaflows")
        self.purge()

    def purge(self):
        self.appctl("revalidator/purge")


class Floor(Agent):
    who = "floor"

    def launch(self, ports, rules, **settings):
        if ports != 2 or rules:
            sys.exit("the floor has two ports and no rules")
        process = self.spawn(str(BUILD / "bin/bench/floor"), self.bridge, "v1", "v2", stdout=subprocess.PIPE, text=True)
        if process.stdout.readline() != "ready\n":
            sys.exit("the floor does not start")

    def purge(self):
        run(f"dpctl del-flows {self.bridge}")

    def stop(self):
        process = self.processes[-1]
        process.send_signal(signal.SIGTERM)
        told = json.loads(process.stdout.readline())
        if told["refused"] or told["send_errors"] or told["overruns"]:
            tell(progress=f"the floor: {told}")
        super().stop()


def contenders(with_floor=False):
    """Those of this run, in the order of their columns."""
    if BASE:
        return [Ours(), Ours("base", BASE)]
    return [Ours(), Peer(), *([Floor()] if with_floor else [])]


def facts():
    tell(fact="kernel", value=os.uname().release)
    if not BASE:
        tell(fact="peer", value=run("ovs-vswitchd --version").splitlines()[0])


def turns(agents, number):
    """Who comes first changes, so that nobody always finds the caches of the same other one."""
    shift = number % len(agents)
    return agents[shift:] + agents[:shift]
