/** What a simulated phone has seen, in the JSON of `ibk sim ctl stats`. */
import type { SimulatedPhone } from '../phone/phone.js';

export function phoneStats(phone: SimulatedPhone): Record<string, unknown> {
  const { stats, backupStats } = phone;
  return {
    udid: phone.udid,
    name: phone.identity.name,
    ios: phone.productVersion,
    scenarios: phone.scenarios.list(),
    plugged_in: phone.pluggedIn,
    lock: phone.lock,
    encrypted: phone.encryption !== undefined,
    trusted_computers: phone.pairings.size,
    trust_dialog: phone.trust.showing,
    passcode_prompt: phone.passcode.showing,
    sync_locked: phone.afc.syncLocked,
    cloud_backup: phone.cloudBackup,
    mutations: phone.content.mutationCount,
    violations: phone.violations,
    connections: stats.connections,
    failed_handshakes: stats.failedHandshakes,
    bytes_in: stats.bytesIn,
    bytes_out: stats.bytesOut,
    lockdown: stats.lockdown,
    services: stats.services,
    posts: phone.notifications.posts,
    replay_divergences: phone.replay?.divergences ?? null,
    backup: snakeCase(backupStats),
  };
}

function snakeCase(record: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(record).map(([key, value]) => [
      key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      value,
    ]),
  );
}
