/** `ibk repair --json`: what was found, and whether it was done. */
import type { PlannedRepair, RepairResult } from '../operations/repair.js';
import type { Json } from './ndjson.js';

/** @param result undefined: nothing was changed */
export function repairDocument({ chosen, plan }: PlannedRepair, result: RepairResult | undefined): Json {
  const { udid, name, path } = chosen.backup;
  const now = result?.after ?? plan;
  const faults = now.verified.faults.length;
  return {
    v: 1,
    type: 'repair',
    udid,
    name,
    path,
    state: plan.state,
    steps: stepsOf(plan),
    repaired: result !== undefined,
    aside: result?.aside ?? null,
    manifest: now.verified.manifest,
    problems: faults,
    code: faults === 0 ? 'ok' : 'damaged',
    exit: faults === 0 ? 0 : 13,
  };
}

function stepsOf({ snapshot, status, empty, orphans, links }: PlannedRepair['plan']): Json[] {
  const steps: Json[] = [];
  const step = (action: string, what: string, paths: readonly string[], bytes: number | null) =>
    steps.push({ action, what, files: paths.length, bytes, paths: [...paths] });
  if (snapshot !== null) step(snapshot.action, 'snapshot', snapshot.paths, snapshot.bytes);
  if (empty.paths.length > 0) step('set_aside', 'empty', empty.paths, 0);
  if (links.length > 0) step('set_aside', 'links', links, null);
  if (orphans.paths.length > 0) step('set_aside', 'orphans', orphans.paths, orphans.bytes);
  if (status !== null) step('rewrite', 'status', ['Status.plist'], status.length);
  return steps;
}
