import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { type ConfigSources, configFileError, resolveConfig } from '../../src/config/config.js';
import { nearest } from '../../src/nearest.js';
import { defaultConfigFile, defaultRoot } from '../../src/config/platform-paths.js';
import { parseDuration, parseSize } from '../../src/config/values.js';

const folder = mkdtempSync(join(tmpdir(), 'ibk-config-'));
afterAll(() => rmSync(folder, { recursive: true }));

function sources(given: Partial<ConfigSources> = {}): ConfigSources {
  return { flags: {}, env: {}, platform: 'linux', home: '/home/anna', cwd: '/home/anna', ...given };
}

let files = 0;
function withFile(toml: string, given: Partial<ConfigSources> = {}): ConfigSources {
  const path = join(folder, `config-${files++}.toml`);
  writeFileSync(path, toml);
  return sources({ ...given, env: { ...given.env, IBK_CONFIG: path } });
}

describe('values', () => {
  test.each([
    ['90s', 90_000],
    ['15m', 900_000],
    ['2h', 7_200_000],
    ['3d', 259_200_000],
    ['1h30m', 5_400_000],
    ['1.5h', 5_400_000],
    ['0', 0],
  ])('%s is a duration', (text, ms) => expect(parseDuration(text)).toBe(ms));
  test.each(['', '90', '15 m', '-1s', '1w', 's', '1e3s', '99d', `${'9'.repeat(400)}s`])('%j is not', (text) =>
    expect(parseDuration(text)).toBeUndefined(),
  );
  test.each([
    ['50M', 50_000_000],
    ['50MB', 50_000_000],
    ['50MiB', 52_428_800],
    ['1.5g', 1_500_000_000],
    ['512', 512],
    ['4k', 4000],
  ])('%s is a size', (text, bytes) => expect(parseSize(text)).toBe(bytes));
  test.each(['', 'M', '5X', '-5M', '1e9', '9999999T'])('%j is not', (text) => expect(parseSize(text)).toBeUndefined());
});

describe('where things are', () => {
  test('the default root follows the platform', () => {
    const home = '/home/anna';
    expect(defaultRoot({ platform: 'linux', env: {}, home })).toBe('/home/anna/.local/share/ibk');
    expect(defaultRoot({ platform: 'linux', env: { XDG_DATA_HOME: '/data' }, home })).toBe('/data/ibk');
    expect(defaultRoot({ platform: 'linux', env: { XDG_DATA_HOME: 'data' }, home })).toBe(
      '/home/anna/.local/share/ibk',
    );
    expect(defaultRoot({ platform: 'darwin', env: {}, home: '/Users/anna' })).toBe(
      '/Users/anna/Library/Application Support/ibk',
    );
    expect(defaultRoot({ platform: 'win32', env: { LOCALAPPDATA: 'C:\\L' }, home: 'C:\\Users\\anna' })).toBe(
      'C:\\L\\ibk',
    );
  });
  test('and so does the config file', () => {
    const home = '/home/anna';
    expect(defaultConfigFile({ platform: 'linux', env: {}, home })).toBe('/home/anna/.config/ibk/config.toml');
    expect(defaultConfigFile({ platform: 'linux', env: { XDG_CONFIG_HOME: '/c' }, home })).toBe('/c/ibk/config.toml');
    expect(defaultConfigFile({ platform: 'win32', env: { APPDATA: 'C:\\R' }, home: 'C:\\' })).toBe(
      'C:\\R\\ibk\\config.toml',
    );
  });
});

describe('precedence', () => {
  test('defaults', async () => {
    const config = await resolveConfig(sources());
    expect(config).toMatchObject({
      udids: [],
      root: '/home/anna/.local/share/ibk',
      link: 'any',
      usbmuxd: undefined,
      waitMs: 0,
      timeoutMs: 60_000,
      stallMs: 900_000,
      passcodeMs: 300_000,
      retries: 0,
      progress: 'auto',
      configFile: { exists: false, problems: [] },
    });
    expect(Object.isFrozen(config)).toBe(true);
  });
  test('a flag beats the environment, which beats the file', async () => {
    const toml = 'wait = "1m"\nstall-timeout = "45m"\nretries = 2\nudid = ["a", "b, c"]\n';
    const config = await resolveConfig(
      withFile(toml, { flags: { wait: '3m' }, env: { IBK_WAIT: '2m', IBK_STALL_TIMEOUT: '30m' } }),
    );
    expect(config).toMatchObject({ waitMs: 180_000, stallMs: 1_800_000, retries: 2, udids: ['a', 'b, c'] });
  });
  test('an empty variable is not set; usbmuxd has the name that other tools read', async () => {
    const env = { IBK_OUT: '', USBMUXD_SOCKET_ADDRESS: 'UNIX:/tmp/x', IBK_UDID: 'a, b' };
    expect(await resolveConfig(sources({ env }))).toMatchObject({
      root: '/home/anna/.local/share/ibk',
      usbmuxd: 'UNIX:/tmp/x',
      udids: ['a', 'b'],
    });
  });
  test('paths: flags from here, variables and the file from home', async () => {
    expect((await resolveConfig(sources({ flags: { out: 'x' } }))).root).toBe('/home/anna/x');
    expect((await resolveConfig(sources({ env: { IBK_OUT: '~/x' } }))).root).toBe('/home/anna/x');
    expect((await resolveConfig(withFile('out = "~/y"'))).root).toBe('/home/anna/y');
    expect((await resolveConfig(sources({ flags: { root: '/r' } }))).root).toBe('/r');
  });
  test('--usb, --network, both, and the variable', async () => {
    expect((await resolveConfig(sources({ flags: { usb: true } }))).link).toBe('usb');
    expect((await resolveConfig(sources({ flags: { usb: true, network: true } }))).link).toBe('any');
    const env = { IBK_TRANSPORT: 'network' };
    expect((await resolveConfig(sources({ env }))).link).toBe('network');
    expect((await resolveConfig(sources({ env, flags: { usb: true } }))).link).toBe('usb');
  });
  test('IBK_DEBUG may name layers', async () => {
    expect((await resolveConfig(sources({ env: { IBK_DEBUG: 'devicelink' } }))).debug).toBe(true);
    expect((await resolveConfig(sources({ env: { IBK_DEBUG: '0' } }))).debug).toBe(false);
  });
});

describe('refusals', () => {
  test.each([
    [{ wait: '15' }, {}, '--wait "15" is not a duration.'],
    [{}, { IBK_RETRIES: 'many' }, 'IBK_RETRIES "many" is not a whole number.'],
    [{ timeout: '0' }, {}, '--timeout "0" is too short.'],
    [{}, { IBK_STALL_TIMEOUT: '0.5s' }, 'IBK_STALL_TIMEOUT "0.5s" is too short.'],
    [{ progress: 'loud' }, {}, '--progress "loud" is not known.'],
    [{ out: '' }, {}, '--out is empty.'],
    [{ udid: [''] }, {}, '--udid is empty.'],
    [{}, { IBK_JSON: 'maybe' }, 'IBK_JSON "maybe" is neither yes nor no.'],
    [{}, { IBK_CONFIG: '/nowhere/config.toml' }, 'The config file /nowhere/config.toml cannot be read.'],
  ])('%j %j', async (flags, env, message) => {
    await expect(resolveConfig(sources({ flags, env }))).rejects.toMatchObject({ code: 'usage', message });
  });

  test.each([
    ['out = "/x"\n\nsatll-timeout = "1m"\n', 'line 3: unknown "satll-timeout"', 'stall-timeout'],
    ['wait = 15\n', 'line 1: wait has the wrong type', 'wait = "15m"'],
    ['[backup]\nfull = true\n', 'line 1: unknown "backup"', /^known: udid, out/],
    ['out = "relative"\n', 'line 1: out "relative" is a relative path', /~\//],
    ['# a\nwait = "soon"\n', 'line 2: wait "soon" is not a duration', /90s/],
    ['json = \n', /^line 1: /, /toml/],
    ['yes = true\n', 'line 1: unknown "yes"', /./],
    ['__proto__ = 1\n', /line 1: unknown|cannot be read/, /./],
  ])('in the file: %j', async (toml, message, hint) => {
    const { configFile } = await resolveConfig(withFile(toml));
    const matching = (wanted: string | RegExp) => (typeof wanted === 'string' ? wanted : expect.stringMatching(wanted));
    expect(configFile.problems).toEqual([{ message: matching(message), hint: matching(hint) }]);
    expect(configFileError(configFile, '~/config.toml')).toMatchObject({ code: 'usage', exit: 2 });
  });
});

test('nearest suggests what was meant and nothing far off', () => {
  const known = ['backup', 'list', 'info', 'devices', 'pair', 'unpair', 'doctor', 'sim'];
  expect(nearest('bakcup', known)).toBe('backup');
  expect(nearest('BACKUP', known)).toBe('backup');
  expect(nearest('lsit', known)).toBe('list');
  expect(nearest('unpiar', known)).toBe('unpair');
  expect(nearest('frobnicate', known)).toBeUndefined();
  expect(nearest('x'.repeat(10_000), known)).toBeUndefined();
});
