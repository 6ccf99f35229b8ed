#!/usr/bin/env python3
"""Runs a program on a terminal of its own and looks at its screen: terminal.py STEP... -- COMMAND

Steps: size=COLSxROWS  first of all, or later
       wait=TEXT       until the screen has TEXT
       row=N,TEXT      until its line N (from 0) has TEXT
       type=TEXT       keys; \\n is Enter, \\e Escape
       signal=NAME     to the program: TERM
       end             until it has ended with status 0, or by its signal, and left the terminal as it was
       show            prints the screen

Exit status: 0; 1, with the screen, when something has not come within 60 seconds.
"""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time

LIMIT = 60
SEQUENCE = re.compile(
    r"\x1b\[([?>]?)([0-9;]*)([A-Za-z@])|\x1b[()][A-Z0-9]|\x1b([=>78MHc])|([\x00-\x1a\x1c-\x1f])|([^\x1b\x00-\x1f]+)",
    re.S)


class Screen:
    """As much of an xterm as ncurses makes use of."""

    def __init__(self):
        self.pending = ""
        self.alternate = False
        self.unknown = set()  # sequences that it does not know
        self.resize(80, 24)

    def resize(self, columns, rows):
        self.columns, self.rows = columns, rows
        self.lines = [[" "] * columns for _ in range(rows)]
        self.x = self.y = 0

    def text(self):
        return ["".join(line).rstrip() for line in self.lines]

    def feed(self, text):
        text = self.pending + text
        end = 0
        while match := SEQUENCE.match(text, end):
            end = match.end()
            private, numbers, letter, escape, control, plain = match.groups()
            if plain:
                for char in plain:
                    self.put(char)
            elif control:
                self.control(control)
            elif escape == "M":
                self.y = max(self.y - 1, 0)
            elif letter:
                self.sequence(private, [int(n or 0) for n in numbers.split(";")], letter)
        self.pending = text[end:]

    def put(self, char):
        if self.x >= self.columns:
            self.x = 0
            self.y = min(self.y + 1, self.rows - 1)
        self.lines[self.y][self.x] = char
        self.last = char
        self.x += 1

    def control(self, char):
        if char == "\r":
            self.x = 0
        elif char == "\n":
            self.y = min(self.y + 1, self.rows - 1)
        elif char == "\b":
            self.x = max(self.x - 1, 0)
        elif char == "\t":
            self.x = min(self.x // 8 * 8 + 8, self.columns - 1)

    def sequence(self, private, numbers, letter):
        count = max(numbers[0], 1)
        line = self.lines[self.y]
        if private:
            if numbers[0] == 1049:
                self.alternate = letter == "h"
        elif letter == "H":
            self.y = min(count, self.rows) - 1
            self.x = min(max(numbers[1] if len(numbers) > 1 else 1, 1), self.columns) - 1
        elif letter == "d":
            self.y = min(count, self.rows) - 1
        elif letter == "G":
            self.x = min(count, self.columns) - 1
        elif letter == "A":
            self.y = max(self.y - count, 0)
        elif letter == "B":
            self.y = min(self.y + count, self.rows - 1)
        elif letter == "Z":
            self.x = max((self.x - 1) // 8 * 8, 0)
        elif letter == "C":
            self.x = min(self.x + count, self.columns - 1)
        elif letter == "D":
            self.x = max(self.x - count, 0)
        elif letter == "K":
            begin, end = [(self.x, self.columns), (0, self.x + 1), (0, self.columns)][numbers[0]]
            line[begin:end] = [" "] * (min(end, self.columns) - begin)
        elif letter == "J":
            if numbers[0] == 2:
                self.lines = [[" "] * self.columns for _ in range(self.rows)]
            else:
                line[self.x:] = [" "] * (self.columns - self.x)
                for y in range(self.y + 1, self.rows):
                    self.lines[y] = [" "] * self.columns
        elif letter == "X":
            end = min(self.x + count, self.columns)
            line[self.x:end] = [" "] * (end - self.x)
        elif letter == "P":
            del line[self.x:self.x + count]
            line += [" "] * (self.columns - len(line))
        elif letter == "@":
            line[self.x:self.x] = [" "] * count
            del line[self.columns:]
        elif letter == "b":
            for _ in range(count):
                self.put(self.last)
        elif letter not in "mrlhtnc":
            self.unknown.add(letter)


class Program:
    def __init__(self, command):
        self.screen = Screen()
        self.status = None
        self.master, slave = pty.openpty()
        self.slave = slave
        self.resize(80, 24)
        self.before = termios.tcgetattr(slave)
        self.command = command
        self.pid = None

    def start(self):
        if self.pid is not None:
            return
        self.pid = os.fork()
        if self.pid == 0:
            os.setsid()
            fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)
            for fd in range(3):
                os.dup2(self.slave, fd)
            os.environ["TERM"] = "xterm"
            os.execvp(self.command[0], self.command)

    def resize(self, columns, rows):
        self.screen.resize(columns, rows)
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self, seconds):
        if select.select([self.master], [], [], seconds)[0]:
            self.screen.feed(os.read(self.master, 65536).decode(errors="replace"))

    def until(self, condition, what):
        self.start()
        deadline = time.monotonic() + LIMIT
        while not condition():
            if time.monotonic() > deadline:
                self.fail(what)
            self.read(0.1)

    def fail(self, what):
        print("terminal.py: not seen:", what, *sorted(self.screen.unknown))
        print("\n".join(self.screen.text()))
        if self.pid and self.status is None:
            os.kill(self.pid, signal.SIGKILL)
        sys.exit(1)

    def ended(self):
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = status
        return self.status is not None

    def step(self, step):
        word, _, value = step.partition("=")
        if word == "size":
            self.resize(*map(int, value.split("x")))
        elif word == "wait":
            self.until(lambda: any(value in line for line in self.screen.text()), value)
        elif word == "row":
            number, _, text = value.partition(",")
            self.until(lambda: text in self.screen.text()[int(number)], value)
        elif word == "type":
            keys = value.replace("\\n", "\n").replace("\\e", "\x1b")
            os.write(self.master, keys.encode())
        elif word == "signal":
            os.kill(self.pid, getattr(signal, "SIG" + value))
        elif word == "show":
            print("\n".join(self.screen.text()))
        elif word == "end":
            self.until(self.ended, "the end")
            while select.select([self.master], [], [], 0)[0]:
                self.read(0)
            if self.status != 0:
                self.fail("a good end, but status %d" % self.status)
            if self.screen.alternate:
                self.fail("the screen of before")
            if termios.tcgetattr(self.slave) != self.before:
                self.fail("the terminal's settings of before")
        else:
            sys.exit("terminal.py: what is %s?" % step)


def main():
    at = sys.argv.index("--")
    program = Program(sys.argv[at + 1:])
    for step in sys.argv[1:at]:
        program.step(step)


main()
