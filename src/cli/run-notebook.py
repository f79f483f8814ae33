"""Runs one notebook under a Jupyter kernel and streams what it prints: run-notebook.py IN OUT KERNEL WORKING_FOLDER

Saves the notebook as far as it came, also when a cell fails (exit 1). Needs nbclient; `npm run setup` installs it into .venv.
"""

import os
import sys
import time

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError


class Streaming(NotebookClient):
    """Prints each cell's first line when it starts, and its text output as it comes."""

    began = time.time()
    shown = 0.0

    def say(self, text: str) -> None:
        print(text, flush=True)

    async def async_execute_cell(self, cell, cell_index, **options):
        if cell.cell_type == "code":
            first = next((line for line in cell.source.splitlines() if line.strip()), "")
            self.say(f"  [{time.time() - self.began:5.0f} s] cell {cell_index}: {first[:110]}")
        return await super().async_execute_cell(cell, cell_index, **options)

    def output(self, outs, msg, display_id, cell_index):
        if msg["header"]["msg_type"] == "stream":
            for line in msg["content"]["text"].rstrip("\n").split("\n"):
                self.say(f"           {line}")
        return super().output(outs, msg, display_id, cell_index)

    def process_message(self, msg, cell, cell_index):
        if msg["header"]["msg_type"] == "update_display_data":
            self.progress(msg["content"]["data"].get("text/plain", ""))
        return super().process_message(msg, cell, cell_index)

    def progress(self, text) -> None:
        """Progress bars are displays that are redrawn; here a line of one now and then."""
        if isinstance(text, str) and " · " in text and "\n" not in text and time.time() - self.shown > 5:
            self.shown = time.time()
            self.say(f"           {text}")


def save(notebook, path: str) -> None:
    nbformat.write(notebook, path + ".new")
    os.replace(path + ".new", path)


def main() -> int:
    source, target, kernel, folder = sys.argv[1:5]
    notebook = nbformat.read(source, as_version=4)
    client = Streaming(notebook, timeout=None, kernel_name=kernel, resources={"metadata": {"path": folder}})
    try:
        client.execute()
        return 0
    except CellExecutionError as error:
        print(str(error)[-3000:], file=sys.stderr)
        return 1
    finally:
        save(notebook, target)


sys.exit(main())
