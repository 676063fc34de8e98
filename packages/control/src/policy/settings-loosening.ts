/** Room: policy (S-2, S-3). Which figures of the settings became laxer: longer lives, more calls, fewer people, records that are less durable. */
import { injectionDefault, noLongerWithheld } from '@atf/core/data/injection';
import { essenceOf } from '@atf/core/data/own/own-detectors';
import { looserMemory } from '@atf/core/data/memory';
import { trustedFrom } from '@atf/core/segmentation/retrieval';
import { looserOutput } from '@atf/core/data/output/defaults';
import { looserReaders } from '@atf/core/data/readers';
import { noLongerNamed, raisesLess, sendsUninspected, sensitiveDefault } from '@atf/core/data/sensitive';
import { tokenHoursDefault } from '@atf/core/data/tokens';
import type { Rate } from '@atf/core/segmentation/rate';
import { widenedWords } from '@atf/core/identity/manifest-words';
import { figureOf, withFigure } from '@atf/core/segmentation/grants';
import { canonicalJson, type Json } from '@atf/core/wire/json';
import type { OwnDetector } from '@atf/core/wire/own-detectors';
import type { BoundaryOffer } from '@atf/core/wire/negotiation';
import type { Sensitive } from '@atf/core/wire/sensitive';
import { actionClasses, levels } from '@atf/core/wire/words';
import type { Settings } from './settings.ts';

/** More at once, or more in the long run, or no bound any more. */
function looserRate(name: string, was: Rate, is: Rate | undefined): string[] {
  const words = `${was.max} calls in ${was.perSeconds} s`;
  if (is === undefined) return [`settings ${name}: ${words} is no longer in it`];
  return is.max > was.max || is.max * was.perSeconds > was.max * is.perSeconds
    ? [`settings ${name}: ${words} become ${is.max} in ${is.perSeconds} s`]
    : [];
}

/** Principals may make more calls than before: where their rates follow what is usual, and where they no longer do. */
function looserFollowed(
  { callsFollowed: was, callsDefault: { principal } }: Settings,
  { callsFollowed: is }: Settings,
): string[] {
  if (is === undefined)
    return was === undefined
      ? []
      : ['settings callsFollowed: rates of Principals no longer follow what is usual'];
  if (was === undefined) return looserRate('callsFollowed', principal, { max: is.ceiling, perSeconds: 60 });
  return (['floor', 'ceiling'] as const).flatMap((bound) =>
    is[bound] > was[bound] ? [`settings callsFollowed.${bound}: ${was[bound]} becomes ${is[bound]}`] : [],
  );
}

/** The shared rates by name. A tool that is no longer named falls under the figure for every other tool. */
function sharedRates({ callsShared }: Settings): Map<string, Rate> {
  const { tools = {}, owner, fleet, tool } = callsShared;
  return new Map([
    ...Object.entries({ owner, fleet, tool }).flatMap(([name, rate]): [string, Rate][] =>
      rate === undefined ? [] : [[name, rate]],
    ),
    ...Object.entries(tools).map(([tool, rate]): [string, Rate] => [`tools.${tool}`, rate]),
  ]);
}

/** An offer that is new, about something else, to others, wider, longer or oftener. */
function looserOffer(was: BoundaryOffer | undefined, is: BoundaryOffer): string[] {
  const name = `settings negotiable ${is.name}`;
  const words = `${widenedWords(is)}; for ${is.minutesMax} minutes, ${is.timesPerDay} times a day`;
  if (was === undefined) return [`${name}: ${words} is new in it`];
  const about = ({ limit, domain }: BoundaryOffer) =>
    canonicalJson(JSON.parse(JSON.stringify({ domain, limit: limit && withFigure(limit, 0) })) as Json);
  const narrower =
    about(was) === about(is) &&
    (was.agents === undefined || (is.agents?.every((agent) => was.agents?.includes(agent)) ?? false)) &&
    (is.limit === undefined || was.limit === undefined || figureOf(is.limit) <= figureOf(was.limit)) &&
    is.minutesMax <= was.minutesMax &&
    is.timesPerDay <= was.timesPerDay;
  return narrower ? [] : [`${name}: it becomes ${words}`];
}

/** One plain sentence each. */
export function looserSettings(before: Settings, after: Settings): string[] {
  const says: string[] = [];
  const more = (name: string, was: number, is: number) => {
    if (is > was) says.push(`settings ${name}: ${was} becomes ${is}`);
  };
  for (const level of levels) {
    more(`tokenSeconds.${level}`, before.tokenSeconds[level], after.tokenSeconds[level]);
    says.push(...looserRate(`callsDefault.${level}`, before.callsDefault[level], after.callsDefault[level]));
  }
  says.push(...looserFollowed(before, after));
  const [was, is] = [sharedRates(before), sharedRates(after)];
  for (const [name, rate] of was) {
    const now = is.get(name) ?? (name.startsWith('tools.') ? is.get('tool') : undefined);
    says.push(...looserRate(`callsShared.${name}`, rate, now));
  }
  // A tool that is named has its own figure in place of the one for every other tool.
  const everyTool = was.get('tool');
  for (const [name, rate] of is)
    if (name.startsWith('tools.') && !was.has(name) && everyTool !== undefined)
      says.push(...looserRate(`callsShared.${name}`, everyTool, rate));
  for (const figure of ['depthMax', 'fanOutMax', 'callsMax'] as const)
    more(`cascade.${figure}`, before.cascade[figure], after.cascade[figure]);
  for (const offer of after.negotiable) {
    const known = before.negotiable.find(({ name }) => name === offer.name);
    says.push(...looserOffer(known, offer));
  }
  const [hid, hides] = [before.sensitive ?? sensitiveDefault, after.sensitive ?? sensitiveDefault];
  for (const level of levels)
    for (const id of noLongerNamed(hid.masked[level], hides.masked[level], before.detectors))
      says.push(`settings sensitive.masked.${level}: ${id} is no longer masked`);
  says.push(...looserTokens(hid, hides, after.detectors));
  for (const id of noLongerNamed(hid.neverSent, hides.neverSent, before.detectors))
    says.push(`settings sensitive.neverSent: ${id} may be sent`);
  for (const category of raisesLess(hid.raises, hides.raises))
    says.push(`settings sensitive.raises: a result with ${category} counts as less confidential`);
  for (const level of hid.uninspected?.withheld ?? [])
    if (hides.uninspected?.withheld.includes(level) !== true)
      says.push(`settings sensitive.uninspected.withheld: ${level} is no longer in it`);
  if (sendsUninspected(hides) && !sendsUninspected(hid))
    says.push('settings sensitive.uninspected.sent: bytes that nobody looked into may be sent');
  for (const level of noLongerWithheld(
    before.injection ?? injectionDefault,
    after.injection ?? injectionDefault,
  ))
    says.push(`settings injection.withheld: ${level} is given what looks like an injected order`);
  says.push(...looserDetectors(before.detectors, after.detectors));
  says.push(...looserReaders(before.readers, after.readers));
  says.push(...looserMemory(before.memory, after.memory));
  const [from, to] = [trustedFrom(before), trustedFrom(after)];
  if (to < from) says.push(`settings retrieval.trustedFrom: ${from} becomes ${to}`);
  says.push(...looserOutput(before.output, after.output));
  more('approvalSeconds', before.approvalSeconds, after.approvalSeconds);
  for (const action of actionClasses) {
    if (before.fourEyes.includes(action) && !after.fourEyes.includes(action))
      says.push(`settings fourEyes: ${action} is no longer in it`);
    if (!before.ownersMayApprove.includes(action) && after.ownersMayApprove.includes(action))
      says.push(`settings ownersMayApprove: ${action} is new in it`);
    if (before.replicated.includes(action) && !after.replicated.includes(action))
      says.push(`settings replicated: ${action} is no longer in it`);
  }
  return [...says, ...looserJudge(before.judge, after.judge)];
}

/** What is kept for people to reveal, for longer, or turned back for a tool. */
function looserTokens(was: Sensitive, is: Sensitive, own: Settings['detectors']): string[] {
  const kept = levels.flatMap((level) =>
    noLongerNamed(is.tokenised?.[level] ?? [], was.tokenised?.[level] ?? [], own).map(
      (id) => `settings sensitive.tokenised.${level}: ${id} is kept, and people may reveal it`,
    ),
  );
  const [before, hours] = [was, is].map(({ tokens }) => tokens?.hours ?? tokenHoursDefault) as [
    number,
    number,
  ];
  const longer = hours > before ? [`settings sensitive.tokens.hours: ${before} becomes ${hours}`] : [];
  const given = (is.tokens?.givenTo ?? []).flatMap(({ tool, argument, of }) => {
    const known = (was.tokens?.givenTo ?? []).filter(
      (each) => each.tool === tool && each.argument === argument,
    );
    return noLongerNamed(
      of,
      known.flatMap((each) => each.of),
      own,
    ).map((id) => `settings sensitive.tokens.givenTo: ${tool} is given ${id} in ${argument}`);
  });
  return [...kept, ...longer, ...given];
}

const serviceOf = (own: OwnDetector | undefined) =>
  own !== undefined && 'service' in own ? own.service : undefined;

/** One of the company's own that is gone or finds something else, more words are none; and every new place to which texts of calls go. */
function looserDetectors(before: Settings['detectors'], after: Settings['detectors']): string[] {
  const held = (own: OwnDetector) =>
    canonicalJson({ ...essenceOf(own), ...('dictionary' in own ? { dictionary: [] } : {}) });
  const gone = before.flatMap((was) => {
    const is = after.find(({ id }) => id === was.id);
    if (is === undefined) return [`settings detectors: ${was.id} is no longer in it`];
    const words = 'dictionary' in is ? new Set(is.dictionary) : undefined;
    const lost = 'dictionary' in was && was.dictionary.some((word) => words?.has(word) !== true);
    return lost || held(was) !== held(is) ? [`settings detectors: ${was.id} finds something else`] : [];
  });
  const told = after.flatMap((is) => {
    const service = serviceOf(is);
    const known = before.find(({ id }) => id === is.id);
    return service === undefined || service === serviceOf(known)
      ? []
      : [`settings detectors: texts of calls go to the service ${service}, for ${is.id}`];
  });
  return [...gone, ...told];
}

/** A judge that is gone, that need not answer, or another; and every new place to which words of tasks or arguments go. */
function looserJudge(was: Settings['judge'], is: Settings['judge']): string[] {
  if (is === undefined) return was === undefined ? [] : ['settings judge: nobody is asked any more'];
  const says: string[] = [];
  if (was?.url !== is.url) says.push(`settings judge: the words of tasks go to ${is.url}`);
  if (is.arguments && was?.arguments !== true) says.push('settings judge: arguments of calls go to it');
  if (was?.unanswered === 'refuse' && is.unanswered === 'ask')
    says.push('settings judge: without its answer a person may release a call');
  return says;
}
