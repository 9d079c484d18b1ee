/** Which versions of one device a policy keeps, and why; which it forgets, and why. Changes nothing. */
import type { ListedVersion } from '../results.js';
import { before, bucketOf, type RetentionPolicy, UNITS, type Unit } from './policy.js';

export type Reason =
  /** The newest of the `number`th day, week … */
  | { readonly kind: 'slot'; readonly unit: Unit; readonly number: number }
  /** The oldest of all: the rule has some left to keep. */
  | { readonly kind: 'oldest'; readonly unit: Unit }
  | { readonly kind: 'within'; readonly span: string }
  | { readonly kind: 'tag'; readonly tag: string }
  | { readonly kind: 'pinned' }
  | { readonly kind: 'newest' }
  /** A later one of the same hour, day … is kept. */
  | { readonly kind: 'later'; readonly unit: Unit }
  /** The same, where a finer rule has none left: `by` is that one. */
  | { readonly kind: 'taken'; readonly unit: Unit; readonly number: number; readonly by: Date }
  | { readonly kind: 'beyond'; readonly unit: Unit; readonly count: number }
  | { readonly kind: 'not_complete' }
  | { readonly kind: 'no_rule' }
  /** Somebody asked for it. */
  | { readonly kind: 'named' };

/** What the rules look at. */
export type Candidate = Pick<ListedVersion, 'id' | 'madeAt' | 'complete' | 'unreadable' | 'tags' | 'pinned' | 'latest'>;

export interface Decision<Version extends Candidate = ListedVersion> {
  readonly version: Version;
  readonly action: 'keep' | 'forget';
  readonly reasons: readonly Reason[];
}

interface Rule {
  readonly unit: Unit;
  readonly count: number;
  used: number;
  bucket: string | undefined;
  by: Date | undefined;
}

/**
 * @param versions of one device, newest first; those that ibk has not taken in are left out
 * The newest is kept whatever the rules say, and so is what is pinned.
 */
export function decide<Version extends Candidate>(
  versions: readonly Version[],
  policy: RetentionPolicy,
): Decision<Version>[] {
  const known = versions.filter(({ id, madeAt }) => id !== null && madeAt !== null);
  const rules = UNITS.map(
    (unit): Rule => ({ unit, count: policy.counts[unit], used: 0, bucket: undefined, by: undefined }),
  );
  const wanted = rules.filter(({ count }) => count > 0);
  const whole = known.filter(isWhole);
  const newest = whole[0]?.madeAt ?? null;
  const since = policy.within === null || newest === null ? undefined : before(newest, policy.within);
  let index = -1;
  return known.map((version) => {
    const { madeAt, tags } = version;
    const kept: Reason[] = tags
      .filter((tag) => policy.tags.includes(tag))
      .slice(0, 1)
      .map((tag) => ({ kind: 'tag', tag }));
    if (since !== undefined && madeAt !== null && madeAt > since && policy.within !== null)
      kept.push({ kind: 'within', span: policy.within.text });
    let missed: readonly Reason[] = [{ kind: 'not_complete' }];
    if (isWhole(version) && madeAt !== null) {
      index += 1;
      missed = missedBy(wanted, madeAt, index);
      for (const rule of wanted) {
        const reason = slotOf(rule, madeAt, index, version === whole.at(-1));
        if (reason !== undefined) kept.push(reason);
      }
    }
    if (version.pinned) kept.push({ kind: 'pinned' });
    if (kept.length === 0 && (version === known[0] || version.latest)) kept.push({ kind: 'newest' });
    return kept.length > 0
      ? { version, action: 'keep', reasons: kept }
      : { version, action: 'forget', reasons: missed.length > 0 ? missed : [{ kind: 'no_rule' }] };
  });
}

/** What is not can be forgotten, and takes no other's place. */
const isWhole = ({ complete, unreadable }: Candidate): boolean => complete && !unreadable;

function slotOf(rule: Rule, madeAt: Date, index: number, isOldest: boolean): Reason | undefined {
  if (rule.used >= rule.count) return undefined;
  const bucket = bucketOf(rule.unit, madeAt, index);
  const isNew = bucket !== rule.bucket;
  if (!isNew && !isOldest) return undefined;
  rule.used += 1;
  rule.bucket = bucket;
  rule.by = madeAt;
  return isNew ? { kind: 'slot', unit: rule.unit, number: rule.used } : { kind: 'oldest', unit: rule.unit };
}

/** From the finest rule on: those that have none left to keep, then the first in which a later one has the place. */
function missedBy(rules: readonly Rule[], madeAt: Date, index: number): Reason[] {
  const reasons: Reason[] = [];
  for (const { unit, count, used, bucket, by } of rules) {
    if (by !== undefined && bucketOf(unit, madeAt, index) === bucket) {
      reasons.push(reasons.length === 0 ? { kind: 'later', unit } : { kind: 'taken', unit, number: used, by });
      return reasons;
    }
    if (used >= count) reasons.push({ kind: 'beyond', unit, count });
  }
  return reasons;
}
