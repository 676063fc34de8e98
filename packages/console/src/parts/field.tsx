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
const oneLine = 'h-8 max-md:h-10';

interface Labelled {
  readonly label: string;
  readonly hint?: ReactNode;
  /** The label stands in the name only, where a row of filters explains itself. */
  readonly bare?: boolean | undefined;
}

interface FieldProps extends Labelled {
  /** The control itself, with the id that its label and its hint refer to. */
  readonly children: (tied: {
    readonly id: string;
    readonly 'aria-describedby': string | undefined;
  }) => ReactNode;
}

/** Label above, hint below, both tied to the control between them. */
function Field({ label, hint, bare = false, children }: FieldProps) {
  const id = useId();
  const hintId = hint === undefined ? undefined : `${id}-hint`;
  return (
    <div>
      <label htmlFor={id} className={bare ? 'sr-only' : 'mb-1 block text-xs font-medium text-ink-2'}>
        {label}
      </label>
      {children({ id, 'aria-describedby': hintId })}
      {hint !== undefined && (
        <p id={hintId} className="mt-1 text-xs text-ink-3">
          {hint}
        </p>
      )}
    </div>
  );
}

export function TextField({ label, hint, bare, ...rest }: Labelled & InputHTMLAttributes<HTMLInputElement>) {
  return (
    <Field label={label} hint={hint} bare={bare}>
      {(tied) => <input {...tied} className={`${box} ${oneLine}`} {...rest} />}
    </Field>
  );
}

export function TextArea({
  label,
  hint,
  bare,
  ...rest
}: Labelled & TextareaHTMLAttributes<HTMLTextAreaElement>) {
  return (
    <Field label={label} hint={hint} bare={bare}>
      {(tied) => <textarea {...tied} rows={2} className={`${box} py-1.5`} {...rest} />}
    </Field>
  );
}

interface SelectProps extends Labelled, SelectHTMLAttributes<HTMLSelectElement> {
  readonly options: readonly { readonly value: string; readonly text: string }[];
}

export function SelectField({ label, hint, options, bare, ...rest }: SelectProps) {
  return (
    <Field label={label} hint={hint} bare={bare}>
      {(tied) => (
        <select {...tied} className={`${box} ${oneLine}`} {...rest}>
          {options.map(({ value, text }) => (
            <option key={value} value={value}>
              {text}
            </option>
          ))}
        </select>
      )}
    </Field>
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
