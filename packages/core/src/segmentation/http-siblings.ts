/**
 * Room: segmentation (S-1). A path argument that spells a fixed part of another operation's path: `getOrder` with the id `export` is `GET /orders/export`, which most
 * services take for that other operation, and many whatever its letters. Pure.
 */
import type { ToolDoc } from '../wire/feed.ts';
import type { JsonObject } from '../wire/json.ts';
import { type HttpOperation, operationOf, parameterOf, templateSegments } from './http-operation.ts';

interface Shape {
  readonly http: HttpOperation;
  readonly parts: readonly string[];
}

// Definitions are never changed in place, so what follows from one can be kept as long as it lives.
const shapes = new WeakMap<object, Shape | null>();

function shapeOf({ definition }: ToolDoc): Shape | null {
  const known = shapes.get(definition);
  if (known !== undefined) return known;
  const http = operationOf(definition);
  const parts = http === undefined ? undefined : templateSegments(http.path);
  const shape = http === undefined || parts === undefined ? null : { http, parts };
  shapes.set(definition, shape);
  return shape;
}

/** HEAD is answered as GET is. */
const methodOf = ({ http: { method } }: Shape): string => (method === 'HEAD' ? 'GET' : method);

function spelled(own: Shape, other: Shape, args: JsonObject): string | undefined {
  if (own.parts.length !== other.parts.length || methodOf(own) !== methodOf(other)) return undefined;
  let found: string | undefined;
  for (const [at, part] of own.parts.entries()) {
    const fixed = other.parts[at] ?? '';
    if (parameterOf(fixed) !== undefined) continue;
    const name = parameterOf(part);
    const argument =
      name === undefined
        ? undefined
        : own.http.parameters.find((each) => each.in === 'path' && each.name === name)?.argument;
    const value = name === undefined ? part : argument === undefined ? '' : String(args[argument] ?? '');
    if (value.toLowerCase() !== fixed.toLowerCase()) return undefined;
    if (name !== undefined) found ??= argument;
  }
  return found;
}

/** The argument by which this call would be one of another operation of its service, also of one that is quarantined or gone. */
export function siblingArgument(
  tool: ToolDoc,
  others: readonly ToolDoc[],
  args: JsonObject,
): string | undefined {
  const own = shapeOf(tool);
  if (own === null || !own.parts.some((part) => parameterOf(part) !== undefined)) return undefined;
  for (const each of others) {
    const other = each.name === tool.name ? null : shapeOf(each);
    const argument = other === null ? undefined : spelled(own, other, args);
    if (argument !== undefined) return argument;
  }
  return undefined;
}
