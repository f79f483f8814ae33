/** Signatures that are remembered; a message repeated after so many others is not recognised. */
const REMEMBERED = 1 << 16;

/** Refuses a signed message that was already received: somebody may have recorded it. */
export class ReplayGuard {
  readonly #seen = new Set<string>();

  /** @throws RangeError where the signature was seen before. */
  admit(signature: string): void {
    if (this.#seen.has(signature)) throw new RangeError("message: expected a new one, got a repetition of one before");
    this.#seen.add(signature);
    if (this.#seen.size <= REMEMBERED) return;
    for (const oldest of this.#seen) {
      this.#seen.delete(oldest);
      break;
    }
  }
}
