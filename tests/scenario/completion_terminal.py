"""Types into a shell on a terminal: completion_terminal.py SHELL FOLDER. Called by completion.sh."""
import os
import pty
import re
import select
import sys
import time

SHELL, FOLDER = sys.argv[1:]
START = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
    "fish": ["fish", "--no-config", "-i"],
}
SETUP = {
    "bash": "bind 'set bell-style none'; source <(dpctl completion bash)",
    "zsh": "autoload -Uz compinit; compinit -u -D; unsetopt beep; source <(dpctl completion zsh)",
    "fish": "dpctl completion fish | source",
}
TAB = "\t"
# What is typed, and the arguments that dpctl gets. Where more is wanted, TAB leaves a quote open.
CASES = [
    ("commands", f"dump-f{TAB}x", "dump-flows", "x"),
    ("options of all commands", f"show --js{TAB}", "show", "--json"),
    ("options of a command", f"dump-conntrack --ev{TAB}", "dump-conntrack", "--events"),
    ("datapaths", f"show d{TAB}", "show", "dp0"),
    ("ports", f"del-if dp0 v1 v{TAB}2", "del-if", "dp0", "v1", "v2"),
    ("meters", f"dump-meters dp0 met{TAB}7", "dump-meters", "dp0", "meter=7"),
    ("fields in a word", f"add-flow dp0 'in_port(1),eth_ty{TAB}0x0800)' 2",
     "add-flow", "dp0", "in_port(1),eth_type(0x0800)", "2"),
    ("ports in a field", f"add-flow dp0 'in_port(v{TAB}1)' 2", "add-flow", "dp0", "in_port(v1)", "2"),
    ("actions", f"add-flow dp0 'in_port(1)' 'set(eth(ds{TAB}0a:00:00:00:00:01)),pop_v{TAB}",
     "add-flow", "dp0", "in_port(1)", "set(eth(dst=0a:00:00:00:00:01)),pop_vlan"),
    ("keys", f"dump-conntrack zone=5,ct_nw_s{TAB}10.0.0.1", "dump-conntrack", "zone=5,ct_nw_src=10.0.0.1"),
    ("files", f"add-flows dp0 {FOLDER}/flo{TAB}", "add-flows", "dp0", f"{FOLDER}/flows.txt"),
]


class Terminal:
    def __init__(self, argv):
        self.seen = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="xterm", PS1="$ ", COLUMNS="200", LINES="50")
            os.execvp(argv[0], argv)

    def type(self, text):
        os.write(self.fd, text.encode())

    def until(self, pattern, seconds=60):
        """What matches in the output since the last call; None after so many seconds."""
        end = time.monotonic() + seconds
        while not (found := re.search(pattern, self.seen)):
            if not select.select([self.fd], [], [], max(0, end - time.monotonic()))[0]:
                return None
            piece = os.read(self.fd, 65536).decode(errors="replace")
            # fish asks the terminal what it is and waits for the answer.
            if "\x1b[c" in piece or "\x1b[0c" in piece:
                self.type("\x1b[?62;c")
            self.seen += piece
        self.seen = self.seen[found.end():]
        return found


open(f"{FOLDER}/flows.txt", "w").close()
terminal = Terminal(START[SHELL])
terminal.type(SETUP[SHELL] + "; echo REA''DY\r")
if not terminal.until("READY"):
    sys.exit(f"the shell does not begin: {terminal.seen!r}")
for name, typed, *expected in CASES:
    terminal.type(f"dpctl {typed}")
    terminal.type("\r")
    got = terminal.until(r"GOT((<[^>]*>)+)")
    words = got.group(1) if got else f"nothing, but {terminal.seen[-300:]!r}"
    if words == "".join(f"<{word}>" for word in expected):
        print(f"ok {name}")
    else:
        print(f"FAIL {name}: {words}")
        terminal.type("\x03\r")
terminal.type("exit\r")
os.close(terminal.fd)
