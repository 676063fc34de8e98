/**
 * Room: conformance. What this version of ATF proves of the 25 requirements: `proved` (everything the requirement says is there and shown through the
 * front door), `partly`, `not_yet`. Each row names its tests as `file › title`; a test checks that they exist. Honest or useless.
 */
import type { ConformanceRow } from '@atf/core/wire/api';
import type { RequirementId } from '@atf/core/requirements';

export interface Status {
  readonly status: ConformanceRow['status'];
  readonly says: string;
  readonly tests: readonly string[];
}

const governed = (title: string) => `tests/e2e/governed.test.ts › ${title}`;
const declared = (title: string) => `tests/e2e/declared.test.ts › ${title}`;
const stops = (title: string) => `tests/e2e/stops.test.ts › ${title}`;
const hostile = (title: string) => `tests/e2e/hostile.test.ts › ${title}`;

const nothing = (says: string): Status => ({ status: 'not_yet', says, tests: [] });

export const statuses: Readonly<Record<RequirementId, Status>> = {
  'I-1': {
    status: 'proved',
    says: 'Every agent and every instance has a UUID that control gives once; it stands in the token, in each record, and in the SPIFFE id.',
    tests: [
      declared('live as long as the level allows, and the record says how they were proved'),
      'packages/control/src/identity/identity.test.ts',
    ],
  },
  'I-2': {
    status: 'proved',
    says: 'Access tokens are bound to the P-256 key of the instance and every request proves it; a plain bearer token reads as Intern at most. Attestation and hardware keys are recorded as wanted, not verified.',
    tests: [
      hostile('none, forged, stolen, replayed, or for another request: all refused, nothing runs'),
      governed('reads as Intern at most; other levels are not given one'),
    ],
  },
  'I-3': {
    status: 'proved',
    says: 'Owner, technical owner and business owner are registered people, kept apart where the framework says so; the responsible one stands in each record.',
    tests: [
      declared('live as long as the level allows, and the record says how they were proved'),
      'packages/control/src/identity/identity.test.ts',
    ],
  },
  'I-4': {
    status: 'proved',
    says: 'Purpose, domain and data domains are in the manifest; a tool outside the domains is refused although it is on the list.',
    tests: [governed('acts in its domain and is refused outside, although the tool is on its list')],
  },
  'I-5': {
    status: 'partly',
    says: 'The manifest lists capabilities and tools in a published schema, and its digest is the version identity. Capabilities in words are not yet compared with what the agent does.',
    tests: ['packages/control/src/identity/identity.test.ts'],
  },
  'B-1': {
    status: 'proved',
    says: 'Each decision and each outcome is a JSON record, durable before anything happens, in a verifiable log.',
    tests: [
      governed('is refused a write with a reason that a model and a person can read, and nothing happens'),
      'tests/e2e/crash.test.ts › every acknowledged record is in the log, which verifies, and nothing was released twice',
    ],
  },
  'B-2': {
    status: 'proved',
    says: 'Each record names agent, version, instance, session, credential and the responsible person.',
    tests: [declared('live as long as the level allows, and the record says how they were proved')],
  },
  'B-3': nothing('No baselines yet.'),
  'B-4': nothing('No anomaly detection yet.'),
  'B-5': {
    status: 'partly',
    says: "Each record holds every check with its reason, the policies and the facts, so that the gateway's decision can be explained and replayed. The agent's own rationale is not asked for yet.",
    tests: [
      governed('is refused a write with a reason that a model and a person can read, and nothing happens'),
    ],
  },
  'D-1': {
    status: 'proved',
    says: "Requests are parsed strictly and arguments are checked against the tool's accepted JSON Schema before anything runs.",
    tests: [
      governed('is refused arguments outside the schema, without echoing them'),
      hostile('%s is refused and nothing runs'),
    ],
  },
  'D-2': {
    status: 'partly',
    says: 'What an agent reads, streams too, is looked at for injected orders, decoded, by models with published figures: labelled, bound by the rules about untrusted content, and withheld from Intern and Junior. Definitions of tools are looked at when they are registered and when they change. Retrieval sources have a figure of trust, below which what they answer counts as untrusted. Bare polite requests are not found; where values come from stops what they cause.',
    tests: [
      'tests/e2e/injection.test.ts',
      'tests/e2e/streams.test.ts',
      'tests/e2e/poisoned-tools.test.ts',
      'tests/e2e/retrieval.test.ts',
    ],
  },
  'D-3': {
    status: 'partly',
    says: 'Secrets, cards, numbers of persons, health numbers, what settings describe and what a service or a model of the company finds are found and masked by level in results and in what tool servers ask, and refused in what is sent, also where a service reads them in pictures and sound; what a session has read counts as confidential as what was found in it, where settings say so. A property test finds nothing that was masked in any store, on the embedded database and on PostgreSQL. Names and places are not found by what ships.',
    tests: [
      'tests/e2e/sensitive.test.ts',
      'tests/e2e/sensitive-settings.test.ts',
      'tests/e2e/own-services.test.ts',
      'tests/e2e/streams.test.ts',
      'tests/e2e/tokens.test.ts',
      'tests/masking/masking.test.ts',
    ],
  },
  'D-4': {
    status: 'partly',
    says: "Results are bounded and checked against the tool's output schema where it has one. What agents send and write is held to thresholds for insults, to links that carry no data, and to the company's own rules; what is flagged is shown to a person first. What an Intern reads, what was flagged, what a Junior did on doubtful input and samples of changes are put before people, who confirm what they were shown. Whether it is true is not judged.",
    tests: [
      'tests/e2e/output.test.ts',
      'packages/control/src/approvals/reviews.test.ts',
      'packages/gateway/src/pipeline.test.ts',
    ],
  },
  'D-5': {
    status: 'partly',
    says: 'Each record names the call whose result held a deciding value; where a call came from, what a tool or document has touched, and which records hold a value is answered from the log, drawn, and exported as PROV-JSON. What a session has read has labels, kept by control. What changes stored data beside ATF is not seen.',
    tests: [
      'tests/e2e/lineage.test.ts › names the call whose result held the value, and the tool behind it',
      'tests/e2e/lineage.test.ts › of a tool: who read it, what was done with its values, and where they went',
      'tests/e2e/flow.test.ts › both, sends only what a person releases, who is told of both',
      'tests/e2e/provenance.test.ts',
    ],
  },
  'S-1': {
    status: 'proved',
    says: 'Tools are registered, pinned by definition and listed by name for each agent; what is not listed, or has changed, is refused. Of tools that take SQL, tables, operations and columns are.',
    tests: [
      governed('is refused a tool that is not on its list'),
      'tests/e2e/sql.test.ts › what is no plain query is refused, and nothing of it reaches the database',
      'tests/e2e/faults.test.ts › a renamed tool is gone under the old name and quarantined under the new one',
      'tests/golden/levels.test.ts',
    ],
  },
  'S-2': {
    status: 'proved',
    says: 'What a level may do is policy: a golden grid of level and class is checked in, and guardrails hold whatever a person approves; hours, weekdays and dates bound when a tool may be used. A new version binds the next call; what it loosens is computed and takes two people.',
    tests: [
      'tests/e2e/policy.test.ts › changes the next call of a connected agent, and says before whose rights vanish',
      'tests/e2e/policy.test.ts › goes back by the same rules: what it loosens takes a second person',
      governed('is refused a write with a reason that a model and a person can read, and nothing happens'),
      'tests/golden/levels.test.ts',
    ],
  },
  'S-3': {
    status: 'partly',
    says: 'Rates per agent and tool, and rates that all agents of an owner, of the fleet or of one tool share, are enforced before the call. The database allocates them to all gateways in short leases; without it nothing new is admitted, and a crash resets nothing. What an agent usually calls in an hour is known from its records; above twice of that it is throttled and people are told. The rate of a Principal follows what is usual where settings say so, and it may widen a limit for a time where policy offers it; other limits do not adapt.',
    tests: [
      declared('asks a person at its checkpoint, keeps to its rate, and is stopped by whom it names'),
      'tests/e2e/shared-limits.test.ts › all agents of one owner, and all who call one tool, come out of one budget',
      'tests/e2e/adaptive.test.ts › the rate of a Principal begins with no more than it had; its instances share it; people see it',
      'tests/e2e/adaptive.test.ts › above twice of it the agent is throttled, told when to come back, and people are told',
      'packages/core/src/segmentation/rate.test.ts',
    ],
  },
  'S-4': {
    status: 'partly',
    says: 'The amount of one call is limited and refused above, unreadable amounts too. A recipient, an object or an amount that only an untrusted text suggested waits for a person, who sees the source. Once a session has read something private and something untrusted, what it sends waits as well. What is read from one retrieval index is not brought together with what is read from another. What all calls together move in an hour, a day or a task is limited as well (S-5). Risk does not adjust limits yet.',
    tests: [
      governed('refunds within its limit, people are told what and why; above it is refused with the reason'),
      'tests/e2e/provenance.test.ts',
      'tests/e2e/flow.test.ts',
      'tests/e2e/retrieval.test.ts',
    ],
  },
  'S-5': {
    status: 'partly',
    says: 'Money, records and calls of an hour, a day or a task are limited, and calls at one time: reserved before the call by one allocator for all gateways, settled after, given back on failure, kept over crashes. Agents start others in chains whose depth, width and calls are bounded; what one does for another is permitted to both, and ends when either is stopped. Limits do not adapt to behaviour yet.',
    tests: [
      'tests/e2e/totals.test.ts › admits what the total says of many calls at once from several instances, and gives back what failed',
      'tests/e2e/totals.test.ts › is not reset when %s crashes',
      'tests/e2e/delegation.test.ts › are as deep, as wide and as busy as the smallest figure says',
      'tests/e2e/delegation.test.ts › stops the next call of the agent below, and a new one is not to be had',
      'tests/simulator/simulator.test.ts',
    ],
  },
  'R-1': nothing('No circuit breaker yet.'),
  'R-2': {
    status: 'proved',
    says: 'A person stops an agent, a version, a session, a purpose, an owner, a tool or the fleet; calls under way are aborted, or end within a bound if the stop is graceful, the next is refused, a gateway that is cut off refuses after 800 ms, and a stop file works with control down.',
    tests: [
      governed(
        'aborts a slow call under way, refuses the next, voids credentials; a person resumes with presence',
      ),
      declared('an owner’s agents, and the whole fleet, until a person resumes them'),
      stops('lets the call under way end and give its result, begins nothing, then voids credentials'),
      'tests/e2e/cut-calls.test.ts',
    ],
  },
  'R-3': {
    status: 'proved',
    says: 'All credentials and sessions of an agent are voided at once, by a kill or by themselves.',
    tests: [
      governed(
        'aborts a slow call under way, refuses the next, voids credentials; a person resumes with presence',
      ),
      'packages/control/src/identity/identity.test.ts',
    ],
  },
  'R-4': nothing('Tools can name their inverse; nothing undoes an action yet.'),
  'R-5': {
    status: 'partly',
    says: 'A person can resume an agent under a lower ceiling, which binds the next decision. Nothing lowers it by itself yet.',
    tests: [
      governed(
        'aborts a slow call under way, refuses the next, voids credentials; a person resumes with presence',
      ),
    ],
  },
};
