/** Form fields with their labels; the label is always visible and tied to its control. */
import {
  type InputHTMLAttributes,
  type ReactNode,
  type SelectHTMLAttributes,
  type TextareaHTMLAttributes,
  useId,
} from 'react';

const box =
  'w-full rounded-md border border-line-strong bg-panel px-2.5 text-ink placeholder:text-ink-3 disabled:opacity-60 max-md:text-base';

interface Labelled {
  readonly label: string;
  readonly hint?: ReactNode;
  /** The label stands in the name only, where a row of filters explains itself. */
  readonly bare?: boolean;
}

const labelClass = (bare: boolean) => (bare ? 'sr-only' : 'mb-1 block text-xs font-medium text-ink-2');

export function TextField({
  label,
  hint,
  bare = false,
  ...rest
}: Labelled & InputHTMLAttributes<HTMLInputElement>) {
  const id = useId();
  return (
    <div>
      <label htmlFor={id} className={labelClass(bare)}>
        {label}
      </label>
      <input
        id={id}
        className={`${box} h-8 max-md:h-10`}
        aria-describedby={hint === undefined ? undefined : `${id}-hint`}
        {...rest}
      />
      {hint !== undefined && (
        <p id={`${id}-hint`} className="mt-1 text-xs text-ink-3">
          {hint}
        </p>
      )}
    </div>
  );
}

export function TextArea({
  label,
  hint,
  bare = false,
  ...rest
}: Labelled & TextareaHTMLAttributes<HTMLTextAreaElement>) {
  const id = useId();
  return (
    <div>
      <label htmlFor={id} className={labelClass(bare)}>
        {label}
      </label>
      <textarea
        id={id}
        rows={2}
        className={`${box} py-1.5`}
        aria-describedby={hint === undefined ? undefined : `${id}-hint`}
        {...rest}
      />
      {hint !== undefined && (
        <p id={`${id}-hint`} className="mt-1 text-xs text-ink-3">
          {hint}
        </p>
      )}
    </div>
  );
}

interface SelectProps extends Labelled, SelectHTMLAttributes<HTMLSelectElement> {
  readonly options: readonly { readonly value: string; readonly text: string }[];
}

export function SelectField({ label, hint, options, bare = false, ...rest }: SelectProps) {
  const id = useId();
  return (
    <div>
      <label htmlFor={id} className={labelClass(bare)}>
        {label}
      </label>
      <select
        id={id}
        className={`${box} h-8 max-md:h-10`}
        aria-describedby={hint === undefined ? undefined : `${id}-hint`}
        {...rest}
      >
        {options.map(({ value, text }) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
      {hint !== undefined && (
        <p id={`${id}-hint`} className="mt-1 text-xs text-ink-3">
          {hint}
        </p>
      )}
    </div>
  );
}

export function CheckField({
  label,
  hint,
  ...rest
}: Omit<Labelled, 'bare'> & InputHTMLAttributes<HTMLInputElement>) {
  const id = useId();
  return (
    <div className="flex items-start gap-2">
      <input id={id} type="checkbox" className="mt-0.5 size-4 accent-(--accent-fill)" {...rest} />
      <label htmlFor={id}>
        <span>{label}</span>
        {hint !== undefined && <span className="block text-xs text-ink-3">{hint}</span>}
      </label>
    </div>
  );
}
