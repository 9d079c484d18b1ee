/** A verification while it runs: a live line on a terminal, elsewhere a line every 30 s. */
import { countOf, formatBytes, formatDuration, formatTimeOfDay } from '../figures.js';
import type { Clock } from '../io/clock.js';
import { LiveArea } from './live.js';
import { LOG_EVERY_MS } from './log-lines.js';
import type { Screen } from './terminal.js';
import { justify, shorten } from './text.js';

export interface VerifySoFar {
  readonly files: number;
  readonly bytesRead: number;
}

export interface VerifyView {
  progress(soFar: VerifySoFar): void;
  close(): Promise<void>;
}

/** @param totalBytes what there is to read; undefined: nothing, or not known */
export function verifyView(
  screen: Screen,
  clock: Clock,
  totalBytes: number | undefined,
  silent: boolean,
  doing = 'Checking',
): VerifyView {
  let files = 0;
  let bytesRead = 0;
  const begun = clock.monotonic();
  let spoke = begun;
  const words = () => {
    const of = totalBytes === undefined ? '' : ` of ${formatBytes(Math.max(totalBytes, bytesRead))}`;
    const read = bytesRead === 0 && totalBytes === undefined ? '' : `, ${formatBytes(bytesRead)}${of} read`;
    return `${countOf(files, 'file')}${read}`;
  };
  const live = !silent && screen.canRedraw;
  const area = new LiveArea(screen, clock, (frame) => {
    const { glyphs } = screen;
    const spinner = glyphs.spinner[frame % glyphs.spinner.length] ?? '';
    const columns = Math.min(78, (screen.width() ?? 80) - 1);
    const time = formatDuration((clock.monotonic() - begun) / 1000);
    return [shorten(justify(`${spinner} ${doing}  ${words()}`, time, columns), columns, glyphs.more)];
  });
  return {
    progress: (soFar) => {
      ({ files, bytesRead } = soFar);
      // Not before there is something to tell: the password is asked for first.
      if (live) area.start();
      if (live || silent || clock.monotonic() - spoke < LOG_EVERY_MS) return;
      spoke = clock.monotonic();
      screen.line(`${formatTimeOfDay(new Date(clock.now()))} ${doing.toLowerCase()}, ${words()}`);
    },
    close: () => area.close(),
  };
}
