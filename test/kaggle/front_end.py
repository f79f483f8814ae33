"""A front end for tests: starts a Python kernel, runs cells in it as a notebook does, and keeps what it would show."""

import os
import queue
import sys
import time

from jupyter_client.manager import start_new_kernel

HERE = os.path.dirname(os.path.abspath(__file__))
BRIDGE = os.path.join(HERE, "..", "..", "kaggle")


class Shown:
    """What came of one cell: `outputs` as (message type, content), in order; `reply` is the execute_reply's content."""

    def __init__(self):
        self.outputs, self.reply, self.messages = [], None, []

    def text(self, name=None):
        return "".join(c["text"] for kind, c in self.outputs if kind == "stream" and name in (None, c["name"]))

    def of(self, *kinds):
        return [content for kind, content in self.outputs if kind in kinds]


class FrontEnd:
    def __init__(self, **env):
        path = os.pathsep.join(filter(None, [BRIDGE, os.environ.get("PYTHONPATH")]))
        self.manager, self.client = start_new_kernel(
            kernel_name="python3", env={**os.environ, "PYTHONPATH": path, "PYTHONWARNINGS": "ignore", **env}
        )
        self.late = []

    def start(self, code, answers=(), **options):
        return self.client.execute(code, allow_stdin=bool(answers), **options)

    def run(self, code, answers=(), seconds=60, interrupt_after=None, **options):
        """Runs a cell to its end. `answers` are given to input requests in turn, None interrupts; `interrupt_after` seconds it is interrupted."""
        shown, answers = Shown(), list(answers)
        request = self.client.execute(code, allow_stdin=bool(answers), **options)
        began, idle = time.monotonic(), False
        while not idle or shown.reply is None:
            if time.monotonic() - began > seconds:
                raise TimeoutError(f"no end of the cell in {seconds} s; so far: {shown.outputs}")
            if interrupt_after is not None and time.monotonic() - began > interrupt_after:
                interrupt_after = None
                self.manager.interrupt_kernel()
            try:
                message = self.client.get_iopub_msg(timeout=0.05)
                if message["parent_header"].get("msg_id") != request:
                    self.late.append(message)
                elif message["header"]["msg_type"] == "status":
                    idle = message["content"]["execution_state"] == "idle"
                elif message["header"]["msg_type"] != "execute_input":
                    shown.outputs.append((message["header"]["msg_type"], message["content"]))
                    shown.messages.append(message)
            except queue.Empty:
                pass
            try:
                asked = self.client.get_stdin_msg(timeout=0)
                shown.outputs.append(("input_request", asked["content"]))
                answer = answers.pop(0)
                self.client.input(answer) if answer is not None else self.manager.interrupt_kernel()
            except queue.Empty:
                pass
            while shown.reply is None:
                try:
                    reply = self.client.get_shell_msg(timeout=0)
                except queue.Empty:
                    break
                if reply["parent_header"].get("msg_id") == request:
                    shown.reply = reply["content"]
        shown.request = request
        return shown

    def after(self, request, kind, seconds=10):
        """The next message of a kind that belongs to a request which has ended."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for i, message in enumerate(self.late):
                if message["parent_header"].get("msg_id") == request and message["header"]["msg_type"] == kind:
                    return self.late.pop(i)["content"]
            try:
                self.late.append(self.client.get_iopub_msg(timeout=0.1))
            except queue.Empty:
                pass
        raise TimeoutError(f"no {kind} after the cell")

    def ask(self, send, *args, **options):
        request = send(*args, **options)
        while True:
            reply = self.client.get_shell_msg(timeout=90)  # on a busy machine the first completion takes long
            if reply["parent_header"].get("msg_id") == request:
                return reply["content"]

    def comm(self, kind, content, buffers=None):
        """Sends a comm message as a front end does; returns its id."""
        message = self.client.session.msg(kind, content)
        self.client.session.send(self.client.shell_channel.socket, message, buffers=buffers)
        return message["header"]["msg_id"]

    def close(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel()


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def gone(pid, seconds=10):
    """Whether a process has ended in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and alive(pid):
        time.sleep(0.05)
    return not alive(pid)


def say(text):
    print(text, file=sys.stderr, flush=True)
