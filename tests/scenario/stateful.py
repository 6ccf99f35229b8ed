"""Servers and clients of tests/scenario/stateful.sh.

stateful.py serve READY            TCP and UDP echo on the ports below, IPv4 and IPv6; FTP on 21
stateful.py ask ADDRESS PORT       what the server says: its own address and ours, as it sees it
stateful.py many ADDRESS PORT N    the servers' addresses that answer N connections
stateful.py udp ADDRESS PORT SIZE  "echo", "refused" or "nothing"
stateful.py ftp ADDRESS            an active data connection: what came over it
stateful.py several JOB...         each of them with commas for blanks, at once; a line for each
stateful.py talk ADDRESS PORT LOG  one line there and back, again and again, until it is told to end
"""

import concurrent.futures
import os
import re
import select
import signal
import socket
import sys
import threading

PORTS = (80, 8080)
PATIENCE = 3  # seconds; what shall fail takes as long


def own_address(host):
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def lines_of(connection):
    try:
        yield from connection.makefile("rb")
    except ConnectionResetError:
        pass  # the client has heard enough


def answer(connection):
    with connection:
        mine, theirs = connection.getsockname()[:2], connection.getpeername()[:2]
        for line in lines_of(connection):
            connection.sendall(f"{mine[0]} {mine[1]} {theirs[0]} {theirs[1]} ".encode() + line)


def answer_ftp(connection):
    with connection:
        connection.sendall(b"220 hello\r\n")
        for line in lines_of(connection):
            numbers = re.match(rb"PORT (\d+),(\d+),(\d+),(\d+),(\d+),(\d+)", line)
            if not numbers:
                connection.sendall(b"500 what?\r\n")
                continue
            n = [int(x) for x in numbers.groups()]
            target = (".".join(map(str, n[:4])), n[4] * 256 + n[5])
            try:
                with socket.create_connection(target, PATIENCE) as data:
                    data.sendall(b"data over ftp\n")
                connection.sendall(b"226 sent\r\n")
            except OSError as error:
                connection.sendall(f"425 {error}\r\n".encode())


def echo(udp):
    while True:
        data, sender = udp.recvfrom(65536)
        udp.sendto(data, sender)


def accept(server, handler):
    while True:
        connection, _ = server.accept()
        threading.Thread(target=handler, args=(connection,), daemon=True).start()


def serve(ready):
    for port in (*PORTS, 21):
        server = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
        handler = answer_ftp if port == 21 else answer
        threading.Thread(target=accept, args=(server, handler), daemon=True).start()
    for family in (socket.AF_INET, socket.AF_INET6):
        udp = socket.socket(family, socket.SOCK_DGRAM)
        if family == socket.AF_INET6:
            udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        udp.bind(("::" if family == socket.AF_INET6 else "0.0.0.0", 7))
        threading.Thread(target=echo, args=(udp,), daemon=True).start()
    open(ready, "w").close()
    signal.pause()


def ask(host, port):
    try:
        with socket.create_connection((host, int(port)), PATIENCE) as connection:
            connection.sendall(b"hello\n")
            return connection.makefile().readline().strip() or "closed"
    except OSError as error:
        return type(error).__name__


def many(host, port, count):
    # Clean lines for the shell: IPv4 addresses are shown as IPv6 by servers of both.
    return " ".join(sorted({ask(host, port).split()[0] for _ in range(int(count))}))


def udp(host, port, size):
    client = socket.socket(own_address(host), socket.SOCK_DGRAM)
    client.connect((host, int(port)))
    client.settimeout(PATIENCE)
    data = bytes(range(256)) * (int(size) // 256 + 1)
    data = data[: int(size)]
    try:
        client.send(data)
        return "echo" if client.recv(65536) == data else "something else"
    except ConnectionRefusedError:
        return "refused"
    except socket.timeout:
        return "nothing"


def several(*jobs):
    # "udp,10.0.0.2,7,10": all at once, as what shall fail takes its time.
    def run(job):
        name, *arguments = job.split(",")
        return f"{job}: {globals()[name](*arguments)}"

    with concurrent.futures.ThreadPoolExecutor(len(jobs)) as pool:
        return "\n".join(pool.map(run, jobs))


def ftp(host):
    with socket.create_connection((host, 21), PATIENCE) as control:
        lines = control.makefile()
        lines.readline()
        # The kernel's helper heeds no command before it has seen the end of one.
        control.sendall(b"USER nobody\r\n")
        lines.readline()
        data = socket.create_server((control.getsockname()[0], 0))
        data.settimeout(PATIENCE + 2)
        address, port = data.getsockname()
        control.sendall(f"PORT {address.replace('.', ',')},{port >> 8},{port & 255}\r\n".encode())
        try:
            connection, _ = data.accept()
            return connection.makefile().readline().strip()
        except socket.timeout:
            return lines.readline().strip()


def talk(host, port, log):
    going = []
    signal.signal(signal.SIGTERM, lambda *_: going.append(0))
    rounds = 0
    with socket.create_connection((host, int(port)), PATIENCE) as connection:
        lines = connection.makefile()
        connection.settimeout(20)
        while not going:
            connection.sendall(b"still there\n")
            if not lines.readline():
                sys.exit("the connection was closed")
            rounds += 1
            with open(log + ".new", "w", encoding="ascii") as out:
                out.write(f"{rounds}\n")
            os.replace(log + ".new", log)
            select.select([], [], [], 0.02)
    return f"{rounds} rounds"


if __name__ == "__main__":
    print(globals()[sys.argv[1]](*sys.argv[2:]))
