/** One bin of predictions: their mean confidence, the part that came true, how many they are. */
export type CalibrationBin = { confidence: number; accuracy: number; count: number };

export type Calibration = {
  /** Expected calibration error: the mean distance of confidence and what came true, weighted by count. */
  error: number;
  /** Bins that hold something, from unsure to sure. */
  bins: CalibrationBin[];
};

/** Sorts predictions into `bins` bins of equal width (Guo et al. 2017). `confidence` from 0 to 1; `came` 1 where it came true. */
export function calibration(confidence: ArrayLike<number>, came: ArrayLike<number>, bins = 15): Calibration {
  const sums = Array.from({ length: bins }, () => ({ confidence: 0, came: 0, count: 0 }));
  for (let i = 0; i < confidence.length; i++) {
    const bin = sums[Math.min(bins - 1, Math.floor(confidence[i]! * bins))]!;
    bin.confidence += confidence[i]!;
    bin.came += came[i]!;
    bin.count++;
  }
  const used = sums.filter(({ count }) => count > 0);
  return {
    error: used.reduce((sum, bin) => sum + Math.abs(bin.came - bin.confidence), 0) / Math.max(1, confidence.length),
    bins: used.map(({ confidence: sum, came: hits, count }) => ({ confidence: sum / count, accuracy: hits / count, count })),
  };
}
