import { Words } from '../word-search.ts';
import { type Detector, everywhere, matches } from './detector.ts';
import { isPlaceholder } from './entropy.ts';

const address = /(?<=[a-z0-9]):\/\/[^\s:@/"'<>]{0,100}:(?<it>[^\s@/"'<>]{3,200})@[A-Za-z0-9[]/gi;
const field = /(?:^|[;"'\s])(?:password|pwd)\s?=\s?(?<it>[^;"'\s]{4,200})/gi;
/** Beside it, such a field belongs to the connection string of a database. */
const database = /(?:server|data source|host|uid|user id|initial catalog|database|dsn)\s?=/i;
const addresses = new Words('://');
const fields = new Words('password', 'pwd');
const weak = /^(?:pass(?:word|wd)?|pwd|secret|user|token|x+|\*+|\.+|<.*>|\$.*|%.*|\{.*)$/i;

/** Passwords in addresses and in connection strings of databases. */
export const connection: Detector = {
  id: 'secret.connection',
  summary: 'Passwords in addresses and connection strings',
  requirement: 'D-3',
  category: 'secret',
  kind: 'mask',
  channels: everywhere,
  cost: 'keyword',
  placeholder: 'PASSWORD',
  words: [addresses, fields],
  find: (text, { words }) => {
    const check = (found: string) => !weak.test(found) && !isPlaceholder(found);
    return [
      ...(words.has(addresses) ? matches(text, address, check) : []),
      ...(words.has(fields) && database.test(text) ? matches(text, field, check) : []),
    ].sort((a, b) => a.start - b.start);
  },
  examples: [
    { text: 'postgres://app:S3cr-tPw9@db.internal:5432/orders', found: ['S3cr-tPw9'] },
    { text: 'Server=db1;Database=x;User Id=sa;Password=hunter2024!;', found: ['hunter2024!'] },
    { text: 'postgres://user:password@localhost, https://a.example/b:c@d, http://${U}:${P}@h', found: [] },
  ],
};
