/** Buttons and links that look like them. One filled button per decision; danger is red and says what it does. */
import type { ButtonHTMLAttributes } from 'react';

export type ButtonLook = 'plain' | 'primary' | 'danger' | 'danger-outline' | 'quiet';

const looks: Record<ButtonLook, string> = {
  plain: 'border border-line bg-panel text-ink hover:bg-sunken',
  primary: 'border border-transparent bg-accent-fill text-white hover:brightness-110',
  danger: 'border border-transparent bg-danger-fill text-white hover:brightness-110',
  'danger-outline': 'border border-danger/60 bg-panel text-danger hover:bg-danger-soft',
  quiet: 'border border-transparent bg-transparent text-ink-2 hover:bg-sunken hover:text-ink',
};

const sizes = { md: 'h-8 px-3 max-md:h-10', lg: 'h-10 px-4 font-semibold max-md:h-12' } as const;

export function buttonClass(look: ButtonLook = 'plain', size: keyof typeof sizes = 'md'): string {
  return `inline-flex shrink-0 items-center justify-center gap-1.5 rounded-md text-sm font-medium whitespace-nowrap disabled:cursor-not-allowed disabled:opacity-55 aria-disabled:opacity-55 ${sizes[size]} ${looks[look]}`;
}

interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  readonly look?: ButtonLook;
  readonly size?: keyof typeof sizes;
  /** Work is under way: the button waits and says so to assistive technology. */
  readonly busy?: boolean;
}

export function Button({
  look = 'plain',
  size = 'md',
  busy = false,
  className = '',
  disabled,
  ...rest
}: ButtonProps) {
  return (
    <button
      type="button"
      className={`${buttonClass(look, size)} ${className}`}
      disabled={disabled === true || busy}
      aria-busy={busy || undefined}
      {...rest}
    />
  );
}
