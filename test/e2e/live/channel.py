"""The tool's end of the control channel, for tests that must speak it wrongly. Layouts as in src/format/control.hpp."""
import ctypes
import os
import secrets
import socket
import struct

SIGNAL = 61
MAGIC = 0x6D616F6C
VERSION = 3
ASK_STATS = 1
OK, UNKNOWN_REQUEST, BUSY = 0, 1, 2
SI_QUEUE = -1
SYS_RT_SIGQUEUEINFO = 129

_libc = ctypes.CDLL(None, use_errno=True)


def queue_signal(pid, cookie, code=SI_QUEUE):
    info = bytearray(128)
    struct.pack_into("<iii4xiiQ", info, 0, SIGNAL, 0, code, os.getpid(), os.getuid(), cookie)
    buffer = (ctypes.c_char * 128).from_buffer(info)
    if _libc.syscall(SYS_RT_SIGQUEUEINFO, pid, SIGNAL, buffer) != 0:
        raise OSError(ctypes.get_errno(), "rt_sigqueueinfo")


class Listener:
    """An abstract socket with a random cookie for a name, as the tool makes it."""

    def __init__(self):
        self.cookie = secrets.randbits(64)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.bind(b"\0loam-%016x" % self.cookie)
        self.socket.listen(16)
        self.socket.settimeout(30)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.socket.close()

    def call(self, pid):
        """Asks the process to connect; the connection."""
        queue_signal(pid, self.cookie)
        connection, _ = self.socket.accept()
        connection.settimeout(30)
        return connection


def request(cookie, magic=MAGIC, version=VERSION, ask=ASK_STATS):
    return struct.pack("<IIQII", magic, version, cookie, ask, 0)


def read_all(connection):
    """Everything until the other end closes."""
    data = b""
    while True:
        part = connection.recv(1 << 16)
        if not part:
            return data
        data += part


def reply(data):
    """(answer, version, pid, pause in ns, bytes announced, bytes that came)"""
    magic, version, _, answer, _, pid, pause, size = struct.unpack_from("<IIQIIQQQ", data)
    assert magic == MAGIC
    return answer, version, pid, pause, size, len(data) - 48
