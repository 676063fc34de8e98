/**
 * Room: data (D-2, D-4). A linear model over hashed n-grams, and its file. It says how much a text looks like the texts of its training, nothing else: its score is a
 * label, never a permission. What it cannot see stands in its card (docs/models/).
 *
 * The cost is a fixed one per character, so any text of bounded length has a bounded time; bodies are bounded by the caller.
 */
import { eachBlock, type GramSet, gramsAll } from './grams.ts';
import { Segments } from './segments.ts';

export interface Thresholds {
  /** From here a text is labelled: at most 5 % of ordinary texts. */
  readonly label: number;
  /** From here it may be refused: at most 1 % of ordinary texts. */
  readonly block: number;
}

export interface Model {
  readonly thresholds: Thresholds;
  /** Of the rows that it was trained on: hexadecimal SHA-256. */
  readonly trainedOn: string;
  /** 0 to 1: of the segment that looks worst. A text without letters has 0. Takes a normalised text. */
  score(text: string): number;
}

/** What a file holds. */
export interface ModelParts extends GramSet {
  readonly weights: Int8Array;
  /** What one step of a weight is worth. */
  readonly step: number;
  /** score = 1 / (1 + exp(-(slope × best segment + offset))) */
  readonly slope: number;
  readonly offset: number;
  readonly thresholds: Thresholds;
  readonly trainedOn: string;
}

const magic = 0x4154464d;
const version = 1;
const headerLength = 88;
const dimensionBitsMin = 8;
/** 512 KB. */
const dimensionBitsMax = 19;

export class ModelFileError extends Error {
  constructor(problem: string) {
    super(`not a model of ATF: ${problem}`);
  }
}

export function makeModel(parts: ModelParts): Model {
  const { weights, step, slope, offset, thresholds, trainedOn } = parts;
  return {
    thresholds,
    trainedOn,
    score(text) {
      const segments = new Segments();
      eachBlock(text, parts, (slots, count) => {
        let sum = 0;
        for (let at = 0; at < count; at++) sum += weights[slots[at] as number] as number;
        segments.push(sum, count);
      });
      if (segments.blocks === 0) return 0;
      return 1 / (1 + Math.exp(-(slope * step * segments.end() + offset)));
    },
  };
}

/**
 * The file: magic "ATFM", version, n-grams, dimension (two to this power), seed, then as 64-bit numbers step, slope, offset, label and block threshold, then SHA-256 of the training
 * rows, then the weights. Big-endian.
 */
export function encodeModel(parts: ModelParts): Uint8Array {
  const bytes = new Uint8Array(headerLength + parts.weights.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, magic);
  view.setUint16(4, version);
  view.setUint8(6, parts.grams);
  view.setUint8(7, parts.dimensionBits);
  view.setInt32(8, parts.seed);
  view.setUint32(12, 0);
  const { step, slope, offset, thresholds } = parts;
  for (const [at, value] of [step, slope, offset, thresholds.label, thresholds.block].entries())
    view.setFloat64(16 + at * 8, value);
  for (let at = 0; at < 32; at++)
    view.setUint8(56 + at, Number.parseInt(parts.trainedOn.slice(at * 2, at * 2 + 2), 16));
  bytes.set(
    new Uint8Array(parts.weights.buffer, parts.weights.byteOffset, parts.weights.length),
    headerLength,
  );
  return bytes;
}

/** @throws {ModelFileError} for whatever `encodeModel` does not write */
export function parseModel(bytes: Uint8Array): Model {
  if (bytes.length < headerLength) throw new ModelFileError(`${bytes.length} bytes are too few`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint32(0) !== magic) throw new ModelFileError('it does not begin as one');
  if (view.getUint16(4) !== version)
    throw new ModelFileError(`version ${view.getUint16(4)} is not ${version}`);
  const [set, dimensionBits] = [view.getUint8(6), view.getUint8(7)];
  if (set === 0 || set > gramsAll) throw new ModelFileError('it counts n-grams that are not known');
  if (dimensionBits < dimensionBitsMin || dimensionBits > dimensionBitsMax)
    throw new ModelFileError(`its dimension is 2^${dimensionBits}`);
  if (view.getUint32(12) !== 0) throw new ModelFileError('its reserved bytes are not 0');
  if (bytes.length !== headerLength + 2 ** dimensionBits)
    throw new ModelFileError('it has not as many bytes as its dimension says');
  const [step = 0, slope = 0, offset = 0, label = 0, block = 0] = [0, 1, 2, 3, 4].map((at) =>
    view.getFloat64(16 + at * 8),
  );
  if (!(step > 0 && slope > 0 && step < 1e6 && slope < 1e6 && Math.abs(offset) < 1e6))
    throw new ModelFileError('its scale is none');
  if (!(label > 0 && label <= block && block < 1)) throw new ModelFileError('its thresholds are none');
  return makeModel({
    grams: set,
    dimensionBits,
    seed: view.getInt32(8),
    step,
    slope,
    offset,
    thresholds: { label, block },
    trainedOn: [...bytes.subarray(56, headerLength)]
      .map((each) => each.toString(16).padStart(2, '0'))
      .join(''),
    // A copy: whoever gave the bytes may write to them.
    weights: new Int8Array(bytes.subarray(headerLength)),
  });
}
