/** The scenarios of one connection, read into what the service asks for. */
import { IbkError } from '../../errors.js';
import { PlistReal, type PlistValue } from '../../plist/value.js';
import { parseByteCount } from '../content/sizes.js';
import type { ScenarioSet } from '../scenario.js';
import { BACKUP_PHASES, type BackupPhase } from '../scenarios/backup.js';
import { realProgress } from './host-disk.js';
import type { UploadFault } from './upload-stream.js';

/** Texts as real phones send them (protocol notes, 5.4); `U` becomes the phone's folder. */
const FINAL_TEXTS: Readonly<Record<number, string>> = {
  1: 'Error copying keychain data',
  3: 'Failed to create snapshot: File exists (17) at path /private/var',
  4: 'No such file or directory at path U/Manifest.plist',
  104: 'Multiple errors uploading files',
  105: 'Insufficient free disk space on drive to back up',
  205: 'Manifest references files not in backup',
  207: 'Invalid password',
  208: 'Device locked',
  209: 'Forbidden by policy',
  211: 'Find My iPhone must be disabled before restoring',
  212: 'Device is busy',
};

/** The phase in which a code fits best; the others are told right after the request. */
const FINAL_PHASES: Readonly<Record<number, BackupPhase>> = { 1: 'receive', 104: 'receive', 205: 'finish' };

/** Reads the values of all scenarios of the backup service once. @throws IbkError `usage` for one that cannot be */
export function checkBackupScenarios(scenarios: ScenarioSet): void {
  const faults = new BackupFaults(scenarios);
  for (const name of ['chunk', 'data-frame', 'cut-after-bytes', 'devicelink-version', 'endless-listing']) {
    const count = faults.count(name);
    if (count !== undefined && count < 1) throw wrong(`Scenario ${name} needs a number of 1 or more.`);
  }
  faults.bytes('manifest-bytes');
  for (const phase of BACKUP_PHASES) {
    faults.silenceMs(phase);
    faults.finalCode(phase);
  }
  faults.fileFault();
}

/** Description of a code, ending as real ones do. */
export function finalText(code: number, udid: string): string {
  const text = (FINAL_TEXTS[code] ?? 'Unknown error').replace(/^(.* )U\//, `$1${udid}/`);
  return `${text} (MBErrorDomain/${code})`;
}

export class BackupFaults {
  readonly #scenarios: ScenarioSet;
  #lastPercent = 0;
  #fileErrors: number;

  constructor(scenarios: ScenarioSet) {
    this.#scenarios = scenarios;
    const [, count = '1'] = (scenarios.value('file-error') ?? '').split(':');
    this.#fileErrors = scenarios.has('file-error') ? wholeNumber('file-error', count) : 0;
  }

  /** A byte count given to a scenario; 0 when it is off. */
  bytes(name: string): number {
    const value = this.#scenarios.value(name);
    return value === undefined ? 0 : parseByteCount(value, `Scenario ${name}`);
  }

  /** A whole number given to a scenario; undefined when it is off. */
  count(name: string): number | undefined {
    const value = this.#scenarios.value(name);
    return value === undefined ? undefined : wholeNumber(name, value);
  }

  /** Milliseconds of silence in a phase. */
  silenceMs(phase: BackupPhase): number {
    return this.#scenarios.values('silent').reduce((sum, value) => {
      const [where = '', text = ''] = value.split(':');
      const seconds = wholeNumber('silent', text);
      return asPhase('silent', where) === phase ? sum + seconds * 1000 : sum;
    }, 0);
  }

  isAt(name: 'cut' | 'cancel', phase: BackupPhase): boolean {
    return this.#scenarios.values(name).includes(phase);
  }

  /** The code with which the phone ends in this phase. */
  finalCode(phase: BackupPhase): number | undefined {
    const value = this.#scenarios.value('final');
    if (value === undefined) return undefined;
    const [text = '', where] = value.split(':');
    const code = wholeNumber('final', text);
    const at = where === undefined ? (FINAL_PHASES[code] ?? 'scan') : asPhase('final', where);
    return at === phase ? code : undefined;
  }

  progress(percent: number): PlistValue | undefined {
    switch (this.#scenarios.value('progress')) {
      case 'missing':
        return undefined;
      case 'nan':
        return new PlistReal(Number.NaN);
      case 'negative':
        return new PlistReal(-percent);
      case 'huge':
        return new PlistReal(1e308);
      case 'text':
        return `${percent} %`;
      case 'integer':
        return Math.floor(percent);
      case 'backwards': {
        this.#lastPercent = this.#lastPercent > percent ? percent : percent / 2;
        return new PlistReal(this.#lastPercent);
      }
      default:
        return realProgress(percent);
    }
  }

  /** What goes wrong with the next payload file; called once for each. */
  fileFault(): UploadFault | undefined {
    if (this.#fileErrors <= 0) return undefined;
    this.#fileErrors -= 1;
    const [how = ''] = (this.#scenarios.value('file-error') ?? '').split(':');
    const text = 'Input/output error (5)';
    switch (how) {
      case 'first':
        return { code: 0x0b, text, afterData: false };
      case 'data':
        return { code: 0x0b, text, afterData: true };
      case 'unknown':
        return { code: 0x7f, text: '', afterData: true };
      default:
        throw wrong(`Scenario file-error cannot be "${how}". It can be: first, data, unknown.`);
    }
  }
}

function wholeNumber(name: string, text: string): number {
  const number = text === '' ? Number.NaN : Number(text);
  if (!Number.isSafeInteger(number)) throw wrong(`Scenario ${name} needs a whole number, not "${text}".`);
  return number;
}

function asPhase(name: string, text: string): BackupPhase {
  const phase = BACKUP_PHASES.find((candidate) => candidate === text);
  if (phase === undefined) throw wrong(`Scenario ${name} needs a phase: ${BACKUP_PHASES.join(', ')}.`);
  return phase;
}

function wrong(message: string): IbkError {
  return new IbkError('usage', message, { hint: 'ibk sim --list-scenarios' });
}
