"""Random operations on a sluiced, and random frames through its bridge, while its memory is watched.

Usage: soak.py FOLDER PID SECONDS

The folder has sluiced.sock and sluiced.yaml; hosts h1 to h4 are there. The same operations in the same
order every time, but for how many there is time for. The first third of the time is for warming up.
"""
import ctypes
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time

libc = ctypes.CDLL(None, use_errno=True)
WARM_UP = 1 / 3
SAMPLES = 60
# What the heap has in use in the last third, beyond the most of the first: the difference of two random
# states. What is resident has pieces besides that the allocator keeps. A short run has not met all
# operations by the end of its first third.
MAY_GROW_KB, MAY_GROW_SHORT_KB, SHORT = 1024, 10240, 120
RESIDENT_MAY_GROW_KB = 3072


def packet_socket(host):
    """A packet socket in a host's namespace; the thread that asks comes back to its own."""
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open(f"/var/run/netns/{host}", os.O_RDONLY)
    if libc.setns(there, 0) != 0:
        raise OSError(ctypes.get_errno(), "setns")
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    opened.bind(("eth0", 0))
    libc.setns(home, 0)
    os.close(home)
    os.close(there)
    return opened


class Traffic(threading.Thread):
    """Frames from some thousand addresses to some others, IPv4 with random ports."""

    def __init__(self):
        super().__init__(daemon=True)
        self.sockets = [packet_socket(f"h{i}") for i in (1, 2, 3)]
        self.random = random.Random(1)
        self.sent = 0

    def run(self):
        while True:
            host = self.random.randrange(3)
            source = bytes([0x0A, 0, 1, host]) + self.random.randrange(400).to_bytes(2, "big")
            target = bytes([0x0A, 0, 1, self.random.randrange(3)])
            target += self.random.randrange(400).to_bytes(2, "big")
            addresses = self.random.randbytes(8) if self.random.random() < 0.3 else bytes(8)
            ip = bytes.fromhex("450000280000000040060000") + addresses
            tcp = self.random.randbytes(4) + bytes(8) + bytes([0x50, 2]) + bytes(6)
            self.sockets[host].send(target + source + b"\x08\x00" + ip + tcp)
            self.sent += 1
            if self.sent % 8 == 0:
                time.sleep(0.002)


class Soak:
    def __init__(self, folder, pid):
        self.folder, self.pid = folder, pid
        self.random = random.Random(2)
        self.operations = self.refused = self.found = 0
        self.fourth = False

    def control(self, *words):
        done = subprocess.run(
            ["sluicectl", "--socket", f"{self.folder}/sluiced.sock", *words],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.operations += 1
        return done

    def must(self, *words):
        done = self.control(*words)
        if done.returncode != 0:
            self.refused += 1
            print(" ".join(words), "->", done.returncode, done.stdout, flush=True)

    def match(self):
        return self.random.choice([
            f"tcp,tp_dst={self.random.randrange(64)}",
            f"ip,nw_dst=10.{self.random.randrange(8)}.0.0/{self.random.randrange(8, 25)}",
            f"dl_src=0a:00:01:00:00:{self.random.randrange(256):02x}",
            f"in_port={self.random.randrange(1, 4)},dl_type=0x800",
        ])

    def add(self):
        actions = self.random.choice(
            ["normal", "drop", "output:1", "output:2,output:3", "resubmit(,2)", "dec_ttl,normal",
             "mod_nw_tos:32,output:2", "group:1"])
        wait = ["--wait"] if self.random.random() < 0.3 else []
        self.must("rules", "br0", "add", *wait,
                  f"table={self.random.choice((0, 1, 2))},priority={self.random.randrange(1, 50)},"
                  f"{self.match()},actions={actions}")

    def delete(self):
        self.must("rules", "br0", "del", self.match())

    def replace(self):
        self.must("rules", "br0", "replace", "-f", f"{self.folder}/br0.rules")
        self.group()

    def group(self):
        weight = self.random.randrange(1, 100)
        self.must("groups", "br0", "mod", "--may-create",
                  f"group_id=1,type=select,bucket=weight:{weight},actions=output:1,"
                  "bucket=weight:50,actions=output:2")

    def port(self):
        """A fourth port comes or goes, by a new configuration; its device too, at times."""
        self.fourth = not self.fourth
        if self.random.random() < 0.3:
            subprocess.run("ip link del v4; ip link add v4 type veth peer name eth0 netns h4; "
                           "ip link set v4 up; ip -n h4 link set eth0 up", shell=True,
                           stderr=subprocess.DEVNULL)
        path = f"{self.folder}/sluiced.yaml"
        with open(path) as file:
            text = file.read()
        text = text.replace(", v4", "")
        if self.fourth:
            text = text.replace("v3]", "v3, v4]")
        with open(path + ".fresh", "w") as file:
            file.write(text)
        os.rename(path + ".fresh", path)
        os.kill(self.pid, signal.SIGHUP)
        time.sleep(0.05)
        self.group()

    def verify(self):
        done = self.control("flows", "br0", "verify", "--siblings", "4")
        if done.returncode != 0:
            self.found += 1
            print(done.stdout, flush=True)

    def flush(self):
        """Somebody else deletes all flows."""
        subprocess.run(["dpctl", "del-flows", "br0"], check=True)
        self.must("flows", "br0", "revalidate")  # until then verify says that they are missing

    def step(self):
        operations = [(self.add, 30), (self.delete, 10), (self.group, 8), (self.replace, 4),
                      (self.port, 3), (self.verify, 3), (self.flush, 1),
                      (lambda: self.must("flows", "br0", "purge"), 2),
                      (lambda: self.must("flows", "br0", "revalidate"), 3),
                      (lambda: self.must("flows", "all"), 2),
                      (lambda: self.must("status"), 2), (lambda: self.must("fdb", "br0"), 2),
                      (lambda: self.must("trace", "br0", "in_port=1,tcp,tp_dst=7"), 2)]
        functions, weights = zip(*operations)
        self.random.choices(functions, weights)[0]()

    def memory_kb(self):
        """What the heap has in use, and what is resident."""
        done = self.control("--json", "status")
        memory = json.loads(done.stdout)["memory"]
        return int(memory["heap"]) // 1024, int(memory["resident"]) // 1024


def main():
    folder, pid, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    soak = Soak(folder, pid)
    soak.group()
    traffic = Traffic()
    traffic.start()
    began = time.monotonic()
    first, last = [], []
    sample = 0
    while (now := time.monotonic() - began) < seconds:
        soak.step()
        if now < sample * seconds / SAMPLES:
            continue
        sample += 1
        memory = soak.memory_kb()
        if now < seconds * WARM_UP:
            first.append(memory)
        elif now > seconds * (1 - WARM_UP):
            last.append(memory)
        print(f"{now:6.0f} s: {memory[0]} kB in use, {memory[1]} kB resident, "
              f"{soak.operations} operations, {traffic.sent} frames", flush=True)
    short = seconds < SHORT
    bounds = (MAY_GROW_SHORT_KB, MAY_GROW_SHORT_KB) if short else (MAY_GROW_KB, RESIDENT_MAY_GROW_KB)
    within = True
    for what, before, after, may in zip(("in use", "resident"), zip(*first), zip(*last), bounds):
        print(f"{what}: {max(before)} kB at most in the first third, {max(after)} kB in the last")
        within = within and max(after) <= max(before) + may
    print("growth:", "within bounds" if within else "TOO MUCH")
    print(f"refused: {soak.refused}")
    print(f"verify found something: {soak.found}")


main()
