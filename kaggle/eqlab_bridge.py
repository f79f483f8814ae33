"""TypeScript cells in a Python notebook: an IPython extension that relays cells to a Jupyter kernel for TypeScript.

    %load_ext eqlab_bridge
    %ts_start [--kernel NAME] [--cwd DIR] [--env NAME=value] [--secret NAME]
    %ts_mode on       from here every cell is TypeScript; %%py, and cells that begin with % or !, stay IPython's
    %%ts              one TypeScript cell
    %ts_set n=expr    %ts_get expr    %ts_restart    %ts_interrupt    %ts_stop

The kernel's messages (streams, displays and their updates, errors, clear_output, input, comms) are published as the Python kernel's own,
under the cell that caused them, also after that cell has ended. One thread owns all sockets; whoever wants something waits on an `Exchange`.
Needs what every Jupyter has: jupyter_client 7.4 or newer, ipykernel 6.17 or newer, IPython 7.34 or newer.
"""

import argparse
import atexit
import contextlib
import inspect
import json
import os
import queue
import re
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import OrderedDict

import zmq
from IPython.core.magic import Magics, cell_magic, line_magic, magics_class
from jupyter_client.connect import write_connection_file
from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
from jupyter_client.session import Session

DEFAULT_KERNEL = "eqlab"
START_SECONDS = 60
INTERRUPT_SECONDS = 10
LITERAL_CHARACTERS = 20_000
RED, PLAIN = "\x1b[0;31m", "\x1b[0m"


class BridgeError(Exception):
    """Something between Python and TypeScript; shown as one line, without Python's frames."""

    def _render_traceback_(self):
        return [f"{RED}{self}{PLAIN}"]


class TypeScriptError(Exception):
    """A TypeScript cell failed. Its subclasses carry the TypeScript error's own name; the traceback is the TypeScript one."""

    lines = ()

    def _render_traceback_(self):
        return list(self.lines)


def typescript_error(content):
    name, value = content.get("ename") or "Error", content.get("evalue") or "the cell failed"
    error = type(name.replace("\0", ""), (TypeScriptError,), {})(value)
    error.lines = content.get("traceback") or [f"{RED}{name}{PLAIN}: {value}"]
    return error


class Exchange:
    """One request to the kernel and what comes of it. `events` tells the waiting thread: ("input", message), ("done", None), ("dead", None)."""

    def __init__(self, message, parent=None, count=0, relay=False, answered=True):
        self.message, self.parent, self.count, self.relay = message, parent, count, relay
        self.reply, self.idle, self.answered, self.error = None, False, answered, None
        self.events = queue.Queue()
        self.finished = threading.Event()

    def settle(self):
        if self.idle and (self.reply is not None or not self.answered) and not self.finished.is_set():
            self.finished.set()
            self.events.put(("done", None))


class TypeScriptKernel:
    """A kernel process and its sockets. `publish(kind, message, exchange)` is called on the socket thread for whatever is to be shown."""

    def __init__(self, name, cwd, env, publish):
        try:
            spec = KernelSpecManager().get_kernel_spec(name)
        except NoSuchKernel:
            known = ", ".join(sorted(KernelSpecManager().find_kernel_specs())) or "none"
            raise BridgeError(
                f"TypeScript kernel: expected a kernel named {name!r}, got only: {known}. Run kaggle/bootstrap.sh first; it installs the kernel."
            ) from None
        self.name, self.spec, self.publish, self.connection = name, spec, publish, None
        self.sockets, self.exchanges, self.last = {}, OrderedDict(), None
        self.outgoing, self.lock, self.ending = queue.SimpleQueue(), threading.Lock(), False
        self.wake, self.woken = socket.socketpair()
        self.wake.setblocking(False)
        self.woken.setblocking(False)
        self.connection, ports = write_connection_file(kernel_name=name, key=secrets.token_hex(32).encode())
        self.session = Session(key=ports["key"].encode(), signature_scheme=ports["signature_scheme"])
        self._launch(cwd, env)
        self.context = zmq.Context()
        for channel, kind in {"shell": zmq.DEALER, "control": zmq.DEALER, "stdin": zmq.DEALER, "iopub": zmq.SUB}.items():
            made = self.sockets[channel] = self.context.socket(kind)
            made.linger = 0
            if kind == zmq.SUB:
                made.setsockopt(zmq.RCVHWM, 0)
                made.subscribe(b"")
            else:
                made.identity = self.session.bsession
            made.connect(f"{ports['transport']}://{ports['ip']}:{ports[channel + '_port']}")
        self.thread = threading.Thread(target=self._serve, name="eqlab-bridge", daemon=True)
        self.thread.start()

    def _launch(self, cwd, env):
        """Starts the process in a group of its own, and a shell that ends the group when this Python is gone, however it went."""
        words = {"connection_file": self.connection, "resource_dir": self.spec.resource_dir, "prefix": sys.prefix}
        command = [re.sub(r"\{(\w+)\}", lambda found: words.get(found.group(1), found.group(0)), word) for word in self.spec.argv]
        if command[0] in ("python", "python3"):
            command[0] = sys.executable
        environment = {**os.environ, **self.spec.env, **env, "JPY_PARENT_PID": str(os.getpid())}
        environment.pop("MPLBACKEND", None)
        try:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, cwd=cwd, env=environment, start_new_session=True)
        except OSError as error:
            raise BridgeError(
                f"TypeScript kernel {self.name!r}: expected to start {command[0]!r} in {cwd!r}, got {error.strerror}. "
                "Run kaggle/bootstrap.sh again; it writes the kernel's place anew."
            ) from None
        group = self.process.pid
        self.guard = subprocess.Popen(
            ["/bin/sh", "-c", f'read -r _; kill -s TERM -- -{group} && sleep 2; kill -s KILL -- -{group}; rm -f "$0"', self.connection],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    # What any thread may call.

    @property
    def alive(self):
        return not self.ending and self.process.poll() is None and self.thread.is_alive()

    def request(self, kind, content, channel="shell", buffers=None, metadata=None, **about):
        """Sends one message and returns its Exchange at once."""
        with self.lock:
            message = self.session.msg(kind, content, metadata=metadata)
            exchange = Exchange(message, **about)
            self.last = exchange if exchange.parent else self.last
            self.exchanges[message["header"]["msg_id"]] = exchange
            while len(self.exchanges) > 2000:
                self.exchanges.popitem(last=False)
        self._send(channel, message, buffers)
        return exchange

    def answer(self, request, value):
        self._send("stdin", self.session.msg("input_reply", {"value": value}, parent=request))

    def interrupt(self):
        if self.spec.interrupt_mode == "message":
            self.request("interrupt_request", {}, channel="control")
        else:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGINT)

    def ask(self, kind, content, seconds):
        """The content of a reply, or None where there was none in time."""
        exchange = self.request(kind, content)
        exchange.finished.wait(seconds)
        return exchange.reply

    def wait_ready(self):
        """Waits for an answer and for the first status, by which the subscription is known to work. Returns kernel_info's content."""
        end = time.monotonic() + START_SECONDS
        while self.alive:
            exchange = self.request("kernel_info_request", {})
            exchange.finished.wait(1.0)
            if exchange.finished.is_set() and exchange.reply is not None:
                return exchange.reply
            if time.monotonic() > end:
                self.stop()
                raise BridgeError(f"TypeScript kernel {self.name!r}: expected an answer within {START_SECONDS} s, got none. Try %ts_restart.")
        raise BridgeError(self.obituary())

    def obituary(self):
        """How the process ended, in words."""
        code = self.process.poll()
        if code is None:
            return f"the TypeScript kernel {self.name!r} was stopped. %ts_restart starts a new one."
        name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        cause = {"SIGKILL": " (out of memory, most likely)", "SIGABRT": " (out of memory, or a native crash)", "SIGSEGV": " (a crash in native code)"}
        return (
            f"the TypeScript kernel {self.name!r} is dead: {name}{cause.get(name, '')}. "
            "Its variables are gone; %ts_restart starts a new one, then run the cells from the top."
        )

    def stop(self, seconds=1.5):
        """Asks the kernel to end, and ends it."""
        self.ending = True
        if self.process.poll() is None:
            self.request("shutdown_request", {"restart": False}, channel="control")
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(seconds)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(5)
        self._nudge()
        self.thread.join(5)
        with contextlib.suppress(OSError):
            self.guard.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.guard.wait(5)

    # What only the socket thread does.

    def _send(self, channel, message, buffers=None):
        self.outgoing.put((channel, message, buffers))
        self._nudge()

    def _nudge(self):
        with contextlib.suppress(OSError):
            self.wake.send(b".")

    def _serve(self):
        poller = zmq.Poller()
        for made in (*self.sockets.values(), self.woken):
            poller.register(made, zmq.POLLIN)
        channels = {made: channel for channel, made in self.sockets.items()}
        dead_since = None
        while True:
            ready = dict(poller.poll(200))
            if self.woken.fileno() in ready:
                with contextlib.suppress(BlockingIOError):
                    self.woken.recv(4096)
                while not self.outgoing.empty():
                    channel, message, buffers = self.outgoing.get()
                    self.session.send(self.sockets[channel], message, buffers=buffers)
            for made in ready:
                if made in channels:
                    self._receive(channels[made], made)
            if self.process.poll() is not None:  # what it still said is read first
                dead_since = dead_since or time.monotonic()
                if not any(made in channels for made in ready) and (self.ending or time.monotonic() - dead_since > 0.3):
                    break
        with self.lock:
            waiting = [exchange for exchange in self.exchanges.values() if not exchange.finished.is_set()]
        for exchange in waiting:
            exchange.finished.set()
            exchange.events.put(("dead", None))
        for made in self.sockets.values():
            made.close()
        self.context.term()

    def _receive(self, channel, made):
        for _ in range(200):  # then look at the other sockets again
            try:
                _, message = self.session.recv(made)
            except Exception:  # forged or malformed: not ours to show
                continue
            if message is None:
                return
            exchange = self.exchanges.get(message["parent_header"].get("msg_id"))
            kind, content = message["header"]["msg_type"], message["content"]
            if channel in ("shell", "control"):
                if exchange and exchange.reply is None:
                    exchange.reply = content
                    exchange.settle() if channel == "shell" else exchange.finished.set()
            elif channel == "stdin":
                if exchange and exchange.relay and not exchange.finished.is_set():
                    exchange.events.put(("input", message))
                else:
                    self.session.send(made, self.session.msg("input_reply", {"value": ""}, parent=message))
            elif kind == "status":
                if exchange and content["execution_state"] == "idle":
                    exchange.idle = True
                    exchange.settle()
            else:
                try:
                    self.publish(kind, message, exchange or self.last)
                except Exception as error:
                    print(f"eqlab bridge: a {kind} message could not be shown: {error}", file=sys.__stderr__)


class RelayedComm:
    """Stands in Python's comm manager for a comm of the TypeScript kernel: what the front end says goes there."""

    def __init__(self, bridge, comm_id, target_name):
        self.bridge, self.comm_id, self.target_name, self._closed = bridge, comm_id, target_name, False

    def handle_msg(self, message):
        self.bridge.to_kernel("comm_msg", {"comm_id": self.comm_id, "data": message["content"].get("data", {})}, message)

    def handle_close(self, message):
        self.bridge.to_kernel("comm_close", {"comm_id": self.comm_id, "data": message["content"].get("data", {})}, message)

    def close(self, *_, **__):
        self._closed = True


@magics_class
class Bridge(Magics):
    """The magics and everything between IPython and the TypeScript kernel."""

    def __init__(self, shell):
        super().__init__(shell)
        self.python = shell.kernel
        self.link, self.mode, self.running = None, False, False
        self.options = {"kernel": DEFAULT_KERNEL, "cwd": None, "env": {}, "secret": []}
        self.hidden = set()
        self.originals = {name: getattr(self.python, name) for name in ("do_complete", "do_inspect")}
        self.python.do_complete, self.python.do_inspect = self.do_complete, self.do_inspect
        self.open_comm = self.python.shell_handlers["comm_open"]
        self.python.shell_handlers["comm_open"] = self.comm_open
        shell.input_transformers_cleanup.insert(0, self.transform)
        atexit.register(self.stop)

    def unload(self):
        self.stop()
        atexit.unregister(self.stop)
        for name in self.originals:
            self.python.__dict__.pop(name, None)
        self.python.shell_handlers["comm_open"] = self.open_comm
        self.shell.input_transformers_cleanup.remove(self.transform)

    # Starting and stopping.

    def start(self):
        cwd = os.path.abspath(self.options["cwd"] or os.getcwd())
        if not os.path.isdir(cwd):
            raise BridgeError(f"--cwd: expected a folder, got {cwd!r}")
        private = {name: read_secret(name) for name in self.options["secret"]}
        self.hidden = {value for value in private.values() if len(value) >= 6}
        began = time.monotonic()
        self.link = TypeScriptKernel(self.options["kernel"], cwd, {**self.options["env"], **private}, self.publish)
        try:
            info = self.link.wait_ready()
        except BaseException:
            self.link.stop()
            raise
        language = info.get("language_info", {})
        names = ", ".join([*self.options["env"], *self.options["secret"]])
        return (
            f"TypeScript kernel {self.link.name!r}: {language.get('name', '?')} {language.get('version', '')}, "
            f"ready in {time.monotonic() - began:.1f} s, folder {cwd}" + (f", environment: {names}" if names else "")
        )

    def stop(self):
        link = self.link
        if link and not link.ending:
            link.stop()
        for comm_id, comm in list(self.python.comm_manager.comms.items()):
            if isinstance(comm, RelayedComm):
                self.python.comm_manager.comms.pop(comm_id, None)

    def living(self):
        """The kernel; the first call starts it. @raises BridgeError where it has died."""
        if self.link is None:
            self.start()
        elif not self.link.alive:
            raise BridgeError(self.link.obituary())
        return self.link

    # Cells.

    def run(self, code, silent=False, shown=True):
        """Runs TypeScript and waits for its end. @raises TypeScriptError, BridgeError, KeyboardInterrupt"""
        link = self.living()
        sys.stdout.flush()
        sys.stderr.flush()
        allow = bool(getattr(self.python, "_allow_stdin", False)) and shown
        content = {"code": code, "silent": silent, "store_history": shown, "user_expressions": {}, "allow_stdin": allow, "stop_on_error": True}
        exchange = link.request(
            "execute_request", content, parent=self.python.get_parent(), count=self.shell.displayhook.prompt_count, relay=True
        )
        interrupted = self._wait(link, exchange)
        reply, error = exchange.reply or {}, exchange.error
        if error and reply.get("status") != "error":
            self.send("error", error, exchange)
        if reply.get("status") == "error":
            same = error and error.get("evalue") == reply.get("evalue", error.get("evalue"))
            raise typescript_error(self.mask(error if same else reply)) from None
        if reply.get("status", "ok") != "ok":
            raise BridgeError("the TypeScript kernel did not run this cell, because one before it failed. Run it again.")
        if interrupted:
            raise KeyboardInterrupt

    def _wait(self, link, exchange):
        """Serves a running cell's questions until its end; returns whether it was interrupted."""
        since = None
        self.running = True
        try:
            while True:
                try:
                    event, message = exchange.events.get(timeout=0.5)
                    if event == "done":
                        return since is not None
                    if event == "dead":
                        raise BridgeError(link.obituary())
                    link.answer(message, self.ask_user(message["content"]))
                except queue.Empty:
                    if since and time.monotonic() - since > INTERRUPT_SECONDS:
                        raise BridgeError(
                            f"the TypeScript kernel did not stop within {INTERRUPT_SECONDS} s of the interrupt. %ts_restart ends it."
                        ) from None
                except KeyboardInterrupt:
                    if since:
                        raise
                    since = time.monotonic()
                    link.interrupt()
        finally:
            self.running = False

    def ask_user(self, content):
        ask = self.python.getpass if content.get("password") else self.python.raw_input
        return ask(content.get("prompt", ""))

    # From the TypeScript kernel to the front end, on the socket thread.

    def publish(self, kind, message, exchange):
        content = dict(message["content"])
        if kind in ("stream", "display_data", "update_display_data", "clear_output"):
            self.send(kind, content, exchange, message["metadata"])
        elif kind == "execute_result":
            self.send(kind, {**content, "execution_count": exchange.count if exchange else 0}, exchange, message["metadata"])
        elif kind == "error":
            # A cell's last error is raised in Python when the cell ends; others are shown as they come.
            if exchange and exchange.relay and not exchange.finished.is_set():
                content, exchange.error = exchange.error, content
            if content:
                self.send(kind, content, exchange)
        elif kind in ("comm_open", "comm_msg", "comm_close"):
            comms = self.python.comm_manager.comms
            if kind == "comm_open":
                comms[content["comm_id"]] = RelayedComm(self, content["comm_id"], content.get("target_name", ""))
            elif kind == "comm_close":
                comms.pop(content["comm_id"], None)
            self.send(kind, self.with_parents(content), exchange, message["metadata"], message.get("buffers"))

    def send(self, kind, content, exchange, metadata=None, buffers=None):
        python = self.python
        python.session.send(
            python.iopub_socket,
            kind,
            self.mask(content),
            metadata=metadata,
            parent=(exchange.parent if exchange else None) or {},
            ident=f"kernel.{python.ident}.{kind}".encode(),
            buffers=buffers or None,
        )

    def with_parents(self, content):
        """An output widget captures by request id: the TypeScript kernel's ids become the front end's."""
        state = (content.get("data") or {}).get("state")
        exchange = self.link.exchanges.get(state.get("msg_id")) if isinstance(state, dict) and self.link else None
        if not exchange or not exchange.parent:
            return content
        state = {**state, "msg_id": exchange.parent["header"]["msg_id"]}
        return {**content, "data": {**content["data"], "state": state}}

    def mask(self, value):
        """Secrets are replaced wherever they would be shown."""
        if not self.hidden:
            return value
        if isinstance(value, str):
            for secret in self.hidden:
                value = value.replace(secret, "[secret]")
            return value
        if isinstance(value, dict):
            return {key: self.mask(one) for key, one in value.items()}
        return [self.mask(one) for one in value] if isinstance(value, list) else value

    # From the front end to the TypeScript kernel.

    def to_kernel(self, kind, content, message):
        """Passes a comm message on and waits until it was handled, so that a slider that is dragged does not run ahead."""
        if not (self.link and self.link.alive):
            return
        exchange = self.link.request(
            kind,
            content,
            buffers=message.get("buffers"),
            metadata=message.get("metadata"),
            parent=message,
            count=self.shell.displayhook.prompt_count,
            answered=False,
        )
        try:
            exchange.finished.wait(0 if self.running else 30)
        except KeyboardInterrupt:
            self.link.interrupt()

    def comm_open(self, stream, ident, message):
        content = message["content"]
        manager = self.python.comm_manager
        if content.get("target_name") in manager.targets or not (self.link and self.link.alive):
            return self.open_comm(stream, ident, message)
        manager.comms[content["comm_id"]] = RelayedComm(self, content["comm_id"], content.get("target_name", ""))
        return self.to_kernel("comm_open", content, message)

    async def do_complete(self, code, cursor_pos, *args, **options):
        where = self.typescript_in(code, cursor_pos)
        if where is None:
            result = self.originals["do_complete"](code, cursor_pos, *args, **options)
            return await result if inspect.isawaitable(result) else result
        text, skipped = where
        reply = self.ask("complete_request", {"code": text, "cursor_pos": cursor_pos - skipped})
        if not reply or reply.get("status") != "ok":
            return {"status": "ok", "matches": [], "cursor_start": cursor_pos, "cursor_end": cursor_pos, "metadata": {}}
        return {**reply, "cursor_start": reply["cursor_start"] + skipped, "cursor_end": reply["cursor_end"] + skipped}

    async def do_inspect(self, code, cursor_pos, detail_level=0, *args, **options):
        where = self.typescript_in(code, cursor_pos)
        if where is None:
            result = self.originals["do_inspect"](code, cursor_pos, detail_level, *args, **options)
            return await result if inspect.isawaitable(result) else result
        text, skipped = where
        content = {"code": text, "cursor_pos": cursor_pos - skipped, "detail_level": detail_level}
        return self.ask("inspect_request", content) or {"status": "ok", "found": False, "data": {}, "metadata": {}}

    def ask(self, kind, content):
        return self.link.ask(kind, content, 5) if self.link and self.link.alive else None

    def typescript_in(self, code, cursor_pos):
        """The TypeScript that the cursor is in and how many characters stand before it; None where the cell is Python."""
        first = re.match(r"\s*%%ts\b[^\n]*\n", code)
        if first:
            return (code[first.end() :], first.end()) if cursor_pos >= first.end() else None
        return (code, 0) if self.mode and not re.match(r"\s*[%!]", code) else None

    def transform(self, lines):
        """TypeScript mode: puts `%%ts` before a cell. Programs that look into the kernel unseen (silent, without history) speak Python."""
        first = next((i for i, line in enumerate(lines) if line.strip()), None)
        if first is None:
            return lines
        head = lines[first].strip()
        if head == "%%py":
            return [*lines[:first], "# %%py\n", *lines[first + 1 :]]
        request = (self.python.get_parent() or {}).get("content", {})
        unseen = request.get("silent") or request.get("store_history") is False
        if not self.mode or head[0] in "%!" or unseen:
            return lines
        return ["%%ts\n", *lines]

    # Magics.

    @line_magic
    def ts_start(self, line):
        """%ts_start [--kernel NAME] [--cwd DIR] [--env NAME=value]... [--secret NAME]...: start the TypeScript kernel."""
        options = parse(line)
        if self.link and self.link.alive:
            if options == self.options:
                print(f"TypeScript kernel {self.link.name!r}: already running")
                return
            self.stop()
        self.options = options
        print(self.start())

    @line_magic
    def ts_restart(self, _):
        """%ts_restart: a new TypeScript kernel with the same options; its variables are gone."""
        self.stop()
        print(self.start())

    @line_magic
    def ts_stop(self, _):
        """%ts_stop: end the TypeScript kernel."""
        self.stop()

    @line_magic
    def ts_interrupt(self, _):
        """%ts_interrupt: stop what still runs in the TypeScript kernel, timers included; its variables are kept."""
        self.living().interrupt()

    @line_magic
    def ts_mode(self, line):
        """%ts_mode on|off: whether every cell is TypeScript."""
        if line.strip() not in ("on", "off"):
            raise BridgeError(f"%ts_mode: expected on or off, got {line.strip()!r}")
        self.mode = line.strip() == "on"

    @cell_magic
    def ts(self, _, cell):
        """%%ts: run the cell as TypeScript."""
        self.run(cell)

    @line_magic
    def ts_set(self, line):
        """%ts_set name=expression: a Python value becomes a TypeScript variable, by JSON."""
        name, equals, expression = (part.strip() for part in line.partition("="))
        if not equals or not re.fullmatch(r"[A-Za-z_$][\w$]*", name):
            raise BridgeError(f"%ts_set: expected name=expression, got {line!r}")
        value = eval(expression, self.shell.user_global_ns, self.shell.user_ns)  # noqa: S307 - the user's own expression
        try:
            text = json.dumps(value, default=plain, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise BridgeError(f"%ts_set {name}: expected a value that JSON can carry, got {type(value).__name__} ({error})") from None
        if len(text) <= LITERAL_CHARACTERS:
            return self.run(f"let {name} = {text};", silent=False, shown=False)
        with self.exchange_file(text) as path:
            self.run(
                f'let {name}: any = JSON.parse((await import("node:fs")).readFileSync({json.dumps(path)}, "utf8"));', shown=False
            )

    @line_magic
    def ts_get(self, line):
        """%ts_get expression: a TypeScript value as a Python one, by JSON; typed arrays become lists, bigint becomes text."""
        with self.exchange_file("null") as path:
            self.run(
                f'(await import("node:fs")).writeFileSync({json.dumps(path)}, JSON.stringify(await ({line.strip()}), (_key: string, value: any) => '
                'ArrayBuffer.isView(value) ? Array.from(value as any) : typeof value === "bigint" ? String(value) : value) ?? "null");',
                shown=False,
            )
            with open(path, encoding="utf-8") as file:
                return json.load(file)

    @contextlib.contextmanager
    def exchange_file(self, text):
        with tempfile.TemporaryDirectory(prefix="eqlab-bridge-") as folder:
            path = os.path.join(folder, "value.json")
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            yield path


def parse(line):
    parser = argparse.ArgumentParser(prog="%ts_start", add_help=False)
    parser.error = lambda message: (_ for _ in ()).throw(BridgeError(f"%ts_start: {message}"))
    parser.add_argument("--kernel", default=DEFAULT_KERNEL)
    parser.add_argument("--cwd", default=None)
    parser.add_argument("--env", action="append", default=[])
    parser.add_argument("--secret", action="append", default=[])
    options = vars(parser.parse_args(shlex.split(line)))
    pairs = [entry.partition("=") for entry in options["env"]]
    wrong = next((name for name, equals, _ in pairs if not (name and equals)), None)
    if wrong is not None:
        raise BridgeError("%ts_start --env: expected NAME=value; a value that is nobody else's business belongs in --secret NAME")
    return {**options, "env": {name: value for name, _, value in pairs}}


def read_secret(name):
    """A secret by name: Kaggle's, else the environment's. Its value is never part of a message."""
    value = None
    try:
        from kaggle_secrets import UserSecretsClient

        value = UserSecretsClient().get_secret(name)
    except Exception:  # not on Kaggle, or not attached to this notebook
        pass
    value = value or os.environ.get(name)
    if not value:
        raise BridgeError(
            f"secret {name}: expected it among the notebook's secrets, got none. On Kaggle: Add-ons > Secrets, add it and attach it to this notebook; elsewhere set the environment variable."
        )
    return value


def plain(value):
    """What JSON does not know: numpy and pandas values, sets, dates, paths."""
    if hasattr(value, "to_dict") and hasattr(value, "columns"):
        return value.to_dict("records")
    for name in ("tolist", "isoformat", "__fspath__"):
        if hasattr(value, name):
            return getattr(value, name)()
    if isinstance(value, (set, frozenset, tuple)):
        return list(value)
    raise TypeError("no JSON for it")


current = None


def load_ipython_extension(shell):
    global current
    if getattr(shell, "kernel", None) is None:
        raise BridgeError("eqlab_bridge: expected a Jupyter kernel, got a terminal IPython. Open a notebook.")
    if current is None:
        current = Bridge(shell)
        shell.register_magics(current)


def unload_ipython_extension(shell):
    global current
    if current is not None:
        current.unload()
        current = None
