/** One line a check; what fails is counted. */
export class Report {
  passed = 0;
  failed = 0;

  check(name, good, detail = "") {
    if (good) this.passed++;
    else this.failed++;
    console.log(`${good ? "ok  " : "FAIL"} ${name}${detail === "" ? "" : `: ${String(detail).replace(/\s+/g, " ").slice(0, 400)}`}`);
    return good;
  }

  note(text) {
    console.log(`     ${text}`);
  }

  /** What throws in `steps` is a failed check. */
  async section(name, steps) {
    console.log(`-- ${name}`);
    const began = Date.now();
    try {
      await steps();
    } catch (error) {
      this.check(`${name} to its end`, false, error.message);
    }
    this.note(`${((Date.now() - began) / 1000).toFixed(0)} s`);
  }
}
