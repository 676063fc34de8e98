import { Words } from '../word-search.ts';
import { type Detector, everywhere, matches } from './detector.ts';
import { entropy, isMixed, isPlaceholder } from './entropy.ts';

/** A name that says that it is a secret, what assigns, and the value. */
const assigned =
  /(?:api[_-]?key|apikey|access[_-]?key|secret[_-]?key|client[_-]?secret|app[_-]?secret|auth[_-]?token|access[_-]?token|refresh[_-]?token|private[_-]?token|bearer[_-]?token|secret|passwd|password|passphrase|credential|token)["'\]]{0,2}\s{0,3}(?:=>|:=|[:=])\s{0,3}["'`]?(?<it>[A-Za-z0-9_+/=.~!@#$%^&*-]{8,200})(?![A-Za-z0-9_(+/])/gi;
const curl = /(?:\s-u|\s--user)[\s=]{1,3}["']?(?:[^\s:"']{1,100})["']?:["']?(?<it>[^\s"']{3,200})/g;
/** A key that stands where a name would, without a password. */
const keyAsName = /(?:\s-u|\s--user)[\s=]{1,3}["']?(?<it>[^\s:"']{8,200}):["'\s]/g;
const header =
  /(?:\bauthorization|\bapi-?token|(?<=[a-z]-)(?:api-?key|token))["']?\s{0,2}:\s{0,3}["']?(?:(?:bearer|basic|token|apikey)\s{1,3})?(?<it>[A-Za-z0-9+/_=.~@-]{8,2000})/gi;
const words = new Words(
  'key',
  'secret',
  'passw',
  'passphrase',
  'credential',
  'token',
  'authorization',
  'curl',
);
/** Names, versions, paths and digests of public things. */
const harmless =
  /^(?:[a-z]+(?:[._-][a-z]+)*|[A-Z]+(?:_[A-Z]+)*|[A-Z]?[a-z]+(?:[A-Z][a-z]+)*|v?\d+(?:\.\d+)+[\w.-]*|[\d.:-]+|true|false|null|undefined|none|sha(?:256|512)-.*)$/;

const isSecret = (it: string): boolean => {
  if (harmless.test(it) || isPlaceholder(it) || /^(?:process|os|env|config|self|this|System)\./.test(it))
    return false;
  return it.length >= 16
    ? entropy(it) >= 3.3 && isMixed(it)
    : entropy(it) >= 2.8 && isMixed(it) && /[^A-Za-z0-9]|[A-Z].*[a-z]|[a-z].*[A-Z]/.test(it);
};

/** What is assigned to a name that says that it is a secret, and credentials in headers and on command lines. */
export const assignedSecret: Detector = {
  id: 'secret.assigned',
  summary: 'Values of names that say that they are secrets, credentials in headers and commands',
  requirement: 'D-3',
  category: 'secret',
  kind: 'mask',
  channels: everywhere,
  cost: 'keyword',
  placeholder: 'SECRET',
  words: [words],
  find: (text, glance) => {
    if (!glance.words.has(words)) return [];
    const basic = (it: string) =>
      !isPlaceholder(it) && !/^\$|^[<{]/.test(it) && (isMixed(it) || it.endsWith('='));
    return [
      ...matches(text, assigned, isSecret),
      ...(text.includes('curl')
        ? matches(
            text,
            curl,
            (it) =>
              !isPlaceholder(it) &&
              !/^[$<[]|^\{\{|^\{[a-z_ -]*\}$|^(?:test|token|pass(?:word|wd)?|secret|user(?:name)?|yyy)$/i.test(
                it,
              ),
          )
        : []),
      ...(text.includes('curl') ? matches(text, keyAsName, isSecret) : []),
      ...matches(text, header, basic),
    ].sort((a, b) => a.start - b.start || b.end - a.end);
  },
  examples: [
    { text: 'client_secret: "dO29q-F5vwnWlZdd11xFFt5NAX"', found: ['dO29q-F5vwnWlZdd11xFFt5NAX'] },
    { text: 'Authorization: Bearer jC6TUUjCNHcVtAXpcqBCgxnA8r289', found: ['jC6TUUjCNHcVtAXpcqBCgxnA8r289'] },
    { text: "curl --user kevin:'pRf7vG2h1L8' https://a.example", found: ['pRf7vG2h1L8'] },
    { text: 'curl -u "d9LkV74zPx!t:" https://a.example', found: ['d9LkV74zPx!t'] },
    { text: 'curl -u {user}:{password} -u name: https://a.example', found: [] },
    {
      text: 'password: hunter, token = config.token, apiKey=YOUR_API_KEY, secretName: my-secret-name',
      found: [],
    },
  ],
};
