/** Which view of a running backup the settings ask for. */
import type { Clock } from '../io/clock.js';
import {
  type BackupView,
  jsonView,
  liveView,
  plainView,
  quietView,
  summaryView,
  type ViewContext,
} from './backup-view.js';

export interface ViewChoice {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly progress: 'auto' | 'bar' | 'plain' | 'json' | 'none';
  /** Debug lines go to the same stream, so nothing may be redrawn there. */
  readonly debug: boolean;
  /** Takes log lines as well, whatever is shown. */
  readonly log: ((line: string) => void) | undefined;
}

/** Does the view itself tell of failures, as JSON? Else whoever catches them prints them. */
export function tellsErrors({ json, quiet, progress }: ViewChoice): boolean {
  return json || (progress === 'json' && !quiet);
}

export function chooseView(choice: ViewChoice, context: ViewContext): BackupView {
  const shown = shownView(choice, context, context.clock);
  if (choice.log === undefined) return shown;
  return both(shown, plainView(context, choice.log, true));
}

function shownView({ json, quiet, progress, debug }: ViewChoice, context: ViewContext, clock: Clock): BackupView {
  const { out, err } = context.terminal;
  if (json) return jsonView(out.stream, clock, progress !== 'none');
  if (quiet) return quietView(context);
  switch (progress) {
    case 'json':
      return jsonView(err.stream, clock, true);
    case 'none':
      return summaryView(context);
    case 'bar':
      return err.isTerminal ? liveView(context) : plainView(context, (line) => err.line(line));
    case 'plain':
      return plainView(context, (line) => err.line(line));
    case 'auto':
      return err.canRedraw && !debug ? liveView(context) : plainView(context, (line) => err.line(line));
  }
}

function both(first: BackupView, second: BackupView): BackupView {
  return {
    onEvent: (event) => {
      first.onEvent(event);
      second.onEvent(event);
    },
    stopping: () => {
      first.stopping();
      second.stopping();
    },
    close: async () => {
      await first.close();
      await second.close();
    },
  };
}
