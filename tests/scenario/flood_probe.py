#!/usr/bin/env python3
"""Asks for new flows again and again and tells how long each answer took.

  flood_probe.py answer PORTS           answers UDP on that many ports from 20000 on
  flood_probe.py ask ADDRESS COUNT      COUNT packets, each from a port that none had before
  flood_probe.py ask ADDRESS until PID  the same, while that process lives

Prints one JSON object: how many were sent and lost, and percentiles in milliseconds.
"""
import json
import select
import socket
import sys
import time

FIRST, PATIENCE, PAUSE = 20000, 2.0, 0.02


def answer(ports):
    sockets = []
    for port in range(FIRST, FIRST + ports):
        sockets.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        sockets[-1].bind(("", port))
    print("ready", flush=True)
    while True:
        for ready in select.select(sockets, [], [])[0]:
            data, sender = ready.recvfrom(2048)
            ready.sendto(data, sender)


def ask(address, number):
    """Seconds until the answer; None without one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.settimeout(PATIENCE)
        asker.connect((address, FIRST + number % 8))
        begin = time.perf_counter()
        asker.send(str(number).encode())
        try:
            asker.recv(2048)
        except OSError:
            return None
        return time.perf_counter() - begin


def lives(pid):
    """A child that has ended and was not waited for is a zombie."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def main():
    if sys.argv[1] == "answer":
        answer(int(sys.argv[2]))
    count = float("inf") if sys.argv[3] == "until" else int(sys.argv[3])
    took, lost = [], 0
    while len(took) + lost < count and (count != float("inf") or lives(int(sys.argv[4]))):
        seconds = ask(sys.argv[2], len(took) + lost)
        lost += seconds is None
        if seconds is not None:
            took.append(seconds)
        time.sleep(PAUSE)
    took.sort()
    at = lambda part: round(1000 * took[min(len(took) - 1, int(len(took) * part))], 3) if took else None
    print(json.dumps({"sent": len(took) + lost, "lost": lost, "p50": at(0.5), "p99": at(0.99),
                      "most": at(1)}))


if __name__ == "__main__":
    main()
