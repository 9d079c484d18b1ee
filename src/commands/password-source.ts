/**
 * Fetches a password from where the options or the environment say that it is. One line ending at its end is dropped and nothing else; every wait is bounded
 * by `--timeout`, every length by `LONGEST_BYTES`; no error text holds any of it.
 */
import { spawn } from 'node:child_process';
import { constants, createReadStream, fstatSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { type PasswordSource, withoutPasswords } from '../config/password.js';
import { IbkError } from '../errors.js';
import { formatDuration } from '../figures.js';
import { orAborted, within } from '../io/abort.js';
import { Secret } from '../io/secret.js';
import type { Session } from './session.js';

const LONGEST_BYTES = 4096;
const LINE_ENDING_BYTES = 2;
/** A named pipe has no way to say that somebody will write to it: it is looked at again and again. */
const LOOK_EVERY_MS = 20;
const READ = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

type Given = Pick<Session, 'config' | 'terminal' | 'clock' | 'signal' | 'env' | 'platform'>;

/** @throws IbkError `password` where there is none to be had, `timeout`, `usage`; the signal's reason */
export function fetchPassword(source: PasswordSource, given: Given): Promise<Secret> {
  const { clock, config, signal } = given;
  const where = placeOf(source);
  const onTimeout = () =>
    new IbkError('timeout', `No password came from ${where} within ${formatDuration(config.timeoutMs / 1000)}.`, {
      hint: 'Give it more time with --timeout, or give the password another way.',
    });
  return within({ clock, timeoutMs: config.timeoutMs, signal, onTimeout }, async (bounded) => {
    if (source.from === 'variable') return source.secret.copy();
    const bytes = await read(source, given, bounded);
    const secret = new Secret(withoutLineEnding(bytes));
    if (secret.bytes().length === 0) throw noPassword(`The password from ${where} is empty.`);
    if (secret.bytes().length > LONGEST_BYTES)
      throw noPassword(`What came from ${where} is no password: it is longer than ${LONGEST_BYTES} bytes.`);
    return secret;
  });
}

function placeOf(source: PasswordSource): string {
  switch (source.from) {
    case 'variable':
      return source.name;
    case 'file':
      return source.path;
    case 'command':
      return '--password-command';
    case 'stdin':
      return 'standard input';
    case 'descriptor':
      return `descriptor ${source.fd}`;
    case 'keychain':
      return 'the keychain';
  }
}

function read(
  source: Exclude<PasswordSource, { from: 'variable' }>,
  given: Given,
  signal: AbortSignal,
): Promise<Buffer> {
  switch (source.from) {
    case 'file':
      return fromFile(source.path, given, signal);
    case 'command':
      return fromCommand(source.command, given, signal);
    case 'stdin':
      return fromStdin(given, signal);
    case 'descriptor':
      return fromDescriptor(source.fd, signal);
    case 'keychain':
      return Promise.reject(noPassword('The keychain has passwords of devices, and nothing was asked of one.'));
  }
}

async function fromFile(
  path: string,
  { terminal: { err }, clock, platform }: Given,
  signal: AbortSignal,
): Promise<Buffer> {
  let file: FileHandle;
  try {
    file = await open(path, READ);
  } catch (cause) {
    throw noPassword(`The password file ${path} cannot be read: ${codeOf(cause)}.`, cause);
  }
  try {
    const stat = await file.stat();
    if (!stat.isFile() && !stat.isFIFO()) throw noPassword(`The password file ${path} is not a file.`);
    const isShared = platform !== 'win32' && stat.isFile() && (stat.mode & 0o044) !== 0;
    if (isShared)
      err.line(
        err.style.attention(
          `${err.glyphs.attention} Others can read the password file ${path}. ${err.glyphs.next} chmod 600 it`,
        ),
      );
    const into = Buffer.alloc(LONGEST_BYTES + LINE_ENDING_BYTES + 1);
    for (let at = 0; ; ) {
      const count = await file.read(into, at, into.length - at).then(
        ({ bytesRead }) => bytesRead,
        (error: unknown) => {
          if (codeOf(error) === 'EAGAIN') return undefined;
          throw noPassword(`The password file ${path} cannot be read: ${codeOf(error)}.`, error);
        },
      );
      at += count ?? 0;
      // A pipe that nobody has written to yet looks like one at its end.
      const hasEnded = count === 0 && (at > 0 || stat.isFile());
      if (hasEnded || at === into.length) return into.subarray(0, at);
      if (count === undefined || count === 0) await clock.sleep(LOOK_EVERY_MS, signal);
    }
  } finally {
    await file.close();
  }
}

/** The shell runs it, as it would what is typed. It may ask at the terminal; it inherits no password. */
async function fromCommand(command: string, { env }: Given, signal: AbortSignal): Promise<Buffer> {
  const child = spawn(command, {
    shell: true,
    windowsHide: true,
    stdio: ['inherit', 'pipe', 'inherit'],
    env: withoutPasswords(env),
  });
  const ended = new Promise<string | undefined>((resolve) => {
    child.once('error', (error) => resolve(codeOf(error)));
    child.once('close', (code, killedBy) => resolve(code === 0 ? undefined : (killedBy ?? `exit ${code}`)));
  });
  try {
    const bytes = await collect(child.stdout, signal);
    // It may go on for ever: what it printed is no password already.
    if (bytes.length > LONGEST_BYTES + LINE_ENDING_BYTES) return bytes;
    const failure = await orAborted(ended, signal);
    if (failure !== undefined) throw noPassword(`The password command failed (${failure}).`);
    return bytes;
  } finally {
    child.kill();
    child.stdout.destroy();
    child.unref();
  }
}

function fromStdin({ terminal: { stdin } }: Given, signal: AbortSignal): Promise<Buffer> {
  if (stdin.isTTY === true)
    throw new IbkError('usage', 'Standard input is a terminal, where what is typed can be seen.', {
      hint: 'Leave --password-stdin: the password is asked for.',
    });
  return collect(stdin, signal);
}

async function fromDescriptor(fd: number, signal: AbortSignal): Promise<Buffer> {
  let stream: Readable;
  try {
    const stat = fstatSync(fd);
    if (stat.isFile()) stream = createReadStream('', { fd, start: 0, end: LONGEST_BYTES + LINE_ENDING_BYTES });
    else if (stat.isFIFO() || stat.isSocket()) stream = new Socket({ fd, readable: true, writable: false });
    else throw new TypeError('neither file nor pipe');
  } catch (cause) {
    throw noPassword(`Descriptor ${fd} is not open for reading.`, cause);
  }
  try {
    return await collect(stream, signal);
  } finally {
    stream.destroy();
  }
}

/** All of it, as far as a password can be long. */
async function collect(stream: NodeJS.ReadableStream, signal: AbortSignal): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const ended = new Promise<void>((resolve, reject) => {
    stream.on('data', (chunk: Buffer | string) => {
      const piece = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
      chunks.push(piece);
      bytes += piece.length;
      if (bytes > LONGEST_BYTES + LINE_ENDING_BYTES) resolve();
    });
    stream.once('end', resolve).once('close', resolve);
    stream.once('error', (error) => reject(noPassword(`The password could not be read: ${codeOf(error)}.`, error)));
  });
  try {
    await orAborted(ended, signal);
    return Buffer.concat(chunks);
  } finally {
    stream.removeAllListeners('data').pause();
    for (const chunk of chunks) chunk.fill(0);
  }
}

function withoutLineEnding(bytes: Buffer): Buffer {
  if (bytes.at(-1) !== 0x0a) return bytes;
  return bytes.subarray(0, bytes.at(-2) === 0x0d ? -2 : -1);
}

function noPassword(message: string, cause?: unknown): IbkError {
  return new IbkError('password', message, {
    reason: 'password_source',
    ...(cause === undefined ? {} : { cause }),
  });
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'it failed';
}
