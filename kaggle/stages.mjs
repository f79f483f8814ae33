// The notebooks as Kaggle sees them: what each is called there, what it needs, what it leaves for the next.

/**
 * `needs`: stages whose output is attached; `gpu`: worth an accelerator (all train, embed or generate); `internet`: only where the
 * project's packages or a model are to be downloaded, so never by itself.
 */
export const STAGES = [
  { name: "01_sft", title: "eqlab 01 sft", needs: [], gpu: true },
  { name: "02_heads", title: "eqlab 02 heads", needs: [], gpu: true },
  { name: "03_dpo", title: "eqlab 03 dpo", needs: ["01_sft"], gpu: true },
  { name: "04_eqbench", title: "eqlab 04 eqbench", needs: ["01_sft", "02_heads", "03_dpo"], gpu: true },
];

/** Kaggle's names of the accelerators. Its CLI's list of September 2026 has no P100 any more; Kaggle refuses what it does not have. */
export const ACCELERATORS = { t4: "NvidiaTeslaT4", t4x2: "NvidiaTeslaT4Highmem", p100: "NvidiaTeslaP100", none: null };

export const PACK = { title: "eqlab pack", slug: "eqlab-pack" };
export const CARRIED = { title: "eqlab stages", slug: "eqlab-stages" };
