/**
 * Status numbers of Device Link, and how a failure of the host becomes one.
 *
 * | code | meaning            | from               |
 * |------|--------------------|--------------------|
 * | 0    | ok                 |                    |
 * | -1   | generic            | anything not below |
 * | -6   | no such file       | ENOENT             |
 * | -7   | exists             | EEXIST, ENOTEMPTY  |
 * | -8   | not a directory    | ENOTDIR            |
 * | -9   | is a directory     | EISDIR             |
 * | -10  | too many links     | ELOOP              |
 * | -11  | input/output error | EIO                |
 * | -13  | multi status       |                    |
 * | -15  | no space left      | ENOSPC, EDQUOT     |
 *
 * The numbers agree in libimobiledevice and pymobiledevice3. Node's error names are used, never its errno numbers: those differ between systems.
 */
export const STATUS = {
  ok: 0,
  generic: -1,
  noSuchFile: -6,
  exists: -7,
  notADirectory: -8,
  isADirectory: -9,
  tooManyLinks: -10,
  inputOutput: -11,
  multiStatus: -13,
  noSpace: -15,
} as const;

const BY_ERRNO: Readonly<Record<string, number>> = {
  ENOENT: STATUS.noSuchFile,
  EEXIST: STATUS.exists,
  ENOTEMPTY: STATUS.exists,
  ENOTDIR: STATUS.notADirectory,
  EISDIR: STATUS.isADirectory,
  ELOOP: STATUS.tooManyLinks,
  EIO: STATUS.inputOutput,
  ENOSPC: STATUS.noSpace,
  EDQUOT: STATUS.noSpace,
};

const WORDS: Readonly<Record<number, string>> = {
  [STATUS.noSuchFile]: 'No such file or directory',
  [STATUS.exists]: 'File exists',
  [STATUS.notADirectory]: 'Not a directory',
  [STATUS.isADirectory]: 'Is a directory',
  [STATUS.tooManyLinks]: 'Too many levels of symbolic links',
  [STATUS.inputOutput]: 'Input/output error',
  [STATUS.noSpace]: 'No space left on device',
};

/** What the device is told of a request that could not be carried out. */
export interface HostStatus {
  readonly code: number;
  readonly text: string;
}

/** A refusal of our own that the device shall hear about, without ending the run. */
export class HostRefusal extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
    this.name = 'HostRefusal';
  }
}

/** The Device Link status of a failure. The text never holds a path of this computer. */
export function statusOf(error: unknown): HostStatus {
  if (error instanceof HostRefusal) return { code: error.status, text: error.message };
  const name = errnoName(error);
  const code = name === undefined ? STATUS.generic : (BY_ERRNO[name] ?? STATUS.generic);
  return { code, text: WORDS[code] ?? (name === undefined ? 'Operation failed' : `Operation failed (${name})`) };
}

/** Node's name of a system error, such as `ENOSPC`. */
export function errnoName(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' && /^E[A-Z0-9]+$/.test(error.code) ? error.code : undefined;
}
