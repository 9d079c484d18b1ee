/**
 * `npm run bench -- --only versions`: what it costs to keep versions. ibk's own part of a backup beside Debian's restic, which saves the same folder each time;
 * backups of one phone into a root that keeps one version and into one that keeps fifty more; files taken out of the newest version and of the one fifty
 * steps back; and what all of it takes on the disk.
 */
import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { diskUse, IdealSpace } from './disk-use.js';
import { makeVersions } from './made-versions.js';
import { measure, onQuietDisk } from './measure.js';
import { changeFiles, IBK, startPhone } from './phone.js';
import { commitSeconds, ownSeconds } from './programs.js';
import { limitTable, spaceTable } from './report.js';

const PHONE = { files: 50_000, bytes: 50_000 * 32.5 * 1024, scenario: 'even-sizes' };
const STEPS_BACK = 50;
const CHANGED_EACH = 20;
const STEPS = [
  { title: 'nothing changed', share: 0 },
  { title: '1 % changed', share: 0.01 },
];
const LIMITS = { many: 1.1, back: 1.3, restic: 0.3, ideal: 1.03, repository: 1.05 };
/** What a backup without a change may add, beside a part of Manifest.db. */
const IDLE_BYTES = 1e6;
const IDLE_MANIFEST = 0.05;
const WITH_COMMIT = [
  ['wall', 'wallSeconds'],
  ['CPU', 'cpuSeconds'],
  ['commit', 'commitSeconds'],
];
const WITHOUT = WITH_COMMIT.slice(0, 2);

/** @param folder scratch */
export async function runVersions(folder, rounds, scale) {
  const files = Math.round(PHONE.files / scale);
  const socket = join(folder, 'phone.sock');
  const env = { ...process.env, USBMUXD_SOCKET_ADDRESS: `UNIX:${socket}` };
  Object.assign(env, { RESTIC_PASSWORD: 'bench', RESTIC_CACHE_DIR: join(folder, 'restic-cache') });
  const phone = await startPhone(socket, { ...PHONE, files, bytes: Math.floor(PHONE.bytes / scale) }, env);
  const bench = new VersionsBench(folder, { files, rounds, env });
  try {
    await bench.begin();
    await bench.besideRestic();
    await bench.everythingAgain();
    await bench.oneAndMany();
  } finally {
    phone.removeAllListeners('exit');
    phone.kill('SIGTERM');
  }
  await bench.fiftyStepsBack();
  bench.space();
}

class VersionsBench {
  #folder;
  #files;
  #rounds;
  #env;
  #many;
  #one;
  #repository;
  #udid;
  #ideal;
  #space = [];

  constructor(folder, { files, rounds, env }) {
    this.#folder = folder;
    this.#files = files;
    this.#rounds = rounds;
    this.#env = env;
    this.#many = join(folder, 'many');
    this.#one = join(folder, 'one');
    this.#repository = join(folder, 'restic');
  }

  /** One whole backup, with ibk and with restic. */
  async begin() {
    await this.#backUp(this.#many);
    this.#udid = readdirSync(this.#many).find((name) => name !== '.ibk');
    this.#ideal = new IdealSpace(this.#newest);
    await measure(this.#restic('init'), this.#env);
    await this.#save();
  }

  async besideRestic() {
    const measured = STEPS.map(() => ({ restic: [], ibk: [] }));
    for (let round = 0; round < this.#rounds; round++)
      for (const [index, step] of STEPS.entries()) {
        this.#change(step);
        measured[index].ibk.push(await this.#backUpCounted(step));
        measured[index].restic.push(await this.#save());
      }
    for (const [index, { title }] of STEPS.entries()) {
      const { restic, ibk } = measured[index];
      const own = ibk.map((run) => ({ ...run, wallSeconds: run.ownSeconds }));
      this.#table(
        `${title}: restic, and ibk from the phone's last word (check and commit)`,
        [['wall', 'wallSeconds']],
        [
          { name: 'restic', rounds: restic },
          { name: 'ibk', rounds: own, limit: LIMITS.restic },
        ],
      );
    }
    const taken = [diskUse(this.#many), diskUse(this.#repository)];
    const written = [diskUse(this.#many, 'apparent'), diskUse(this.#repository, 'apparent')];
    // Restic packs files together; a backup of Apple's has a file for each, which ends within a block.
    this.#space.push(
      { name: "the root, beside restic's repository", bytes: written[0], of: written[1], limit: LIMITS.repository },
      { name: 'the same in whole blocks', bytes: taken[0], of: taken[1] },
    );
  }

  async oneAndMany() {
    await makeVersions(this.#many, this.#udid, {
      ...{ count: STEPS_BACK, filesEach: Math.ceil((CHANGED_EACH * this.#files) / PHONE.files) },
      afterEach: () => this.#ideal.step(),
    });
    // The phone sends its own manifest again.
    await this.#backUpCounted();
    await this.#backUp(this.#one);
    const measured = STEPS.map(() => ({ one: [], many: [] }));
    for (let round = 0; round < this.#rounds; round++)
      for (const [index, step] of STEPS.entries()) {
        this.#change(step);
        const one = async () => measured[index].one.push(await this.#backUp(this.#one));
        const many = async () => measured[index].many.push(await this.#backUpCounted(step));
        for (const run of round % 2 === 0 ? [one, many] : [many, one]) await run();
        await onQuietDisk(ibk('forget', '--keep-last', '1', '--yes', '-q', '-o', this.#one), this.#env);
      }
    for (const [index, { title }] of STEPS.entries()) {
      const { one, many } = measured[index];
      this.#table(title, WITH_COMMIT, [
        { name: '1 version', rounds: one },
        { name: `${STEPS_BACK} and more`, rounds: many, limit: LIMITS.many },
      ]);
    }
  }

  /** `--full` of a phone that has not changed. Before versions are made that the phone knows nothing of: it would send what those changed. */
  async everythingAgain() {
    const before = diskUse(this.#many);
    await this.#backUp(this.#many, '--full');
    this.#ideal.step();
    this.#space.push(this.#idle('backup --full, nothing changed', diskUse(this.#many) - before));
  }

  async fiftyStepsBack() {
    const to = join(this.#folder, 'to');
    const measured = { newest: [], back: [] };
    const take = async (version) => {
      const figures = await onQuietDisk(ibk('extract', version, '-q', '-o', this.#many, '--to', to), this.#env);
      rmSync(to, { recursive: true });
      return figures;
    };
    // The first of each warms the cache.
    for (let round = 0; round <= this.#rounds; round++) {
      const newest = async () => measured.newest.push(await take('latest'));
      const back = async () => measured.back.push(await take(`latest~${STEPS_BACK}`));
      for (const run of round % 2 === 0 ? [newest, back] : [back, newest]) await run();
      if (round === 0) for (const rounds of Object.values(measured)) rounds.pop();
    }
    this.#table('extract, all files', WITHOUT, [
      { name: 'latest', rounds: measured.newest },
      { name: `latest~${STEPS_BACK}`, rounds: measured.back, limit: LIMITS.back },
    ]);
  }

  space() {
    const all = { name: 'all versions, beside what they must take', bytes: diskUse(this.#many), of: this.#ideal.bytes };
    process.stdout.write(spaceTable('On the disk', [...this.#space, { ...all, limit: LIMITS.ideal }]));
  }

  #change({ share }) {
    if (share > 0) changeFiles(Math.round(this.#files * share), this.#env);
  }

  async #backUpCounted(step) {
    const before = diskUse(this.#many);
    const figures = await this.#backUp(this.#many);
    this.#ideal.step();
    if (step?.share === 0) this.#space.push(this.#idle('backup, nothing changed', diskUse(this.#many) - before));
    return figures;
  }

  async #backUp(root, ...options) {
    const { lines, ...figures } = await onQuietDisk(ibk('backup', '--json', ...options, '-o', root), this.#env);
    return { ...figures, commitSeconds: commitSeconds(lines), ownSeconds: ownSeconds(lines) };
  }

  /** What it would be at the most: the last of its name counts. */
  #idle(name, bytes) {
    const { size } = statSync(join(this.#newest, 'Manifest.db'));
    return { name, bytes, of: IDLE_BYTES + IDLE_MANIFEST * size, limit: 1 };
  }

  #save() {
    return onQuietDisk(this.#restic('backup', '--compression', 'off', this.#newest), this.#env);
  }

  #restic(...args) {
    return ['restic', '--quiet', '-r', this.#repository, ...args];
  }

  get #newest() {
    return join(this.#many, this.#udid);
  }

  #table(title, columns, rows) {
    process.stdout.write(limitTable(`${this.#files.toLocaleString('en')} files, ${title}`, columns, rows));
  }
}

const ibk = (...args) => [process.execPath, IBK, ...args];
