/** From what the sides said to the figures of a case: medians and ranges, ratios against each peer, agreement, goals. */
import { differences } from "./agreement.mjs";

/**
 * `given`: the case. `runs`: what each side said in each round, by the side's name. The result has `ours` and `peer` (the first one), `ratio` and
 * `memoryRatio` between them; further peers and further forms of ours stand in `others`, each with its ratios against ours or against the first peer.
 */
export function summary(given, runs) {
  const [peer, ours] = ["peer", "ours"].map((name) => figuresOf(runs[name], given.unit));
  const notSupported = notSupportedBecause(runs);
  if (notSupported) return { notSupported, peer, ours: null, ratio: null, memoryRatio: null, others: {}, agreement: [], goals: [] };
  const others = Object.fromEntries(
    given.sides
      .filter(({ name }) => name !== "peer" && name !== "ours")
      .map(({ name }) => {
        const figures = figuresOf(runs[name], given.unit);
        return [name, { ...figures, ...(name.startsWith("peer") ? ratios(ours, figures) : ratios(figures, peer)) }];
      }),
  );
  const { losses } = runs.ours[0].results;
  const result = {
    ours,
    peer,
    ...ratios(ours, peer),
    others,
    ...(losses ? { losses: { ours: losses, peer: runs.peer[0].results.losses } } : {}),
  };
  return { ...result, agreement: agreementOf(given, runs), goals: goalsOf(given, result) };
}

/** Ours over the peer's. In seconds, less is better. */
const ratios = (mine, theirs) => ({
  ratio: mine.speed.median / theirs.speed.median,
  memoryRatio: mine.peakBytes.median / theirs.peakBytes.median,
});

/** `null` where one round was not supported: then there is nothing to state. */
function figuresOf(said, unit) {
  if (said.some(({ unsupported }) => unsupported)) return null;
  const names = Object.keys(said[0].figures);
  return {
    speed: { unit, ...spread(said.map(({ speed }) => speed)) },
    peakBytes: spread(said.map(({ peakBytes }) => peakBytes)),
    ...Object.fromEntries(names.map((name) => [name, spread(said.map(({ figures }) => figures[name])).median])),
    chosen: said.map(({ chosen }) => chosen),
    tried: said[0].tried,
  };
}

export function spread(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length / 2;
  return { median: (sorted[Math.floor(half)] + sorted[Math.ceil(half) - 1]) / 2, min: sorted[0], max: sorted.at(-1) };
}

/** A library that does not know an option may pass over it in silence: then its first loss is the same to the last bit. */
function notSupportedBecause(runs) {
  const { unsupported, results } = runs.ours[0];
  if (unsupported) return unsupported;
  const plain = runs["ours, f32"]?.[0].results;
  if (plain && plain.losses[0] === results.losses[0])
    return "the option `precision` has no effect: the first loss equals that in f32 to the last bit";
  return null;
}

/** The largest difference of each kind between any side in any round and the first peer. */
function agreementOf({ sides, tolerance }, runs) {
  const worst = new Map();
  const reference = runs.peer[0].results;
  for (const { name } of sides) {
    for (const { results } of runs[name]) {
      for (const entry of differences(results, reference, tolerance)) {
        const before = worst.get(entry.what);
        if (!before || !(entry.difference <= before.difference)) worst.set(entry.what, { ...entry, side: name });
      }
    }
  }
  return [...worst.values()];
}

/** `{goal, found, met}` for each goal of the case. */
function goalsOf({ goals, unit }, result) {
  const { fractionOfMatmul, ...byPeer } = goals;
  const found = Object.entries(byPeer).flatMap(([name, { ratio, memoryRatio }]) => {
    const against = name === "peer" ? result : result.others[name];
    return [
      goal(`ratio to ${name}`, against.ratio, ratio, unit !== "s"),
      goal(`memory ratio to ${name}`, against.memoryRatio, memoryRatio, false),
    ];
  });
  found.push(goal("fraction of the matmul rate", result.ours.fractionOfMatmul ?? Number.NaN, fractionOfMatmul, true));
  return found.filter(({ wanted }) => wanted !== undefined).map(({ wanted, ...others }) => others);
}

function goal(name, found, wanted, atLeast) {
  return { goal: `${name} ${atLeast ? ">=" : "<="} ${wanted}`, found, met: atLeast ? found >= wanted : found <= wanted, wanted };
}
