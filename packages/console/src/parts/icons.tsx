/** The console's icons: 16-pixel strokes drawn here, so that nothing is fetched. Decorative; the word stands beside each. */
const paths = {
  allowed: 'M3 8.5l3.2 3.2L13 5',
  done: 'M1.5 8.7l2.8 2.8L10 5.5M8 11.2l.4.4L14.5 5',
  waiting: 'M8 4.5V8l2.3 1.6M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0z',
  refused: 'M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0zM3.8 12.2l8.4-8.4',
  stopped: 'M5.5 2h5L14 5.5v5L10.5 14h-5L2 10.5v-5zM5.5 5.5l5 5M10.5 5.5l-5 5',
  failed: 'M8 2.2l6.2 11H1.8zM8 6.5v3M8 11.4v.2',
  unknown: 'M6 6.2A2 2 0 1 1 8.6 8c-.5.2-.6.6-.6 1.2M8 11.4v.2M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0z',
  overview: 'M2 2.5h5v5H2zM9 2.5h5v3H9zM9 7.5h5v6H9zM2 9.5h5v4H2z',
  agents: 'M4 6h8v7H4zM8 6V3M6.2 9v1M9.8 9v1M2 8.5v2.5M14 8.5v2.5M8 3h.01',
  approvals: 'M8 1.8l5.5 2v4c0 3-2.2 5.3-5.5 6.4-3.3-1.1-5.5-3.4-5.5-6.4v-4zM5.6 8l1.7 1.7 3.1-3.3',
  reviews: 'M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8zM10 8a2 2 0 1 1-4 0 2 2 0 0 1 4 0z',
  activity: 'M1.5 8h3l2-5 3 10 2-5h3',
  tools:
    'M9.6 3.2a3.2 3.2 0 0 0-4 4L2.2 10.6a1.5 1.5 0 0 0 0 2.2l1 1a1.5 1.5 0 0 0 2.2 0l3.4-3.4a3.2 3.2 0 0 0 4-4l-2 2-2-.8-.8-2z',
  sources: 'M2.5 4c0-3 11-3 11 0s-11 3-11 0zM2.5 4v8c0 3 11 3 11 0V4M2.5 8c0 3 11 3 11 0',
  evidence: 'M4 1.8h5.5L12.5 5v9.2H4zM9 1.8V5.5h3.5M6 8.5h4.5M6 11h4.5',
  policy: 'M8 2v12M4.5 14h7M3 4.5h10M3 4.5L1.5 9h3zM13 4.5L11.5 9h3z',
  told: 'M3.5 11.5h9l-1.2-2V6.8a3.3 3.3 0 0 0-6.6 0v2.7zM6.7 13.7a1.4 1.4 0 0 0 2.6 0',
  me: 'M8 8.2a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.6zM2.5 14c.5-2.8 2.6-4.2 5.5-4.2s5 1.4 5.5 4.2',
  search: 'M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10zM10.7 10.7L14 14',
  copy: 'M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3',
  more: 'M3.5 8h.01M8 8h.01M12.5 8h.01',
  pause: 'M5.5 3v10M10.5 3v10',
  play: 'M4.5 2.8v10.4L13 8z',
  right: 'M6 3l5 5-5 5',
  close: 'M3.5 3.5l9 9M12.5 3.5l-9 9',
  key: 'M6.5 9.5a3 3 0 1 1 2-2l5 5v1.5h-2V12.5h-1.5V11H8.5zM4.8 5.8h.01',
  print: 'M4.5 6V2h7v4M4.5 11.5H2.5V6h11v5.5h-2M4.5 9.5h7V14h-7z',
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name, className = '' }: { readonly name: IconName; readonly className?: string }) {
  const width = name === 'more' ? 2.4 : 1.5;
  return (
    <svg
      viewBox="0 0 16 16"
      aria-hidden="true"
      className={`inline-block size-4 shrink-0 ${className}`}
      fill="none"
      stroke="currentColor"
      strokeWidth={width}
      strokeLinecap="round"
      strokeLinejoin="round"
    >
      <path d={paths[name]} />
    </svg>
  );
}
