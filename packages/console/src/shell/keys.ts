/** The console's keys. Letters count only where nobody types and no dialog is open. */

export function isTyping(event: KeyboardEvent): boolean {
  const target = event.target;
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName);
}

/** A plain letter key that may be a command here. */
export function isCommandKey(event: KeyboardEvent): boolean {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented)
    return false;
  return !isTyping(event) && document.querySelector('dialog[open], [popover]:popover-open') === null;
}

/** +1 for `j`, −1 for `k`; absent for every other key. */
export function rowKeyOf(event: KeyboardEvent): number | undefined {
  if (!isCommandKey(event)) return undefined;
  return event.key === 'j' ? 1 : event.key === 'k' ? -1 : undefined;
}
