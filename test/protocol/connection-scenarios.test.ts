/** Every scenario below the backup service, met by a whole `backup` of ibk: what the user is told, and that nothing hangs. */
import { expect, test } from 'vitest';
import type { IbkError } from '../../src/errors.js';
import { startSimulator } from '../../src/sim/index.js';
import { CONNECTION_SCENARIOS } from '../../src/sim/scenarios/connection.js';
import { temporaryRoot, tryBackup } from '../support/ibk-backup.js';

/** Made with `openssl req -x509`; its key was thrown away. */
const ORGANIZATION = new URL('../../fixtures/supervision/organization.pem', import.meta.url).pathname;

/** Scenario to the summary's code, or to the error's code and reason. */
const OUTCOMES: Readonly<Record<string, string>> = {
  'trust-pending=1': 'ok',
  'trust-refused': 'not_paired/user_denied_pairing',
  'trust-manual': 'not_paired/trust_timeout',
  paired: 'ok',
  revoked: 'not_paired/invalid_host_id',
  'no-escrow-bag': 'ok',
  [`supervised=${ORGANIZATION}`]: 'device_precondition/mc_protected',
  'pair-error=MCProtected': 'device_precondition/mc_protected',
  'session-error=FMiPProtected': 'device_precondition/f_mi_p_protected',
  'tls-refused': 'not_paired/tls_closed',
  'tls-alert': 'device_error/tls',
  'tls-version=1.0': 'ok',
  'tls-version=1.3': 'ok',
  'tls-intolerant': 'ok',
  'idle-drop': 'ok',
  'control-characters': 'ok',
  locked: 'ok',
  'not-unlocked': 'device_locked/not_unlocked_since_start',
  'service-error=PasswordProtected': 'device_locked/password_protected',
  'service-error=ServiceProhibited': 'device_precondition/service_prohibited',
  'service-error=InvalidService:afc': 'incompatible/invalid_service',
  'service-refused=mobilebackup2': 'device_error/refused',
  'no-passcode': 'ok',
  'passcode-late=0.2': 'ok',
  'find-my': 'ok',
  chaperoned: 'ok',
  'setup-unfinished': 'ok',
  battery: 'ok',
  'requires-encryption': 'ok',
  'phone-full': 'ok',
  'product-version=6.1.6': 'ok',
  'wifi-only': 'ok',
  'afc-busy': 'ok',
  'afc-lock-error': 'device_error/afc',
  'many-apps': 'ok',
  'no-proxy-death': 'ok',
  network: 'ok',
  'usb-and-network': 'ok',
  'connect-refused': 'device_error/refused',
  'detach=connect': 'connection_lost/detached',
  'detach=pair': 'connection_lost/detached',
  'detach=session': 'connection_lost/detached',
  'detach=service': 'connection_lost/detached',
  'detach-after=0.2': 'connection_lost/detached',
  'one-byte-chunks': 'ok',
  coalesced: 'ok',
};

test('no scenario is left out', () => {
  const met = new Set(Object.keys(OUTCOMES).map((scenario) => scenario.split('=')[0]));
  expect(CONNECTION_SCENARIOS.map(({ name }) => name).filter((name) => !met.has(name))).toEqual([]);
});

test('a locked phone that does not trust this computer yet', async () => {
  await using root = await temporaryRoot();
  await using sim = await startSimulator({ files: 4, bytes: 4000, scenarios: ['locked'] });
  const timeouts = { passcodeMs: 1500 };
  await expect(tryBackup({ listen: sim.listen, root: root.path, timeouts })).rejects.toMatchObject({
    code: 'device_locked',
  });
});

test.concurrent.each(Object.entries(OUTCOMES))('%s: %s', async (scenario, expected) => {
  await using root = await temporaryRoot();
  const more = scenario.startsWith('detach-after') ? ['silent=scan:30'] : [];
  const trusted = /trust|pair|product-version|^supervised/.test(scenario) ? [] : ['paired'];
  await using sim = await startSimulator({ files: 4, bytes: 4000, scenarios: [scenario, ...trusted, ...more] });
  const { listen } = sim;
  const timeouts = { passcodeMs: scenario === 'trust-manual' ? 1500 : 30_000 };
  const outcome = await tryBackup({ listen, root: root.path, timeouts }).then(
    ({ summary }) => summary.code,
    ({ code, reason }: IbkError) => `${code}/${reason}`,
  );
  expect(outcome).toBe(expected);
  expect(sim.violations).toEqual([]);
});
