/** What is measured: the phones, and how often they are backed up. */
const MiB = 1024 * 1024;

/**
 * `steps`: backups one after the other into the same root. `change`: files of the phone that change before it; `full`: everything is asked for;
 * `hidden`: it only makes the root for what follows, and is not measured.
 */
const CASES = [
  { name: 'large', title: 'one 2 GiB file', files: 1, bytes: 2048 * MiB, steps: [{ full: true }] },
  {
    name: 'small',
    title: '50,000 files of 1-64 KiB',
    files: 50_000,
    bytes: 50_000 * 32.5 * 1024,
    scenario: 'even-sizes',
    steps: [{ full: true }],
  },
  {
    name: 'changed',
    title: '50,000 files of 1-64 KiB',
    files: 50_000,
    bytes: 50_000 * 32.5 * 1024,
    scenario: 'even-sizes',
    steps: [
      { full: true, hidden: true },
      { title: '1 % changed', change: 500 },
      { title: 'nothing changed', change: 0 },
    ],
  },
  {
    name: 'million',
    title: '1,000,000 files of 16-1024 bytes',
    files: 1_000_000,
    bytes: 1_000_000 * 512,
    scenario: 'even-sizes',
    programs: ['ibk'],
    steps: [{ full: true }],
  },
];

/** @param only name of one case; `million` takes minutes and runs only when it is named */
export function casesOf(only, scale) {
  return CASES.filter(({ name }) => (only === undefined ? name !== 'million' : name === only)).map((each) => ({
    ...each,
    files: Math.max(1, Math.round(each.files / scale)),
    bytes: Math.floor(each.bytes / scale),
    steps: each.steps.map((step) => ({ ...step, change: step.change && Math.round(step.change / scale) })),
  }));
}
