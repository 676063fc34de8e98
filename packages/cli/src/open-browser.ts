/** Opens an address of the console in the person's browser, where there is one; never fails, since the address is printed as well. */
import { spawn } from 'node:child_process';

export function openInBrowser(url: string): void {
  if (!/^https?:\/\//.test(url)) return;
  const [command, ...args] = openers[process.platform] ?? ['xdg-open'];
  if (
    process.platform === 'linux' &&
    process.env.DISPLAY === undefined &&
    process.env.WAYLAND_DISPLAY === undefined
  )
    return;
  const child = spawn(command as string, [...args, url], { stdio: 'ignore', detached: true });
  child.once('error', () => undefined);
  child.unref();
}

const openers: Readonly<Record<string, readonly string[]>> = {
  darwin: ['open'],
  // `start` is a word of the shell, and would read & in the address; this one takes it as it is.
  win32: ['rundll32', 'url.dll,FileProtocolHandler'],
};
