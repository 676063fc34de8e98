/** What every measurement of the benchmark is: a name for `--only`, one line for whoever waits, and rows of the table beside its raw figures. */
export interface Row {
  readonly what: string;
  readonly reached: string;
  readonly wanted?: string;
  /** Whether what was wanted was reached. */
  readonly ok?: boolean;
}

export interface Asked {
  /** A second or so of each, to see that it measures something: for CI. Figures of it mean nothing. */
  readonly quick: boolean;
  /** Calls of one load. */
  readonly calls: number;
}

export interface Measured {
  /** Goes into the results as it is. */
  readonly raw: unknown;
  readonly rows: readonly Row[];
}

export interface Part {
  readonly name: string;
  /** What is about to be measured. */
  readonly says: string;
  measure(asked: Asked): Promise<Measured>;
}

/** Whole numbers with separators, others with three digits that count. */
export const number = (value: number): string =>
  Number.isInteger(value) || value >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3);

export const ms = (value: number): string => `${number(value)} ms`;
