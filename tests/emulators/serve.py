"""Run one AWS emulator on a loopback port until standard input ends.

Usage: python serve.py {moto|moto-with-iam|ministack} PORT FOLDER

FOLDER exists and belongs to this one run: whatever the emulator writes goes there, and the folder
is removed at the end.

Whoever starts this holds the other end of standard input and never writes to it. The kernel
closes that end however the holder dies, SIGKILL included, so nothing is left running: at the end
of standard input the whole process group goes, with every function that the emulator started.
It must therefore lead a process group of its own.
"""

import os
import shutil
import signal
import sys
import tempfile
import threading

USAGE = "usage: python serve.py {moto|moto-with-iam|ministack} PORT FOLDER"
NAMES = ("moto", "moto-with-iam", "ministack")


def main() -> None:
    if len(sys.argv) != 4 or sys.argv[1] not in NAMES or not sys.argv[2].isdigit():
        sys.exit(USAGE)
    name, port, folder = sys.argv[1:]
    if os.getpgrp() != os.getpid():
        sys.exit("serve.py must lead its own process group, because it ends by ending that group")

    # Both emulators unpack functions and keep files where `tempfile` says.
    os.environ["TMPDIR"] = tempfile.tempdir = folder
    threading.Thread(target=end_with_stdin, args=(take_stdin(), folder), daemon=True).start()

    sys.argv = [name]
    if name.startswith("moto"):
        from moto.server import main as serve

        if name == "moto-with-iam":
            check_no_signatures()

        serve(["-H", "127.0.0.1", "-p", port])
    else:
        # Without BIND_HOST it would listen on every interface, and its MQTT broker does so on a
        # fixed port.
        os.environ.update(
            GATEWAY_PORT=port, BIND_HOST="127.0.0.1", PERSIST_STATE="0", IOT_MTLS_ENABLED="0"
        )
        from ministack.app import main as serve

        serve()


def check_no_signatures() -> None:
    """What a caller may do is checked by moto once a test asks for it; who signed, never.

    moto encodes a form anew before it checks the signature, with a plus for each blank. The SDK
    for Rust writes %20, so that no form with a blank would pass.
    """
    from moto.iam.access_control import IAMRequestBase

    IAMRequestBase.check_signature = lambda self: None


def take_stdin() -> int:
    """Move standard input out of the reach of the emulator and what it starts."""
    lifeline = os.dup(0)
    os.set_inheritable(lifeline, False)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return lifeline


def end_with_stdin(lifeline: int, folder: str) -> None:
    while os.read(lifeline, 1024):
        pass
    shutil.rmtree(folder, ignore_errors=True)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
