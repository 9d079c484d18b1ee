/**
 * Where the password comes from: an option beats the environment, the environment beats the config file, and without any of them a person is asked.
 * Nothing is read here but the variables that hold the password itself.
 */
import { IbkError } from '../errors.js';
import { Secret } from '../io/secret.js';
import type { SharedKey } from './options.js';
import type { SettingsReader } from './settings-reader.js';

export type PasswordSource =
  | { readonly from: 'variable'; readonly name: string; readonly secret: Secret }
  | { readonly from: 'file'; readonly path: string }
  | { readonly from: 'command'; readonly command: string }
  | { readonly from: 'stdin' }
  | { readonly from: 'descriptor'; readonly fd: number }
  /** Of the operating system, by device. */
  | { readonly from: 'keychain' };

export type Environment = Readonly<Record<string, string | undefined>>;

const KEYS = [
  'password-file',
  'password-command',
  'password-stdin',
  'password-fd',
  'keychain',
] as const satisfies SharedKey[];
const NEW_KEYS = ['new-password-file', 'new-password-command', 'new-password-fd'] as const satisfies SharedKey[];
type PasswordKey = (typeof KEYS)[number] | (typeof NEW_KEYS)[number];

/** @throws IbkError `usage` for two options, or a value that cannot be understood */
export function readPasswordSource(read: SettingsReader, env: Environment): PasswordSource | undefined {
  const given = (tier: 'option' | 'variable' | 'file') => KEYS.filter((key) => read.tierOf(key) === tier);
  const [typed, another] = given('option').flatMap((key) => sourceOf(key, read) ?? []);
  if (another !== undefined) throw twoSources(given('option'));
  if (typed !== undefined) return typed;
  return (
    variable('IBK_PASSWORD', env) ??
    given('variable').flatMap((key) => sourceOf(key, read) ?? [])[0] ??
    variable('BACKUP_PASSWORD', env) ??
    given('file').flatMap((key) => sourceOf(key, read) ?? [])[0]
  );
}

/** Of a password that is to be set: it is never the present one by mistake. @throws IbkError `usage` */
export function readNewPasswordSource(read: SettingsReader, env: Environment): PasswordSource | undefined {
  const given = NEW_KEYS.filter((key) => read.tierOf(key) === 'option');
  const [typed, another] = given.flatMap((key) => sourceOf(key, read) ?? []);
  if (another !== undefined) throw twoSources(given);
  return typed ?? variable('IBK_NEW_PASSWORD', env) ?? variable('BACKUP_PASSWORD_NEW', env);
}

/** Holds a password, or the way to one: no child process inherits it. */
export function isPasswordVariable(name: string): boolean {
  return /^(IBK_(NEW_)?PASSWORD|BACKUP_PASSWORD)(_|$)/i.test(name);
}

/** The environment for a child process. */
export function withoutPasswords(env: Environment): Environment {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !isPasswordVariable(name)));
}

function variable(name: string, env: Environment): PasswordSource | undefined {
  const value = env[name];
  return value === undefined || value === '' ? undefined : { from: 'variable', name, secret: Secret.of(value) };
}

function sourceOf(key: PasswordKey, read: SettingsReader): PasswordSource | undefined {
  switch (key) {
    case 'password-file':
    case 'new-password-file': {
      const path = read.path(key);
      return path === undefined ? undefined : { from: 'file', path };
    }
    case 'password-command':
    case 'new-password-command': {
      const command = read.text(key);
      return command === undefined ? undefined : { from: 'command', command };
    }
    case 'keychain':
      return read.switch(key) ? { from: 'keychain' } : undefined;
    case 'password-stdin':
      return read.switch(key) ? { from: 'stdin' } : undefined;
    case 'password-fd':
    case 'new-password-fd': {
      const fd = read.count(key, 0);
      // What ibk writes to must not be read from; 1 and 2 are never what was meant.
      if (fd === 1 || fd === 2)
        throw new IbkError('usage', `--${key} ${fd} is where ibk writes to.`, {
          hint: `Such as --${key} 3 3<FILE`,
        });
      return fd === 0 ? { from: 'stdin' } : { from: 'descriptor', fd };
    }
  }
}

function twoSources(keys: readonly string[]): IbkError {
  const names = keys.map((key) => `--${key}`).join(' and ');
  return new IbkError('usage', `The password can come from one place only: ${names} were given.`, {
    hint: 'Leave one of them.',
  });
}
