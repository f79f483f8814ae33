// The four notebooks, each by "Run All Cells".

const MIMES = { table: "text/html", figure: "image/svg+xml", widget: "application/vnd.jupyter.widget-view+json" };

export async function checkNotebook(lab, report, name, least) {
  await lab.open(`${name}.ipynb`);
  await lab.menu("Run", "Run All Cells");
  const took = await lab.idle(420);
  const cells = (await lab.cells()).filter(({ cell_type }) => cell_type === "code");
  const outputs = cells.flatMap((cell) => cell.outputs);
  const errors = outputs.filter(({ output_type }) => output_type === "error");
  const typeErrors = outputs.filter(({ name, text }) => name === "stderr" && /error.*TS\d/.test([text].flat().join("")));
  report.check(
    `${name}: every cell ran`,
    cells.every(({ execution_count }) => execution_count > 0),
    `${cells.length} cells, ${took.toFixed(0)} s`,
  );
  report.check(`${name}: no error`, errors.length === 0, errors.map(({ ename, evalue }) => `${ename}: ${evalue}`).join("; "));
  report.check(`${name}: no type error`, typeErrors.length === 0, typeErrors.map(({ text }) => [text].flat().join("")).join(" "));
  for (const [kind, mime] of Object.entries(MIMES)) {
    const found = outputs.filter(({ data }) => data?.[mime]).length;
    report.check(`${name}: ${kind}s`, found >= (least[kind] ?? 0), `${found}`);
  }
  await lab.shots(name);
}
