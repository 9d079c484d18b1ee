// The states of a phone that needs no phone: state n follows from n alone, so that whoever reads a backup of it knows what must be there.
import { createHash } from 'node:crypto';

export const UDID = '00008110-00112233aabbccdd';

const number = (...parts) => createHash('sha256').update(parts.join('/')).digest().readUInt32BE(0);

const NAMES = Array.from({ length: 24 }, (_, index) => {
  const id = createHash('sha1').update(`HomeDomain-file${index}`).digest('hex');
  // Every sixth lies flat, as before iOS 10.
  return index % 6 === 5
    ? id
    : `${'abcdef'[index % 3]}${index % 2}/${`${'abcdef'[index % 3]}${index % 2}`}${id.slice(2)}`;
});

/** Path to content. */
export function phoneState(n) {
  const tree = new Map();
  for (const name of NAMES) {
    let changed = n;
    while (changed > 0 && number(name, changed) % 3 !== 0) changed -= 1;
    if (number(name, changed, 'there') % 5 === 0) continue;
    const seed = createHash('sha256').update(`${name} ${changed}`).digest();
    tree.set(name, Buffer.alloc(number(name, changed, 'size') % 40_000, seed));
  }
  tree.set('Info.plist', Buffer.from(`info ${Math.floor(n / 2)}`));
  tree.set('Manifest.db', Buffer.from(`manifest of state ${n}`));
  tree.set('Status.plist', statusPlist(n));
  return tree;
}

export function statusPlist(n) {
  const date = new Date(Date.UTC(2026, 0, 1) + n * 60_000).toISOString().replace(/\.\d+Z$/, 'Z');
  return Buffer.from(`<?xml version="1.0" encoding="UTF-8"?>
<plist version="1.0"><dict><key>SnapshotState</key><string>finished</string><key>Date</key><date>${date}</date>
<key>State</key><integer>${n}</integer></dict></plist>
`);
}

/** Which state a Status.plist belongs to. */
export function stateOf(status) {
  return Number(/<integer>(\d+)<\/integer>/.exec(status.toString())?.[1]);
}

/** Sends state n through a lease as a phone would: what changed (or all), into Snapshot or to its place, then removals and moves. */
export async function sendState(lease, n, { full = n % 4 === 0 } = {}) {
  const { host } = lease;
  const wire = (path) => `${UDID}/${path}`;
  const moves = [];
  const tree = phoneState(n);
  for (const [path, content] of tree) {
    if (!full && path !== 'Status.plist' && (await same(host, wire(path), content))) continue;
    const through = number(path, n, 'way') % 2 === 0 ? `Snapshot/${path}` : path;
    const sink = host.receive(wire(through));
    for (let at = 0; at < content.length; at += 10_000) sink.write(content.subarray(at, at + 10_000));
    sink.commit();
    if (through !== path) moves.push([through, path]);
  }
  await host.settle();
  for (const [from, to] of moves) host.move(wire(from), wire(to));
  for (const name of NAMES) if (!tree.has(name)) host.remove(wire(name));
  host.remove(wire('Snapshot'));
}

async function same(host, path, content) {
  let source;
  try {
    source = host.open(path);
  } catch {
    return false;
  }
  try {
    const parts = [];
    const into = Buffer.alloc(64 * 1024);
    for (let count = await source.read(into); count > 0; count = await source.read(into))
      parts.push(Buffer.from(into.subarray(0, count)));
    return Buffer.concat(parts).equals(content);
  } finally {
    source.close();
  }
}
