/** The states that models start with: names, versions and fields exactly as ipywidgets 8.1 sends them. */
import type { ModelState } from "./host.js";

const BASE = { module: "@jupyter-widgets/base", version: "2.0.0" };
const CONTROLS = { module: "@jupyter-widgets/controls", version: "2.0.0" };
const OUTPUT = { module: "@jupyter-widgets/output", version: "1.0.0" };

type Package = { module: string; version: string };

/** A reference to another model. */
export const reference = ({ id }: { id: string }): string => `IPY_MODEL_${id}`;

function identity(model: Package, modelName: string, view: Package, viewName: string): ModelState {
  return {
    _model_module: model.module,
    _model_module_version: model.version,
    _model_name: modelName,
    _view_count: null,
    _view_module: view.module,
    _view_module_version: view.version,
    _view_name: viewName,
  };
}

const LAYOUT_FIELDS =
  "align_content align_items align_self border_bottom border_left border_right border_top bottom display flex flex_flow grid_area " +
  "grid_auto_columns grid_auto_flow grid_auto_rows grid_column grid_gap grid_row grid_template_areas grid_template_columns " +
  "grid_template_rows height justify_content justify_items left margin max_height max_width min_height min_width object_fit " +
  "object_position order overflow padding right top visibility width";

/** CSS of a widget's box; `null` leaves a property to the front end. */
export const layoutState = (changes: ModelState = {}): ModelState => ({
  ...identity(BASE, "LayoutModel", BASE, "LayoutView"),
  ...Object.fromEntries(LAYOUT_FIELDS.split(" ").map((name) => [name, null])),
  ...changes,
});

const TEXT_STYLE: ModelState = { background: null, description_width: "", font_size: null, text_color: null };

/** The fields of each style model. */
const STYLES = {
  ButtonStyle: {
    button_color: null,
    font_family: null,
    font_size: null,
    font_style: null,
    font_variant: null,
    font_weight: null,
    text_color: null,
    text_decoration: null,
  },
  CheckboxStyle: { background: null, description_width: "" },
  DescriptionStyle: { description_width: "" },
  HTMLStyle: TEXT_STYLE,
  ProgressStyle: { bar_color: null, description_width: "" },
  SliderStyle: { description_width: "", handle_color: null },
  TextStyle: TEXT_STYLE,
  ToggleButtonsStyle: { button_width: "", description_width: "", font_weight: "" },
} satisfies { [name: string]: ModelState };

export type StyleName = keyof typeof STYLES;

/** `initial` gives a label the room that it needs; the front end's own 80 pixels cut a word like "temperature". */
export function styleState(name: StyleName): ModelState {
  const fields: ModelState = STYLES[name];
  const width = "description_width" in fields ? { description_width: "initial" } : {};
  return { ...identity(CONTROLS, `${name}Model`, BASE, "StyleView"), ...fields, ...width };
}

const DOM = { _dom_classes: [], tabbable: null, tooltip: null };

/** A control without its layout, style and own fields. */
export const controlState = (name: string, view = name): ModelState => ({
  ...identity(CONTROLS, `${name}Model`, CONTROLS, `${view}View`),
  ...DOM,
});

export const outputState = (): ModelState => ({
  ...identity(OUTPUT, "OutputModel", OUTPUT, "OutputView"),
  ...DOM,
  msg_id: "",
  outputs: [],
});

/** What controls with a label have in common. The label is text: the front end escapes it. */
export const labelled = (label: string): ModelState => ({ description: label, description_allow_html: false, disabled: false });
