/** What the cost is measured against; what each size means is in growth-point.mjs. A model's size is given by its hidden width. */
export const AXES = [
  { name: "model size", unit: "parameters", sizes: [128, 192, 256, 384, 512] },
  { name: "time", unit: "tokens in a row", sizes: [128, 256, 512, 1024] },
  { name: "batch", unit: "rows", sizes: [2, 4, 8, 16] },
  { name: "data rows", unit: "conversations packed in memory", sizes: [2000, 4000, 8000, 16000] },
  { name: "data rows, streamed", unit: "conversations", sizes: [2000, 4000, 8000, 16000] },
  { name: "samples", unit: "replies to one prompt", sizes: [4, 8, 16, 32] },
];
