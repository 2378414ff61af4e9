"""The API key from a command's stdout, for people who keep it in a password manager or a vault.

The command runs without a shell, without input and for a bounded time. Its output reaches no message, because it may
be the key.
"""

import os
import select
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress

from pydantic import SecretStr

from mootech.errors import ConfigError

TIMEOUT_SECONDS = 20.0
"""Enough for a remote vault. Too short to type a passphrase, which nobody can do under cron anyway."""
MAX_KEY_BYTES = 4096


def key_from(command: Sequence[str], *, timeout: float = TIMEOUT_SECONDS) -> SecretStr:
    """Run the command and return what it prints, without white space around it.

    Args:
        command: the program and its arguments; the program is looked for in PATH.
        timeout: seconds until it is ended, together with what it started.

    Raises:
        ConfigError: it cannot be run, failed, took too long, or printed no key; its output is in no message.

    """
    what = "[source] api_key_command"  # without the command's text, which may hold the key
    try:
        process = subprocess.Popen(  # noqa: S603  # no shell, and whose file it stands in has been checked
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
        )
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "an argument holds a NUL"
        raise ConfigError(f"{what} cannot be run: {reason}", hint=_HINT) from exc
    with process:
        try:
            data = _output(process, time.monotonic() + timeout)
            code = process.wait(timeout) if data is not None else None
        except subprocess.TimeoutExpired:
            data = code = None
        finally:
            # A process that it left in the background would keep the pipe open, and the key in it.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    if data is None:
        raise ConfigError(f"{what} did not end within {timeout:g} s", hint=_HINT)
    if len(data) > MAX_KEY_BYTES:
        raise ConfigError(f"{what} printed more than a key", hint=_HINT)
    if code:
        ended = f"ended with exit code {code}" if code > 0 else f"was ended by signal {-code}"
        raise ConfigError(f"{what} {ended}", hint=_HINT)
    key = data.decode("utf-8", "replace").strip()
    if not (key.isascii() and key.isprintable() and " " not in key and key):
        raise ConfigError(f"{what} printed nothing that can be a key", hint=_HINT)
    return SecretStr(key)


_HINT = (
    "Nothing was done. Run that command yourself: it must print the key, and nothing else, on stdout and end with 0. "
    "MOOTECH_API_KEY or MOOTECH_API_KEY_FILE take its place when set."
)


def _output(process: "subprocess.Popen[bytes]", deadline: float) -> bytes | None:
    """Return what the process prints until it closes its stdout, cut off after a key's length; None at the deadline."""
    if process.stdout is None:
        return b""
    stream, data = process.stdout.fileno(), b""
    while len(data) <= MAX_KEY_BYTES:
        if not select.select([stream], [], [], max(0.0, deadline - time.monotonic()))[0]:
            return None
        part = os.read(stream, MAX_KEY_BYTES)
        if not part:
            return data
        data += part
    process.kill()
    return data
