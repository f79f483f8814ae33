import { createComms } from "../../src/kernel/comms.js";
import { makeDisplay } from "../../src/kernel/display.js";
import type { CommMessage, MimeData } from "../../src/kernel/messages.js";
import { makeWidgets } from "../../src/kernel/widgets/widgets.js";

type State = { [name: string]: unknown };

/** A front end that keeps the state of every model and the outputs of one cell, as JupyterLab does. */
export function startFrontEnd() {
  const sent: CommMessage[] = [];
  const errors: unknown[] = [];
  const models = new Map<string, State>();
  const comms = createComms({
    report: (error) => errors.push(error),
    send(message) {
      sent.push(structuredClone(message));
      const data = message.data as { state?: State; method?: string };
      if (message.type === "open") models.set(message.commId, { ...data.state });
      if (message.type === "close") models.delete(message.commId);
      if (message.type === "message" && data.method === "update") Object.assign(models.get(message.commId)!, data.state);
    },
  });
  const cell: { data: MimeData; id: string | undefined }[] = [];
  const { display, publish, settled } = makeDisplay(({ data, displayId: id, update }) => {
    for (const output of cell) if (id !== undefined && output.id === id) output.data = data;
    if (!update) cell.push({ data, id });
  });
  const tell = (commId: string, data: unknown): Promise<void> =>
    comms.receive({ type: "message", commId, data, metadata: {}, buffers: [] });
  return {
    widgets: makeWidgets(comms, display),
    display,
    publish,
    settled,
    /** What the file of the notebook would keep: text/plain of each output. */
    cell: (): unknown[] => cell.map(({ data }) => data["text/plain"]),
    /** The widgets in the cell's outputs. */
    views: () => cell.flatMap(({ data }) => (data["application/vnd.jupyter.widget-view+json"] as { model_id: string } | undefined) ?? []),
    comms,
    sent,
    errors,
    models,
    tell,
    state: (widget: { id: string }): State => models.get(widget.id)!,
    /** The user moves a widget. */
    update(widget: { id: string }, state: State): Promise<void> {
      Object.assign(models.get(widget.id)!, state);
      return tell(widget.id, { method: "update", state, buffer_paths: [] });
    },
    custom: (widget: { id: string }, content: unknown): Promise<void> => tell(widget.id, { method: "custom", content }),
    /** What stands in an output area: text/plain, or the error's text. */
    content(widget: { id: string }): unknown[] {
      const outputs = models.get(widget.id)!.outputs as { data?: State; ename?: string; evalue?: string }[];
      return outputs.map(({ data, ename, evalue }) => data?.["text/plain"] ?? `${ename}: ${evalue}`);
    },
  };
}
