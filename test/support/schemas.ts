/** The shipped JSON Schemas, made strict: in the tests a field that no schema names is a mistake. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { expect } from 'vitest';

const FOLDER = new URL('../../dist/schemas', import.meta.url).pathname;

export const SCHEMA_TYPES: readonly string[] = readdirSync(FOLDER).map((name) => name.replace(/\.json$/, ''));

const ajv = new Ajv2020({ allErrors: true, strict: true, strictTypes: false });
addFormats.default(ajv);
const validators = new Map<string, ValidateFunction>();

function validatorOf(type: string): ValidateFunction {
  const known = validators.get(type);
  if (known !== undefined) return known;
  const schema: unknown = JSON.parse(readFileSync(join(FOLDER, `${type}.json`), 'utf8'));
  const made = ajv.compile(strict(schema) as object);
  validators.set(type, made);
  return made;
}

function strict(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(strict);
  if (typeof schema !== 'object' || schema === null) return schema;
  const inner = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, strict(value)]));
  return 'properties' in schema ? { ...inner, additionalProperties: false } : inner;
}

/** Every line is JSON of a known type that fits its schema. @returns the lines */
export function expectValidLines(text: string): Record<string, unknown>[] {
  expect(text.endsWith('\n')).toBe(true);
  return text
    .trimEnd()
    .split('\n')
    .map((line) => {
      const value: Record<string, unknown> = JSON.parse(line);
      const type = String(value['type']);
      expect(SCHEMA_TYPES, line).toContain(type);
      const validate = validatorOf(type);
      expect(validate(value), `${line}\n${JSON.stringify(validate.errors, null, 1)}`).toBe(true);
      return value;
    });
}
