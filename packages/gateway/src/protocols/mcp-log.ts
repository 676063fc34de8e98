/**
 * Log messages of tool servers (MCP, logging). They are content like a result is: bounded, recorded with the result of the call that they belong to, and
 * given to the agent only then, and only from the level on that it asked for.
 */
import { isJsonObject, type Json, type JsonObject } from '@atf/core/wire/json';
import { fits } from './mcp-bounds.ts';

/** RFC 5424, least severe first. */
export const logLevels = [
  'debug',
  'info',
  'notice',
  'warning',
  'error',
  'critical',
  'alert',
  'emergency',
] as const;
export type LogLevel = (typeof logLevels)[number];

/** Of one call; what a server says beyond is dropped. */
export const logMessagesMax = 100;
const messageBytesMax = 8_192;
const depthMax = 16;
const valuesMax = 1_000;
const loggerLengthMax = 128;

export const logLevelOf = (value: Json | undefined): LogLevel | undefined =>
  logLevels.find((level) => level === value);

/** One message as it may be kept: the members that MCP names, or undefined when it is no such message or is too large. */
export function logMessage(said: JsonObject, from: LogLevel): JsonObject | undefined {
  const level = logLevelOf(said['level']);
  const { data, logger } = said;
  if (level === undefined || data === undefined || logLevels.indexOf(level) < logLevels.indexOf(from))
    return undefined;
  if (!fits(data, depthMax, valuesMax) || Buffer.byteLength(JSON.stringify(data)) > messageBytesMax)
    return undefined;
  const named = typeof logger === 'string' && logger.length <= loggerLengthMax ? { logger } : {};
  return { level, ...named, data };
}

/** Collects what one call may keep. */
export function logOfCall(): {
  readonly add: (message: JsonObject) => void;
  readonly all: readonly JsonObject[];
} {
  const all: JsonObject[] = [];
  return {
    all,
    add: (message) => {
      if (all.length < logMessagesMax) all.push(message);
    },
  };
}

/** The parameters of a notification that a server sent. */
export const paramsOf = (value: unknown): JsonObject =>
  isJsonObject(value as Json) ? (value as JsonObject) : {};
