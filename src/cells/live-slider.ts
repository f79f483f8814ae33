/** A slider whose movement is computed and drawn anew in TypeScript. */

export type LiveSliderOptions = { label: string; min: number; max: number; step?: number; value: number };

/** As much as is needed here of the widgets that a kernel hangs on `globalThis`. */
type KernelWidgets = {
  slider(options: LiveSliderOptions): object;
  interact(inputs: { value: object }, draw: (values: { value: number }) => unknown): object;
};

/**
 * What `draw` makes of the value, below a slider that draws it anew. Under a kernel without widgets, or without any, there is nothing to move:
 * then it is the drawing at `value` alone.
 */
export function liveSlider(options: LiveSliderOptions, draw: (value: number) => unknown): unknown {
  const widgets = (globalThis as { [seam: symbol]: KernelWidgets | undefined })[Symbol.for("Jupyter.widgets")];
  if (!widgets) return draw(options.value);
  return widgets.interact({ value: widgets.slider(options) }, ({ value }) => draw(value));
}
