/** What is shown while the device asks its owner for one thing: a yellow line that counts, on a terminal; a line in a log elsewhere. */
import type { EventSink } from '../events.js';
import { formatCounter } from '../figures.js';
import type { Clock } from '../io/clock.js';
import { deviceNoun } from './device-words.js';
import { LiveArea } from './live.js';
import type { Screen } from './terminal.js';
import { justify, shorten } from './text.js';

export interface PairView {
  readonly onEvent: EventSink;
  close(): Promise<void>;
}

export function pairView(screen: Screen, clock: Clock, productType: string | undefined, quiet: boolean): PairView {
  const words = `Look at the ${deviceNoun(productType)}: tap Trust, then enter its passcode.`;
  return waitingView(screen, clock, words, 'trust', quiet);
}

/** The same for what wants the passcode alone. */
export function passcodeView(screen: Screen, clock: Clock, productType: string | undefined, quiet: boolean): PairView {
  return waitingView(screen, clock, `Enter the passcode on the ${deviceNoun(productType)}`, 'passcode', quiet);
}

function waitingView(
  screen: Screen,
  clock: Clock,
  text: string,
  prompt: 'trust' | 'passcode',
  quiet: boolean,
): PairView {
  const words = `${screen.glyphs.attention} ${text}`;
  let area: LiveArea | undefined;
  let told = false;
  return {
    onEvent: (event) => {
      if (event.type !== 'prompt' || event.prompt !== prompt || quiet) return;
      if (event.state !== 'shown' || told) return;
      told = true;
      if (!screen.canRedraw) return screen.line(screen.style.attention(words));
      const since = clock.monotonic();
      area = new LiveArea(screen, clock, () => {
        const columns = (screen.width() ?? 80) - 1;
        const waiting = `waiting ${formatCounter((clock.monotonic() - since) / 1000)}`;
        return [
          screen.style.attention(shorten(justify(words, waiting, Math.min(75, columns)), columns, screen.glyphs.more)),
        ];
      });
      screen.write('\x07');
      area.start();
    },
    close: async () => {
      await area?.close();
    },
  };
}
