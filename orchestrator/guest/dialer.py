# SPDX-License-Identifier: GPL-2.0-or-later
"""In the guest's network namespace: connects to a port of its loopback, and hands the connection out.

A program of its own, started from its text where nothing of kmatrix is to be seen: standard library only. Asked for a
port on the socket whose descriptor it is told, one a message, it answers with a descriptor, or with none.
"""

import os
import socket
import sys


def serve(control: socket.socket) -> None:
    """Until nobody can ask any more."""
    while asked := control.recv(16):
        with socket.socket() as made:
            try:
                made.connect(("127.0.0.1", int(asked)))
            except (OSError, ValueError):
                control.send(b"-")
            else:
                socket.send_fds(control, [b"+"], [made.fileno()])


if __name__ == "__main__":
    mine = int(sys.argv[1])
    os.closerange(3, mine)
    os.closerange(mine + 1, 1024)  # what is the emulator's ends with it
    serve(socket.socket(fileno=mine))
