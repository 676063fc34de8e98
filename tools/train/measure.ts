/** Figures of scores: area under the curve, recall, false positives, the threshold for a share of them. */

/** The chance that an attack scores above a harmless text; ties count half. */
export function areaUnderCurve(harmless: readonly number[], attacks: readonly number[]): number {
  const all = [
    ...harmless.map((score) => ({ score, attack: 0 })),
    ...attacks.map((score) => ({ score, attack: 1 })),
  ];
  all.sort((a, b) => a.score - b.score);
  let ranks = 0;
  for (let at = 0; at < all.length; ) {
    let end = at;
    while (end < all.length && all[end]?.score === all[at]?.score) end++;
    for (let each = at; each < end; each++) if (all[each]?.attack === 1) ranks += (at + end + 1) / 2;
    at = end;
  }
  return (ranks - (attacks.length * (attacks.length + 1)) / 2) / (attacks.length * harmless.length);
}

/** How many of the scores reach it: 0 to 1. */
export function shareFrom(scores: readonly number[], threshold: number): number {
  return scores.length === 0 ? 0 : scores.filter((score) => score >= threshold).length / scores.length;
}

/** The lowest value that at most this share of the scores exceeds. */
export function quantileAbove(scores: readonly number[], share: number): number {
  const sorted = [...scores].sort((a, b) => b - a);
  return sorted[Math.floor(sorted.length * share)] ?? Number.NEGATIVE_INFINITY;
}
