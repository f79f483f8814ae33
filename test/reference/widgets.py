"""Stores what ipywidgets sends for each widget that src/kernel/widgets offers: python widgets.py > widgets.json (needs ipywidgets 8.1 only)."""
import json
import platform

import comm
from comm.base_comm import BaseComm

OPENED = []
SENT = []


class RecordedComm(BaseComm):
    """A comm whose messages are kept instead of sent."""

    def publish_msg(self, msg_type, data=None, metadata=None, buffers=None, **keys):
        message = {"type": msg_type, "target": keys.get("target_name"), "id": self.comm_id, "data": data, "metadata": metadata or {}}
        (OPENED if msg_type == "comm_open" else SENT).append(json.loads(json.dumps(message, default=str)))


comm.create_comm = RecordedComm

import ipywidgets  # noqa: E402
from ipywidgets.widgets import widget as widget_module  # noqa: E402

MAKERS = {
    "slider": lambda: ipywidgets.FloatSlider(description="temperature", min=0.5, max=10, step=0.1, value=2),
    "slider, whole numbers": lambda: ipywidgets.IntSlider(description="rank", min=1, max=64, step=1, value=8),
    "slider, logarithmic": lambda: ipywidgets.FloatLogSlider(description="rate", min=-5, max=-1, base=10, step=0.1, value=1e-3),
    "range": lambda: ipywidgets.FloatRangeSlider(description="between", min=0, max=1, step=0.1, value=(0.25, 0.75)),
    "range, whole numbers": lambda: ipywidgets.IntRangeSlider(description="between", min=0, max=10, step=1, value=(2, 5)),
    "dropdown": lambda: ipywidgets.Dropdown(description="model", options=["a", "b"], value="b"),
    "buttons": lambda: ipywidgets.ToggleButtons(description="model", options=["a", "b"], value="b"),
    "checkbox": lambda: ipywidgets.Checkbox(description="raw", value=True, indent=False),
    "button": lambda: ipywidgets.Button(description="Run"),
    "text": lambda: ipywidgets.Text(description="name", value="x", placeholder="y"),
    "textarea": lambda: ipywidgets.Textarea(description="name", value="x", placeholder="y", rows=4),
    "html": lambda: ipywidgets.HTML(value="<b>x</b>"),
    "progress": lambda: ipywidgets.FloatProgress(description="steps", min=0, max=10, value=3),
    "output": lambda: ipywidgets.Output(),
    "hbox": lambda: ipywidgets.HBox([]),
    "vbox": lambda: ipywidgets.VBox([]),
}


def record(make):
    """How a widget is opened: the styles it needs, and its own message; references to other models become the word for what they are."""
    OPENED.clear()
    made = make()
    names = {message["id"]: message["data"]["state"]["_model_name"] for message in OPENED}
    text = json.dumps(OPENED)
    for comm_id, name in names.items():
        text = text.replace(f"IPY_MODEL_{comm_id}", f"IPY_MODEL_<{name}>").replace(f'"id": "{comm_id}", ', "")
    *parts, own = json.loads(text)
    view = made._repr_mimebundle_()["application/vnd.jupyter.widget-view+json"]
    view.pop("model_id")
    return {"parts": [part["data"]["state"] for part in parts if part["data"]["state"]["_model_name"] != "LayoutModel"], "own": own, "view": view}


def exchange():
    """What a slider says after it is open."""
    OPENED.clear()
    SENT.clear()
    made = MAKERS["slider"]()
    made.value = 3
    made.comm.handle_msg({"content": {"data": {"method": "request_state"}}, "buffers": []})
    update, whole = (message["data"] for message in SENT)
    return {"update": update, "request_state": {**whole, "state": sorted(whole["state"])}}


def layout():
    OPENED.clear()
    ipywidgets.Layout()
    return OPENED[-1]


stored = {
    "made by": "test/reference/widgets.py",
    "versions": {
        "ipywidgets": ipywidgets.__version__,
        "protocol": widget_module.__protocol_version__,
        "control protocol": widget_module.__control_protocol_version__,
        "comm": comm.__version__,
        "python": platform.python_version(),
    },
    "layout": {key: value for key, value in layout().items() if key != "id"},
    "exchange": exchange(),
    "widgets": {name: record(make) for name, make in MAKERS.items()},
}
print(json.dumps(stored, indent=1, sort_keys=True))
