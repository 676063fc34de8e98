/** The places of the console: address, name, jump key. A place is listed when it works. */
import type { IconName } from '../parts/icons.tsx';

export const places = [
  { to: '/', name: 'Overview', icon: 'overview', key: 'o' },
  { to: '/approvals', name: 'Approvals', icon: 'approvals', key: 'p' },
  { to: '/agents', name: 'Agents', icon: 'agents', key: 'a' },
  { to: '/activity', name: 'Activity', icon: 'activity', key: 'y' },
  { to: '/reviews', name: 'Reviews', icon: 'reviews', key: 'r' },
  { to: '/tools', name: 'Tools', icon: 'tools', key: 't' },
  { to: '/sources', name: 'Sources', icon: 'sources', key: 'd' },
  { to: '/policy', name: 'Policy', icon: 'policy', key: 'l' },
  { to: '/stopped', name: 'Stopped', icon: 'stopped', key: 's' },
  { to: '/notifications', name: 'Told', icon: 'told', key: 'n' },
  { to: '/evidence', name: 'Evidence', icon: 'evidence', key: 'e' },
  { to: '/me', name: 'Me', icon: 'me', key: 'm' },
] as const satisfies readonly { to: string; name: string; icon: IconName; key: string }[];

export type Place = (typeof places)[number];
