import type { CommMessage } from "../messages.js";
import type { Message } from "../wire.js";
import { append, type Output } from "./file.js";

type State = { [name: string]: unknown };
type StoredBuffer = { data: string; encoding: "base64"; path: unknown[] };

/**
 * The widgets of a notebook that runs without a page: keeps their states for the file, and plays the part of the page for output areas,
 * which take the output of the request that they name.
 */
export class NotebookWidgets {
  readonly #states = new Map<string, State>();
  readonly #buffers = new Map<string, Map<string, StoredBuffer>>();
  readonly #areas = new Map<string, { outputs: Output[]; request: string; clearing: boolean }>();
  /** Output areas by the request whose output they take; the last one takes it. */
  readonly #takers = new Map<string, string[]>();
  readonly #send: (message: CommMessage) => void;

  /** `send` tells the kernel what an output area shows. */
  constructor(send: (message: CommMessage) => void) {
    this.#send = send;
  }

  /** Takes a `comm_open`, `comm_msg` or `comm_close`. */
  hear(message: Message): void {
    const { comm_id: id, target_name: target, data } = message.content as { comm_id: string; target_name?: string; data?: State };
    const update = data?.state as State | undefined;
    const opens = message.header.msg_type === "comm_open" && target === "jupyter.widget";
    if (!update || !(opens || this.#states.has(id))) return;
    this.#states.set(id, { ...this.#states.get(id), ...update });
    this.#keepBuffers(id, (data?.buffer_paths ?? []) as unknown[][], message.buffers);
    if (opens && update._model_name === "OutputModel") {
      this.#areas.set(id, { outputs: [...((update.outputs ?? []) as Output[])], request: "", clearing: false });
    }
    if (typeof update.msg_id === "string") this.#take(id, update.msg_id);
  }

  /** Puts an output into the area that takes it. False where none does. */
  output(message: Message, output: Output): boolean {
    const [id, area] = this.#areaFor(message);
    if (!area) return false;
    if (area.clearing) area.outputs = [];
    area.clearing = false;
    append(area.outputs, output);
    this.#show(id, area.outputs);
    return true;
  }

  /** Clears the area that takes the output. False where none does. */
  clear(message: Message): boolean {
    const [id, area] = this.#areaFor(message);
    if (!area) return false;
    area.clearing = Boolean(message.content.wait);
    if (area.clearing) return true;
    area.outputs = [];
    this.#show(id, area.outputs);
    return true;
  }

  /** The notebook's `metadata.widgets`; undefined where there were none. */
  metadata(): { [mime: string]: unknown } | undefined {
    if (this.#states.size === 0) return undefined;
    const models = [...this.#states].filter(([, state]) => "_model_name" in state);
    const state = models.map(([id, state]) => {
      const buffers = [...(this.#buffers.get(id)?.values() ?? [])];
      const { _model_name: model_name, _model_module: model_module, _model_module_version: model_module_version } = state;
      return [id, { model_name, model_module, model_module_version, state, ...(buffers.length > 0 && { buffers }) }];
    });
    return { "application/vnd.jupyter.widget-state+json": { state: Object.fromEntries(state), version_major: 2, version_minor: 0 } };
  }

  #keepBuffers(id: string, paths: unknown[][], buffers: Uint8Array[]): void {
    const kept = this.#buffers.get(id) ?? new Map<string, StoredBuffer>();
    for (const [i, path] of paths.entries()) {
      const buffer = buffers[i];
      if (buffer) kept.set(JSON.stringify(path), { data: Buffer.from(buffer).toString("base64"), encoding: "base64", path });
    }
    if (kept.size > 0) this.#buffers.set(id, kept);
  }

  /** Area `id` takes the output of `request` from now on; of none where it is empty. */
  #take(id: string, request: string): void {
    const area = this.#areas.get(id);
    if (!area) return;
    const before = this.#takers.get(area.request) ?? [];
    const last = before.lastIndexOf(id);
    if (last >= 0) before.splice(last, 1);
    area.request = request;
    if (request) this.#takers.set(request, [...(this.#takers.get(request) ?? []), id]);
  }

  #areaFor(message: Message): [string, { outputs: Output[]; clearing: boolean } | undefined] {
    const id = this.#takers.get(message.parent?.msg_id ?? "")?.at(-1) ?? "";
    return [id, this.#areas.get(id)];
  }

  #show(id: string, outputs: Output[]): void {
    this.#states.set(id, { ...this.#states.get(id), outputs });
    const data = { method: "update", state: { outputs }, buffer_paths: [] };
    this.#send({ type: "message", commId: id, data, metadata: {}, buffers: [] });
  }
}
