/**
 * An error as people see it, in three parts: what happened, what it means, what to do; then, dim, its slug, exit code and
 * the device's own number. Anything that is not an IbkError is a bug of ours and says how to report it.
 */
import { asIbkError, type IbkError } from '../errors.js';
import type { Screen } from './terminal.js';
import { displayWidth, printableSentence, wrap } from './text.js';

const WIDEST = 78;

export interface ErrorView {
  /** Show the stack and the facts that came with the error. */
  readonly debug: boolean;
}

export function printError(error: unknown, screen: Screen, view: ErrorView): void {
  for (const line of renderError(asIbkError(error), screen, view)) screen.line(line);
}

export function renderError(error: IbkError, screen: Screen, { debug }: ErrorView): string[] {
  const { style, glyphs } = screen;
  const width = screen.width();
  const room = width === undefined ? undefined : Math.min(width, WIDEST);
  const lines = [
    ...hanging(glyphs.failed, error.message, room).map((line) => style.failed(line)),
    ...(error.meaning === undefined ? [] : hanging('', error.meaning, room)),
    ...hanging(glyphs.next, error.hint, room),
    style.dim(`  ${errorTail(error, glyphs.dot)}`),
  ];
  return debug ? [...lines, ...debugLines(error).map((line) => style.dim(`  ${line}`))] : lines;
}

/** `device_locked · exit 23 · MBErrorDomain/208` */
export function errorTail(error: IbkError, dot: string): string {
  const number = error.deviceErrorCode === undefined ? [] : [`MBErrorDomain/${error.deviceErrorCode}`];
  return [error.code, `exit ${error.exit}`, ...number].join(` ${dot} `);
}

/** A paragraph whose first line carries a mark, the others are indented under its text. */
export function hanging(mark: string, text: string, width: number | undefined): string[] {
  const first = mark === '' ? '  ' : `${mark} `;
  const indent = ' '.repeat(displayWidth(first));
  const broken = wrap(printableSentence(text), width === undefined ? undefined : width - indent.length);
  return broken.map((line, index) => `${index === 0 ? first : indent}${line}`);
}

function debugLines(error: IbkError): string[] {
  const facts = Object.entries(error.details).map(([key, value]) => `${key}: ${JSON.stringify(value)}`);
  const at = error.phase === undefined ? [] : [`phase: ${error.phase}`];
  const finer = error.reason === undefined ? [] : [`reason: ${error.reason}`];
  return [...at, ...finer, ...facts, ...stackOf(error)].map(printableSentence);
}

function stackOf(error: Error): string[] {
  const lines = (error.stack ?? '').split('\n');
  return error.cause instanceof Error ? [...lines, 'caused by:', ...stackOf(error.cause)] : lines;
}
