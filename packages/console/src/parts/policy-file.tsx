import { Untrusted, UntrustedText } from './untrusted.tsx';

/** A file of a policy set, closed until somebody wants to read it. */
export function PolicyFile({
  name,
  text,
  by,
}: {
  readonly name: string;
  readonly text: string;
  readonly by: string;
}) {
  return (
    <details>
      <summary className="cursor-pointer">
        <code>
          <UntrustedText text={name} />
        </code>
      </summary>
      <Untrusted text={text} by={by} mono />
    </details>
  );
}
