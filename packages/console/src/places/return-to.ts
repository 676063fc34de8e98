/** Where a person wanted to go before signing in; kept for this tab only. */
const key = 'atf.return-to';

export function keepReturn(): void {
  const { pathname, search } = location;
  if (pathname !== '/sign-in') sessionStorage.setItem(key, `${pathname}${search}`);
}

/** A path of this console, never another site: it must begin with one slash. */
export function takeReturn(): string {
  const found = sessionStorage.getItem(key);
  sessionStorage.removeItem(key);
  return found !== null && /^\/(?!\/)[^\\]*$/.test(found) ? found : '/';
}
