/** Whether two sides did the same work: by how much their results differ, and how much is allowed. */

/**
 * One entry for each kind of result that both have: `{what, difference, allowed, agrees}`.
 * `losses`: largest difference in proportion, over the steps that both made; `vectors` (numbers): largest difference over the root
 * mean square; `counts` and `tokens`: how many differ, of which none may.
 */
export function differences(ours, peer, tolerance) {
  const found = [];
  const add = (what, difference, allowed) => found.push({ what, difference, allowed, agrees: difference <= allowed });
  if (ours.losses && peer.losses) add("losses", lossDifference(ours.losses, peer.losses), tolerance.losses);
  if (ours.vectors && peer.vectors) add("vectors", vectorDifference(ours.vectors, peer.vectors), tolerance.vectors);
  if (ours.counts && peer.counts) {
    for (const [name, count] of Object.entries(peer.counts)) add(name, Math.abs(count - ours.counts[name]), 0);
  }
  if (ours.tokens && peer.tokens) add("tokens", tokenDifference(ours.tokens, peer.tokens), 0);
  return found;
}

export function lossDifference(ours, peer) {
  const steps = Math.min(ours.length, peer.length);
  if (steps === 0) return Number.POSITIVE_INFINITY;
  return Math.max(...ours.slice(0, steps).map((loss, i) => Math.abs(loss / peer[i] - 1)));
}

export function vectorDifference(ours, peer) {
  if (ours.length !== peer.length) return Number.POSITIVE_INFINITY;
  let [largest, squares] = [0, 0];
  for (let i = 0; i < peer.length; i++) {
    largest = Math.max(largest, Math.abs(ours[i] - peer[i]));
    squares += peer[i] ** 2;
  }
  return largest / Math.sqrt(squares / peer.length);
}

/** Places of all rows that hold another token, or none. */
export function tokenDifference(ours, peer) {
  const rows = Math.max(ours.length, peer.length);
  let count = 0;
  for (let row = 0; row < rows; row++) {
    const [a, b] = [ours[row] ?? [], peer[row] ?? []];
    for (let i = 0; i < Math.max(a.length, b.length); i++) count += a[i] === b[i] ? 0 : 1;
  }
  return count;
}
