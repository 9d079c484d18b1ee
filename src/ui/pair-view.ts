/** What `ibk pair` shows while the device asks its owner: a yellow line that counts, on a terminal; a line in a log elsewhere. */
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
  const noun = deviceNoun(productType);
  const words = `${screen.glyphs.attention} Look at the ${noun}: tap Trust, then enter its passcode.`;
  let area: LiveArea | undefined;
  let told = false;
  return {
    onEvent: (event) => {
      if (event.type !== 'prompt' || quiet) return;
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
