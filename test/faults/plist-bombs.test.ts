/** Property lists that are small on the wire and huge in memory, or endless to read. */
import { execa } from 'execa';
import { expect, test } from 'vitest';

test('each is read or refused in words, in bounded memory', async () => {
  const script = new URL('../support/plist-bombs.js', import.meta.url).pathname;
  const { stdout } = await execa(process.execPath, ['--expose-gc', script], { timeout: 100_000 });
  const { peakBytes, results } = JSON.parse(stdout) as { peakBytes: number; results: Record<string, string> };
  const many = 'device_error: It is not a valid property list: more than 1000000 values.';
  const circle = 'device_error: It is not a valid property list: nested too deeply, or in a circle.';
  const declared = 'device_error: It is not a valid property list: a document type with declarations of its own.';
  expect(results).toEqual({
    'empty dictionaries, shared': many,
    'empty arrays, shared': many,
    'dictionaries, overlapping': many,
    'data, overlapping': many,
    'dates, overlapping': many,
    'arrays of arrays, thirty deep': many,
    'an array that holds itself': circle,
    'ten million declared objects': 'device_error: It is not a valid property list: the offset table does not fit.',
    'ten million objects, with their table': expect.stringMatching(/^device_error: It is not a valid property list: /),
    'elements without content': many,
    'data elements without content': many,
    'a text of entities': 'read',
    'a text with one entity': 'read',
    'empty CDATA': 'read',
    comments: 'read',
    'arrays without an end': 'device_error: It is not a valid property list: nested too deeply.',
    'a real of digits, then a letter': 'device_error: It is not a valid property list: a malformed real.',
    'an integer of digits': 'device_error: It is not a valid property list: a malformed integer.',
    'a date of digits': 'read',
    'base64, then none': 'device_error: It is not a valid property list: malformed base64.',
    'a tag of spaces': 'device_error: It is not a valid property list: a malformed element.',
    'entities that expand': declared,
    'an entity of a file': declared,
  });
  // One after the other in one process, whose heap has grown with each.
  expect(peakBytes).toBeLessThan(320_000_000);
}, 120_000);
