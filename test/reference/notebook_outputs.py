"""What nbclient makes of a kernel's iopub messages: writes notebook_outputs.json. Needs nbclient and nbformat; versions are stored with the values.

Each entry of MESSAGES is (cell that caused it, type, content, buffers as text). The notebook is stored as nbformat writes it,
where adjacent pieces of one stream are put together, as notebook pages do.
"""

import json
from importlib.metadata import version
from pathlib import Path
from unittest.mock import MagicMock

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionComplete
from nbformat.v4 import new_code_cell, new_notebook

CELLS = 6


def display(text, display_id=None, **data):
    return {"data": {"text/plain": text, **data}, "metadata": {}, "transient": {"display_id": display_id} if display_id else {}}


def stream(text, name="stdout"):
    return {"name": name, "text": text}


def widget(comm_id, model, **state):
    full = {"_model_name": model, "_model_module": "@jupyter-widgets/controls", "_model_module_version": "2.0.0", **state}
    return {"comm_id": comm_id, "target_name": "jupyter.widget", "data": {"state": full, "buffer_paths": []}}


def update(comm_id, **state):
    return {"comm_id": comm_id, "data": {"method": "update", "state": state, "buffer_paths": []}}


MESSAGES = [
    (0, "status", {"execution_state": "busy"}),
    (0, "execute_input", {"code": "", "execution_count": 1}),
    (0, "stream", stream("one\ntwo")),
    (0, "stream", stream(" goes on\nform\x0cfeed\u2028and\r\nlines")),
    (0, "stream", stream("warned\n", "stderr")),
    (0, "stream", stream("after\n")),
    (0, "display_data", display("first\nlines", "a")),
    (0, "execute_result", {"data": {"text/plain": "3", "text/html": "<b>\n3</b>"}, "metadata": {"x": {"y": 1}}, "execution_count": 1}),
    (0, "status", {"execution_state": "idle"}),
    (1, "execute_input", {"code": "", "execution_count": 2}),
    (1, "update_display_data", display("second", "a", **{"application/json": {"b": [1, 2.5], "a": "x\ny"}})),
    (1, "display_data", display("third", "a", **{"image/png": "aGk=\n", "image/svg+xml": "<svg>\n</svg>", "application/javascript": "a\nb"})),
    (1, "update_display_data", display("nobody", "unknown")),
    (2, "execute_input", {"code": "", "execution_count": 3}),
    (2, "stream", stream("gone\n")),
    (2, "display_data", display("gone too", "b")),
    (2, "clear_output", {"wait": False}),
    (2, "update_display_data", display("not shown", "b")),
    (2, "stream", stream("stays\n")),
    (2, "clear_output", {"wait": True}),
    (2, "display_data", display("last", "b")),
    (2, "update_display_data", display("last, updated", "b")),
    (3, "execute_input", {"code": "", "execution_count": 4}),
    (3, "stream", stream("kept, nothing came after\n")),
    (3, "clear_output", {"wait": True}),
    (3, "error", {"ename": "RangeError", "evalue": "no\nsuch", "traceback": ["\u001b[31mRangeError\u001b[39m", "  cell 4, line 1"]}),
    (4, "execute_input", {"code": "", "execution_count": 5}),
    (4, "comm_open", {**widget("w1", "IntSliderModel", value=1), "data": {**widget("w1", "IntSliderModel", value=1, raw=None)["data"], "buffer_paths": [["raw"]]}}, ["abc"]),
    (4, "comm_msg", update("w1", value=5)),
    (4, "comm_msg", {"comm_id": "w1", "data": {"method": "custom", "content": {}}}),
    (4, "display_data", display("slider", None, **{"application/vnd.jupyter.widget-view+json": {"model_id": "w1", "version_major": 2}})),
    (5, "execute_input", {"code": "", "execution_count": 6}),
    (5, "comm_open", {**widget("area", "OutputModel", outputs=[], msg_id=""), "data": {"state": {"_model_name": "OutputModel", "_model_module": "@jupyter-widgets/output", "_model_module_version": "1.0.0", "outputs": [], "msg_id": ""}, "buffer_paths": []}}),
    (5, "stream", stream("outside\n")),
    (5, "comm_msg", update("area", msg_id="request-5")),
    (5, "stream", stream("in")),
    (5, "stream", stream("side\n")),
    (5, "display_data", display("inside")),
    (5, "clear_output", {"wait": True}),
    (5, "stream", stream("inside again\n")),
    (5, "comm_msg", update("area", msg_id="")),
    (5, "stream", stream("outside again\n")),
]


def message(cell, kind, content, buffers=()):
    return {
        "header": {"msg_type": kind},
        "msg_type": kind,
        "parent_header": {"msg_id": f"request-{cell}"},
        "metadata": {},
        "content": content,
        "buffers": [text.encode() for text in buffers],
    }


def merged(outputs):
    kept = []
    for output in outputs:
        if kept and output["output_type"] == kept[-1]["output_type"] == "stream" and output["name"] == kept[-1]["name"]:
            kept[-1]["text"] += output["text"]
        else:
            kept.append(output)
    return kept


def main():
    stored = [{"cell": m[0], "type": m[1], "content": m[2], "buffers": list(m[3]) if len(m) > 3 else []} for m in MESSAGES]
    stored = json.loads(json.dumps(stored))
    cells = [new_code_cell(id=f"cell-{i}") for i in range(CELLS)]
    client = NotebookClient(new_notebook(cells=cells), store_widget_state=True, record_timing=False)
    client.reset_execution_trackers()
    client.kc = MagicMock()
    before = None
    for entry in MESSAGES:
        if entry[0] != before:
            client.clear_before_next_output = False
        before = entry[0]
        try:
            client.process_message(message(*entry), client.nb.cells[entry[0]], entry[0])
        except CellExecutionComplete:
            pass
    client.set_widgets_metadata()
    for cell in client.nb.cells:
        cell.outputs = merged(cell.outputs)
    nbformat.validate(client.nb)
    versions = {name: version(name) for name in ("nbclient", "nbformat")}
    values = {"versions": versions, "messages": stored, "notebook": nbformat.writes(client.nb)}
    Path(__file__).with_suffix(".json").write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


main()
