/** Room: policy. What a policy says is owed when it permits: the words of its `@obligation`. */
export const obligationWords = (annotations: Readonly<Record<string, string>>): string[] =>
  (annotations['obligation'] ?? '').split(' ').filter((word) => word !== '');
