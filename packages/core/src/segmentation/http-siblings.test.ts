import { describe, expect, it } from 'vitest';
import { toolDoc } from '../decide.fixture.ts';
import type { ToolDoc } from '../wire/feed.ts';
import type { JsonObject } from '../wire/json.ts';
import { operationOf } from './http-operation.ts';
import { siblingArgument } from './http-siblings.ts';

const operation = (name: string, method: string, path: string): ToolDoc => {
  const parameters = [...path.matchAll(/\{(\w+)\}/g)].map(([, parameter = '']) => ({
    argument: parameter,
    in: 'path',
    name: parameter,
    type: 'string',
  }));
  const definition = { name, http: { method, path, parameters, answers: [], streams: false } };
  const doc = { ...toolDoc, name, definition };
  if (operationOf(definition) === undefined) throw new Error(`${name} is no operation`);
  return doc;
};

const getOrder = operation('getOrder', 'GET', '/orders/{id}');
const others = [
  getOrder,
  operation('exportOrders', 'GET', '/orders/export'),
  operation('purge', 'POST', '/orders/purge'),
  operation('line', 'GET', '/orders/{id}/lines/{line}'),
  operation('mine', 'GET', '/orders/mine/lines/{line}'),
  operation('last', 'GET', '/orders/{id}/lines/last'),
];
const siblings = (tool: ToolDoc, args: JsonObject) => siblingArgument(tool, others, args);

describe('an argument that spells another operation', () => {
  it.each<[JsonObject, string | undefined]>([
    [{ id: 'O-1' }, undefined],
    [{ id: 'export' }, 'id'],
    [{ id: 'EXPORT' }, 'id'],
    [{ id: 'exports' }, undefined],
    [{ id: 'purge' }, undefined],
    [{}, undefined],
  ])('getOrder %j: %s', (args, argument) => {
    expect(siblings(getOrder, args)).toBe(argument);
  });

  it('is found in any place, beside other arguments', () => {
    const line = others[3] as ToolDoc;
    expect(siblings(line, { id: 'O-1', line: '7' })).toBeUndefined();
    expect(siblings(line, { id: 'mine', line: '7' })).toBe('id');
    expect(siblings(line, { id: 'O-1', line: 'Last' })).toBe('line');
    expect(siblings(others[4] as ToolDoc, { line: 'last' })).toBe('line');
  });
});
