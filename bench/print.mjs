/** A result as lines for people. */

export function printResult(result) {
  const { machine, loads, peer, ours, others, agreement, goals, notSupported, unit } = result;
  const memory = (machine.memoryBytes / 2 ** 30).toFixed(0);
  console.log(`\n${result.case}: ${result.about}\n${machine.cpu}, ${machine.cores} cores, ${memory} GiB, load ${loads.join(" ")}`);
  printSide("peer", peer);
  if (notSupported) {
    console.log(`ours: not supported: ${notSupported}`);
    return;
  }
  printSide("ours", { ...ours, ratio: result.ratio, memoryRatio: result.memoryRatio });
  for (const [name, figures] of Object.entries(others)) printSide(name, figures);
  if (unit === "s") console.log("in seconds, less is better");
  if (result.losses)
    for (const side of ["ours", "peer"]) console.log(`losses, ${side}: ${result.losses[side].map((loss) => loss.toFixed(4)).join(" ")}`);
  for (const { what, difference, allowed, agrees, side } of agreement)
    console.log(`${agrees ? "agrees" : "DIFFERS"}: ${what} by at most ${difference.toExponential(1)} (${side}; allowed ${allowed})`);
  for (const { goal, found, met } of goals) console.log(`${met ? "met" : "missed"}: ${goal}, found ${found.toFixed(2)}`);
}

/** `figures`: further numbers, by name. */
function printSide(name, { speed, peakBytes, ratio, memoryRatio, chosen, tried, ...figures }) {
  const digits = speed.median < 100 ? 2 : 0;
  const range = `${speed.median.toFixed(digits)} ${speed.unit} (${speed.min.toFixed(digits)} to ${speed.max.toFixed(digits)})`;
  const compared = ratio === undefined ? "" : `, ratio ${ratio.toFixed(2)}, memory ratio ${memoryRatio.toFixed(2)}`;
  console.log(`${name}: ${range}, peak ${(peakBytes.median / 1e9).toFixed(2)} GB${compared}`);
  for (const [key, value] of Object.entries(figures)) console.log(`  ${key} ${value.toFixed(2)}`);
  console.log(`  chosen ${JSON.stringify(chosen.at(-1))}`);
  if (Object.keys(tried).length > 0) console.log(`  seconds of what was tried ${JSON.stringify(tried)}`);
}
