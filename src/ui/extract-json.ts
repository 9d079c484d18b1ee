/** An extraction as JSON lines: what begins, each file that is left out or renamed, how far it is, and the end. */
import { formatUtc } from '../figures.js';
import type { Clock } from '../io/clock.js';
import type { Destination } from '../operations/extract/destination.js';
import type { ExtractResult } from '../operations/extract/extract-backup.js';
import type { ExtractPlan, ExtractProgress, ExtractSink } from '../operations/extract/report.js';
import { leftSeconds, percentOf } from './extract-view.js';
import { type Json, jsonLine } from './ndjson.js';

const PROGRESS_EVERY_MS = 1000;

export interface ExtractFacts {
  readonly udid: string;
  readonly version: string | null;
  readonly encrypted: boolean;
}

export interface ExtractLines extends ExtractSink {
  start(): void;
  summary(report: ExtractResult): void;
}

export function extractJson(write: (line: string) => void, clock: Clock, facts: ExtractFacts): ExtractLines {
  const { udid, version, encrypted } = facts;
  const say = (type: string, body: { readonly [key: string]: Json }) =>
    write(jsonLine({ v: 1, type, time: formatUtc(new Date(clock.now())), udid, ...body }));
  const begun = clock.monotonic();
  let told = begun;
  return {
    start: () => {
      say('start', { command: 'extract', version, encrypted });
      say('phase', { phase: 'extract' });
    },
    skipped: ({ domain, relativePath, reason, words }) =>
      say('file_error', { domain, path: relativePath, reason, message: words, device_error_code: null }),
    renamed: ({ from, to }) => say('renamed', { from, to }),
    progress: (soFar) => {
      const now = clock.monotonic();
      if (now - told < PROGRESS_EVERY_MS) return;
      told = now;
      say('progress', progressBody(soFar, (now - begun) / 1000));
    },
    summary: (report) => say('summary', summaryBody(report, version)),
  };
}

function progressBody(soFar: ExtractProgress, seconds: number): { [key: string]: Json } {
  const percent = percentOf(soFar);
  const left = percent === undefined ? undefined : leftSeconds(percent, seconds);
  return {
    phase: 'extract',
    percent: percent === undefined ? null : Math.round(percent * 10) / 10,
    files_done: soFar.filesDone,
    bytes_done: soFar.bytesDone,
    bytes_total: soFar.bytesTotal,
    bytes_per_second: seconds > 0 ? Math.round(soFar.bytesDone / seconds) : null,
    eta_seconds: left === undefined ? null : Math.round(left),
    domain: soFar.domain,
  };
}

function summaryBody(report: ExtractResult, version: string | null): { [key: string]: Json } {
  return {
    code: report.code,
    exit: report.exit,
    version,
    files_done: report.filesDone,
    files_kept: report.filesKept,
    files_skipped: report.filesSkipped,
    files_renamed: report.filesRenamed,
    bytes_done: report.bytesDone,
    duration_seconds: Math.round(report.durationSeconds * 10) / 10,
    path: pathOf(report.destination),
  };
}

export function extractPlanDocument(
  plan: ExtractPlan & { readonly destination: Destination },
  { udid, version, encrypted }: ExtractFacts,
): Json {
  return {
    v: 1,
    type: 'extract_plan',
    udid,
    version,
    encrypted,
    files: plan.files,
    bytes: plan.bytes,
    files_renamed: plan.filesRenamed,
    files_skipped: plan.filesSkipped,
    path: pathOf(plan.destination),
    free_bytes: plan.freeBytes,
  };
}

function pathOf(destination: Destination): string | null {
  return destination.kind === 'stream' ? null : destination.path;
}
