# SPDX-License-Identifier: LGPL-2.1-or-later
"""A virtual X screen, for tests of programs with a window: takes screenshots, and closes windows as
their close button does."""

import ctypes
import os
import struct
import subprocess
import sys
import tempfile
import zlib

# The header of an XWD file, in 32-bit words: its own size, ..., width, height, ..., bytes in a
# line, ..., number of colours in the table that follows.
HEADER = struct.Struct('>25I')
COLOUR_SIZE = 12

CLIENT_MESSAGE = 33

# Neither a graphics card nor a session of a desktop is there.
ENVIRONMENT = {**os.environ, 'GDK_BACKEND': 'x11', 'GSK_RENDERER': 'cairo',
               'GSETTINGS_BACKEND': 'memory', 'GTK_A11Y': 'none', 'LC_ALL': 'C.UTF-8'}


def has_gtk():
    return not subprocess.run(
        [sys.executable, '-c', 'import gi; gi.require_version("Gtk", "4.0")'],
        stderr=subprocess.DEVNULL, check=False).returncode


class Photo:
    """A screenshot: `rows` of pixels, each the bytes blue, green, red, unused."""

    def __init__(self, xwd):
        words = HEADER.unpack_from(xwd)
        start = words[0] + words[19] * COLOUR_SIZE
        self.width, self.height, stride = words[4], words[5], words[12]
        lines = (xwd[start + y * stride:][:self.width * 4] for y in range(self.height))
        self.rows = [[line[x:x + 3] for x in range(0, len(line), 4)] for line in lines]

    def colours(self):
        return {pixel for row in self.rows for pixel in row}

    def longest_run(self, wanted):
        """Returns the largest number of adjacent pixels in a row for which @wanted (red, green,
        blue) is true."""
        longest = 0
        for row in self.rows:
            length = 0
            for blue, green, red in row:
                length = length + 1 if wanted(red, green, blue) else 0
                longest = max(longest, length)
        return longest

    def save(self, path):
        """Writes a PNG file."""
        lines = b''.join(b'\0' + b''.join(pixel[::-1] for pixel in row) for row in self.rows)
        with open(path, 'wb') as file:
            file.write(b'\x89PNG\r\n\x1a\n')
            for kind, data in ((b'IHDR', struct.pack('>2I5B', self.width, self.height, 8, 2, 0, 0, 0)),
                               (b'IDAT', zlib.compress(lines)), (b'IEND', b'')):
                file.write(struct.pack('>I', len(data)) + kind + data +
                           struct.pack('>I', zlib.crc32(kind + data)))


class ClientMessage(ctypes.Structure):
    """XClientMessageEvent, with room for the rest of an XEvent."""

    _fields_ = [('type', ctypes.c_int), ('serial', ctypes.c_ulong), ('send_event', ctypes.c_int),
                ('display', ctypes.c_void_p), ('window', ctypes.c_ulong),
                ('message_type', ctypes.c_ulong), ('format', ctypes.c_int),
                ('data', ctypes.c_long * 5), ('rest', ctypes.c_long * 12)]


class Screen:
    """Xvfb, which keeps its picture in a file."""

    def __init__(self, width, height):
        self._folder = tempfile.TemporaryDirectory()
        reader, writer = os.pipe()
        self._server = subprocess.Popen(
            ['Xvfb', '-displayfd', str(writer), '-screen', '0', f'{width}x{height}x24',
             '-fbdir', self._folder.name, '-nolisten', 'tcp'],
            pass_fds=[writer], stderr=subprocess.DEVNULL)
        os.close(writer)
        with os.fdopen(reader) as file:
            self.name = ':' + file.readline().strip()

    def photo(self):
        with open(os.path.join(self._folder.name, 'Xvfb_screen0'), 'rb') as file:
            return Photo(file.read())

    def close_windows(self):
        """Sends each window the message of a click on its close button."""
        xlib = ctypes.CDLL('libX11.so.6')
        xlib.XOpenDisplay.restype = ctypes.c_void_p
        xlib.XInternAtom.restype = xlib.XDefaultRootWindow.restype = ctypes.c_ulong
        display = ctypes.c_void_p(xlib.XOpenDisplay(self.name.encode()))
        protocols, delete = (xlib.XInternAtom(display, name, False)
                             for name in (b'WM_PROTOCOLS', b'WM_DELETE_WINDOW'))
        for window in self._windows(xlib, display):
            event = ClientMessage(type=CLIENT_MESSAGE, window=window, message_type=protocols, format=32)
            event.data[0] = delete
            xlib.XSendEvent(display, ctypes.c_ulong(window), False, ctypes.c_long(0), ctypes.byref(event))
        xlib.XCloseDisplay(display)

    @staticmethod
    def _windows(xlib, display):
        root, parent = ctypes.c_ulong(), ctypes.c_ulong()
        windows, n = ctypes.POINTER(ctypes.c_ulong)(), ctypes.c_uint()
        xlib.XQueryTree(display, ctypes.c_ulong(xlib.XDefaultRootWindow(display)), ctypes.byref(root),
                        ctypes.byref(parent), ctypes.byref(windows), ctypes.byref(n))
        found = windows[:n.value]
        xlib.XFree(windows)
        return found

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._server.terminate()
        self._server.wait()
        self._folder.cleanup()
