/**
 * `--debug`: a line for every message, on stderr. Names and sizes only; what a message holds is for `--trace FILE`, which
 * redacts it.
 */
import type { Clock } from '../io/clock.js';
import type { Trace, TraceConnection, TraceLayer } from '../trace/trace.js';

/** @param layers empty: all of them */
export function debugTrace(write: (line: string) => void, clock: Clock, layers: readonly string[]): Trace {
  let connections = 0;
  return {
    open: (layer: TraceLayer, service: string): TraceConnection => {
      const id = ++connections;
      if (layers.length > 0 && !layers.includes(layer)) return SILENT;
      const say = (words: string) => {
        const seconds = (clock.monotonic() / 1000).toFixed(3).padStart(8);
        write(`${seconds} ${layer}#${id} ${words}`);
      };
      say(`open ${service}`);
      return {
        message: (direction, name, _value, bytes) => say(`${direction} ${name}, ${bytes} B`),
        packet: (direction, name, _numbers, bytes) => say(`${direction} ${name}, ${bytes} B`),
        file: (direction, { bytes, code }) => say(`${direction} file, ${bytes} B, code ${code}`),
        note: (name, facts) => say(facts === undefined ? name : `${name} ${JSON.stringify(facts)}`),
        close: (why) => say(`close ${why}`),
      };
    },
  };
}

const SILENT: TraceConnection = {
  message: () => undefined,
  packet: () => undefined,
  file: () => undefined,
  note: () => undefined,
  close: () => undefined,
};

/** Tells both. */
export function bothTraces(first: Trace, second: Trace): Trace {
  return {
    open: (layer, service) => {
      const pair = [first.open(layer, service), second.open(layer, service)];
      const tell = (what: (each: TraceConnection) => void) => pair.forEach(what);
      return {
        message: (...args) => tell((each) => each.message(...args)),
        packet: (...args) => tell((each) => each.packet(...args)),
        file: (...args) => tell((each) => each.file(...args)),
        note: (...args) => tell((each) => each.note(...args)),
        close: (...args) => tell((each) => each.close(...args)),
      };
    },
  };
}
