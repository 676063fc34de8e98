/** Room: data (D-2, D-3). Every detector that ships, in the order in which they are asked: where two find the same place, the first names it. */
import { type Glance, glance } from '../glance.ts';
import { WordSearch } from '../word-search.ts';
import { birthDate } from './pii-birth-date.ts';
import { card } from './pii-card.ts';
import type { Detector } from './detector.ts';
import { email } from './pii-email.ts';
import { healthCode } from './phi-code.ts';
import { iban } from './pii-iban.ts';
import { ip } from './pii-ip.ts';
import { mac } from './pii-mac.ts';
import { medicalRecord } from './phi-record.ts';
import { nationalId } from './pii-national-id.ts';
import { phone } from './pii-phone.ts';
import { assignedSecret } from './secret-assigned.ts';
import { connection } from './secret-connection.ts';
import { injectionHidden } from './injection-hidden.ts';
import { injectionOverride } from './injection-override.ts';
import { injectionSecrecy } from './injection-secrecy.ts';
import { injectionTags } from './injection-tags.ts';
import { injectionTemplate } from './injection-template.ts';
import { jwt } from './secret-jwt.ts';
import { privateKey } from './secret-private-key.ts';
import { token } from './secret-token.ts';
import { usSsn } from './pii-us-ssn.ts';

export const detectors: readonly Detector[] = [
  privateKey,
  token,
  jwt,
  connection,
  assignedSecret,
  email,
  iban,
  card,
  usSsn,
  medicalRecord,
  nationalId,
  birthDate,
  ip,
  mac,
  phone,
  healthCode,
  injectionTags,
  injectionHidden,
  injectionOverride,
  injectionSecrecy,
  injectionTemplate,
];

const search = new WordSearch(detectors.flatMap(({ words }) => words ?? []));

/** What all of them want to know of a text before they look at it. */
export const glanceAt = (text: string): Glance => glance(text, search);
