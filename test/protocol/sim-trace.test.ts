/** The flight recorder over a whole backup: it tells what happened, and nothing about whom. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemClock } from '../../src/io/clock.js';
import { backupDevice } from '../../src/operations/backup.js';
import { openSelected } from '../../src/operations/open-device.js';
import { readPairRecord } from '../../src/protocol/usbmux/pair-record.js';
import { openTraceFile } from '../../src/trace/recorder.js';
import { hastyClock, startBench } from '../support/sim-bench.js';

test.each(['9', '17'] as const)(
  'iOS %s: a trace of pairing and a full backup holds no name, secret or payload',
  async (ios) => {
    const folder = await mkdtemp(join(tmpdir(), 'ibk-trace-'));
    const path = join(folder, 'trace.ndjson');
    const trace = await openTraceFile(path, systemClock);
    await using bench = await startBench({ ios: [ios], files: 40, bytes: 400_000, clientClock: hastyClock(20), trace });
    const selected = await bench.select();
    const root = join(folder, 'root');
    const summary = await backupDevice(bench.ctx, selected, { root, full: false });
    expect(summary.code).toBe('ok');
    const record = (await readPairRecord({ muxer: bench.ctx.muxer }, selected.udid))?.fields;
    const secrets = new Set<string>([
      selected.udid,
      selected.udid.replace('-', ''),
      selected.name,
      record?.hostId ?? '?',
      record?.systemBuid ?? '?',
    ]);
    await using held = await openSelected({ ...bench.ctx, trace: undefined }, selected, { pair: 'never' });
    // Every string that the phone tells of itself, but for what its model and version are.
    const open =
      /Version|ProductType|DeviceClass|ActivationState|HardwareModel|ProductName|CPUArchitecture|Region|Zone|Color|Locale|Model/;
    for (const [key, value] of Object.entries(held.device.values))
      if (typeof value === 'string' && value.length > 5 && !open.test(key)) secrets.add(value);
    for (const key of record === undefined
      ? []
      : [record.hostPrivateKey, record.rootPrivateKey, record.hostCertificate])
      for (const line of String(key)
        .split('\n')
        .filter((text) => text.length > 30))
        secrets.add(line);
    if (record?.escrowBag !== undefined)
      for (const form of ['hex', 'base64'] as const) secrets.add(record.escrowBag.toString(form));
    // Names of files on the phone and in the backup.
    for (const name of Object.keys((await bench.sim.phones[0]?.content.tree(false)) ?? {}))
      for (const part of name.split('/')) if (part.length > 7) secrets.add(part);
    for (const name of await readdir(join(root, selected.udid), { recursive: true }))
      for (const part of name.split('/')) if (/^[0-9a-f]{40}$/.test(part)) secrets.add(part);
    await trace.close();
    const text = await readFile(path, 'utf8');
    expect(secrets.size).toBeGreaterThan(60);
    const leaked = [...secrets].filter((secret) => text.includes(secret));
    expect(leaked).toEqual([]);

    const records = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const layers = new Set(records.map((entry) => entry.layer));
    for (const layer of [
      'usbmux',
      'lockdown',
      'afc',
      'notification_proxy',
      'installation_proxy',
      'springboard',
      'devicelink',
    ])
      expect(layers).toContain(layer);
    const tags = records
      .filter((entry) => entry.layer === 'devicelink' && entry.event === 'message')
      .map((entry) => entry.name);
    expect(tags[0]).toBe('DLMessageVersionExchange');
    expect(tags).toContain('DLMessageUploadFiles');
    const received = records.filter((entry) => entry.event === 'file' && entry.direction === 'received');
    expect(received.reduce((sum, file) => sum + file.bytes, 0)).toBeGreaterThanOrEqual(400_000);
    await rm(folder, { recursive: true });
  },
);
