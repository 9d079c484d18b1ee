/**
 * `ibk doctor --bundle FILE`: what a bug report needs and nothing that names a person. Versions, the platform, which settings
 * are set (not to what), the doctor's report, and a redacted trace of the conversation that made it.
 */
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { arch, release, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { IbkError } from '../errors.js';
import { nullSink } from '../events.js';
import { formatUtc } from '../figures.js';
import { listDevices } from '../operations/devices.js';
import { type DoctorOptions, doctor } from '../operations/doctor.js';
import type { DoctorCheck, ListedDevice } from '../operations/results.js';
import { openTraceFile } from '../trace/recorder.js';
import { doctorDocument } from '../ui/documents.js';
import { jsonLine, type Json } from '../ui/ndjson.js';
import { displayPath } from '../ui/paths.js';
import { VERSION } from '../version.js';
import { operationContext, type Session } from './session.js';

/** @returns the exit status: 0 when the file was written, whatever the doctor found */
export async function writeBundle(path: string, session: Session, options: DoctorOptions): Promise<number> {
  const { config, terminal, clock, platform, env } = session;
  const folder = await mkdtemp(join(tmpdir(), 'ibk-bundle-'));
  try {
    const trace = await openTraceFile(join(folder, 'trace.ndjson'), clock);
    const context = operationContext({ ...session, trace }, nullSink);
    const devices = await listDevices({ ...context, timeouts: { ...context.timeouts, waitMs: 0 } }, options).catch(
      (): ListedDevice[] => [],
    );
    const report = await doctor(context, options).finally(() => trace.close());
    const hide = hider(devices, terminal.home);
    const bundle: Json = {
      v: 1,
      type: 'bundle',
      made_at: formatUtc(new Date(clock.now())),
      ibk: VERSION,
      node: process.version,
      platform,
      release: release(),
      arch: arch(),
      variables: Object.keys(env)
        .filter((name) => /^(IBK_|BACKUP_|USBMUXD_)/.test(name))
        .sort(),
      config: { exists: config.configFile.exists, keys: config.configFile.keys },
      devices: devices.map(({ productType, ios, links, state, trusted }) => ({
        product_type: productType,
        ios,
        links,
        state,
        trusted,
      })),
      doctor: doctorDocument({ ...report, checks: report.checks.map((check) => hidden(check, hide)) }),
      trace: await traceLines(join(folder, 'trace.ndjson')),
    };
    await writePrivately(resolve(path), jsonLine(bundle));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  if (!config.quiet) {
    const shown = displayPath(path, terminal.home);
    terminal.err.line(
      `${terminal.err.style.done(terminal.err.glyphs.ok)} Wrote ${shown}. Look at it before you send it.`,
    );
  }
  return 0;
}

/** Takes names, UDIDs and the home folder out of words that were made for the person at the screen. */
function hider(devices: readonly ListedDevice[], home: string | undefined): (text: string) => string {
  const secrets: [string, string][] = devices.flatMap(({ name, udid }, index): [string, string][] => [
    [udid, `udid-${index + 1}`],
    [name, `device ${index + 1}`],
  ]);
  if (home !== undefined && home.length > 1) secrets.push([home, '~']);
  return (text) => secrets.reduce((rest, [secret, token]) => rest.replaceAll(secret, token), text);
}

function hidden(check: DoctorCheck, hide: (text: string) => string): DoctorCheck {
  return { ...check, message: hide(check.message), hint: check.hint === null ? null : hide(check.hint) };
}

async function traceLines(path: string): Promise<Json[]> {
  const text = await readFile(path, 'utf8');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line): Json => JSON.parse(line));
}

/** A new file of mode 0600; one that is there is not overwritten. */
async function writePrivately(path: string, text: string): Promise<void> {
  try {
    const file = await open(path, 'wx', 0o600);
    await file.chmod(0o600).catch(() => undefined);
    await file.writeFile(text).finally(() => file.close());
  } catch (cause) {
    const exists = cause instanceof Error && 'code' in cause && cause.code === 'EEXIST';
    throw new IbkError('destination', exists ? `${path} is there already.` : `${path} cannot be written.`, {
      hint: 'Choose another file: ibk doctor --bundle FILE',
      cause,
    });
  }
}
