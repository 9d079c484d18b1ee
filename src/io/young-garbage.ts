/**
 * When V8 collects garbage while a stream is received.
 *
 * TLS makes a buffer for every 16 KiB. V8 waits until the new space is nearly full before it looks for dead ones, but counts their bytes, which lie outside of
 * the heap: long before the new space is full, these bytes make it mark the whole heap. On a busy computer the dead ones are also given back late. So the new
 * space stays as small as it begins (2 x 1 MB; V8 makes it 2 x 16 MB while a program loads, and never takes that back) and is looked at when it is half full,
 * and the heap may grow to two and a half times its size before a full collection: for 2 GiB a few of these instead of 190, and 50 MB less. Next to nothing is
 * alive at a young collection: threads that share in it cost more to wake than they do.
 */
import { setFlagsFromString } from 'node:v8';

/** Node's releases whose V8 knows the flags; another would complain on standard error. */
const FIRST_MAJOR = 20;
const LAST_MAJOR = 24;
const ONE_THREAD = '--no-parallel-scavenge';
const STREAM_GROWTH = '--heap-growing-percent=150';
const SMALL_GROWTH = '--heap-growing-percent=70';

/** What is asked of Node's `process`. */
interface Program {
  readonly versions: { readonly node: string };
  on(event: 'worker', listener: (worker: Starting) => void): unknown;
}

interface Starting {
  once(event: 'online', listener: () => void): unknown;
}

/** For the whole process, before the program is loaded: a program's decision, not a library's. */
export function collectYoungGarbageOften(program: Program): void {
  if (!knowsFlags(program)) return;
  setFlagsFromString(ONE_THREAD);
  setFlagsFromString('--minor-gc-task-trigger=50');
  setFlagsFromString(STREAM_GROWTH);
  keepNewSpaceSmall();
  // V8 forgets it with each heap that it makes.
  program.on('worker', (worker) => worker.once('online', keepNewSpaceSmall));
}

/**
 * Where nothing is streamed, little memory lies outside of the heap, and it is kept smaller: after the stream of a large backup it held thirty megabytes,
 * twelve of them alive.
 * @returns to be told of each device whether its stream is on
 */
export function keepHeapSmallBetweenStreams(program: Program): (device: string | null, isStreaming: boolean) => void {
  const streaming = new Set<string | null>();
  return (device, isStreaming) => {
    if (isStreaming) streaming.add(device);
    else streaming.delete(device);
    if (knowsFlags(program)) setFlagsFromString(streaming.size > 0 ? STREAM_GROWTH : SMALL_GROWTH);
  };
}

/** Of what runs beside a program that wants the processors: a simulated iPhone. Of what `collectYoungGarbageOften` does, only the one thing about threads. */
export function collectYoungGarbageAlone(program: Program): void {
  if (knowsFlags(program)) setFlagsFromString(ONE_THREAD);
}

function knowsFlags({ versions }: Program): boolean {
  const major = Number.parseInt(versions.node, 10);
  return major >= FIRST_MAJOR && major <= LAST_MAJOR;
}

function keepNewSpaceSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}
