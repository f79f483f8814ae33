/**
 * The models of widgets in the front end: Jupyter widgets protocol 2.1. One comm a model; its state goes both ways. What other clients of
 * the same kernel changed is not echoed to them (the protocol's optional `echo_update`).
 */
import type { CommRouter } from "../comms.js";
import type { Display } from "../display.js";

export type ModelState = { [name: string]: unknown };

/** What a widget does with what the front end sends. */
export type ModelHandlers = {
  /** The front end changed these parts; nothing is taken over unless the widget calls `take`. */
  update?(changes: ModelState): unknown;
  custom?(content: unknown): unknown;
};

/** One open model. */
export type Model = {
  readonly id: string;
  readonly state: Readonly<ModelState>;
  /** Changes the state on both sides. */
  set(changes: ModelState): void;
  /** Takes over what the front end has already. */
  take(changes: ModelState): void;
  /** Sends parts of the state again, where the front end has something else. */
  send(...names: string[]): void;
  close(): void;
};

/** Opens models, and answers a front end that asks for all of them, e.g. after a page was loaded anew. */
export type WidgetHost = {
  open(state: ModelState, handlers?: ModelHandlers): Model;
  readonly comms: CommRouter;
  /** For what stands beside widgets in a cell's output. */
  readonly display: Display;
};

const PROTOCOL = "2.1.0";
const CONTROL_PROTOCOL = "1.0.0";

export function createHost(comms: CommRouter, display: Display): WidgetHost {
  const models = new Map<string, Model>();
  comms.register("jupyter.widget.control", (comm, { metadata }) => {
    const version = String(metadata.version ?? CONTROL_PROTOCOL);
    if (major(version) !== major(CONTROL_PROTOCOL)) {
      throw new RangeError(`widget control protocol: expected ${CONTROL_PROTOCOL}, got ${version}`);
    }
    comm.onMessage(({ data }) => {
      if (fieldsOf(data).method === "request_states") comm.send({ method: "update_states", states: allStates(models), buffer_paths: [] });
    });
  });
  return { comms, display, open: (state, handlers = {}) => openModel(comms, models, state, handlers) };
}

function openModel(comms: CommRouter, models: Map<string, Model>, first: ModelState, handlers: ModelHandlers): Model {
  const comm = comms.open("jupyter.widget", { data: { state: first, buffer_paths: [] }, metadata: { version: PROTOCOL } });
  const state = { ...first };
  const send = (part: ModelState): void => comm.send({ method: "update", state: part, buffer_paths: [] });
  const model: Model = {
    id: comm.id,
    state,
    set(changes) {
      Object.assign(state, changes);
      send(changes);
    },
    take: (changes) => void Object.assign(state, changes),
    send: (...names) => send(Object.fromEntries(names.map((name) => [name, state[name]]))),
    close() {
      models.delete(comm.id);
      comm.close();
    },
  };
  models.set(comm.id, model);
  comm.onClose(() => models.delete(comm.id));
  comm.onMessage(({ data }) => {
    const { method, state: changes, content } = fieldsOf(data);
    if (method === "request_state") return send(state);
    if (method === "update" && typeof changes === "object" && changes !== null) return handlers.update?.(changes as ModelState);
    return method === "custom" ? handlers.custom?.(content) : undefined;
  });
  return model;
}

function allStates(models: Map<string, Model>): { [id: string]: object } {
  const entry = ({ state }: Model): object => ({
    model_name: state._model_name,
    model_module: state._model_module,
    model_module_version: state._model_module_version,
    state,
  });
  return Object.fromEntries([...models].map(([id, model]) => [id, entry(model)]));
}

type MessageFields = { method?: unknown; state?: unknown; content?: unknown };

const fieldsOf = (data: unknown): MessageFields => (typeof data === "object" && data !== null ? data : {});

const major = (version: string): string => version.split(".")[0]!;
