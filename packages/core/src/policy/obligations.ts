/** Room: policy. What a policy says is owed when it permits: the words of its `@obligation`. */
export function obligationWords({ obligation }: Readonly<Record<string, string>>): string[] {
  return obligation === undefined ? [] : obligation.split(' ').filter((word) => word !== '');
}
