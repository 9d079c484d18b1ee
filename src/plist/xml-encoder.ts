/** Writes XML property lists in the form of libplist, byte for byte, so that an Info.plist of ours equals one of idevicebackup2. */
import { PlistReal, PlistUid, type PlistValue } from './value.js';

const HEAD =
  '<?xml version="1.0" encoding="UTF-8"?>\n' +
  '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">\n' +
  '<plist version="1.0">\n';

/** @throws TypeError for values that a property list cannot hold. */
export function encodeXmlPlist(value: PlistValue): Buffer {
  const out: string[] = [HEAD];
  write(out, value, 0);
  out.push('</plist>\n');
  return Buffer.from(out.join(''), 'utf8');
}

function write(out: string[], value: PlistValue, depth: number): void {
  const indent = '\t'.repeat(depth);
  if (Array.isArray(value)) {
    if (value.length === 0) return void out.push(`${indent}<array/>\n`);
    out.push(`${indent}<array>\n`);
    for (const item of value) write(out, item, depth + 1);
    out.push(`${indent}</array>\n`);
  } else if (Buffer.isBuffer(value)) {
    out.push(`${indent}<data>\n`);
    // libplist's lines: 76 columns, a tab counting eight, at most eight tabs deep.
    const columns = 76 - 8 * Math.min(depth, 8);
    const text = value.toString('base64');
    for (let at = 0; at < text.length; at += columns) out.push(`${indent}${text.slice(at, at + columns)}\n`);
    out.push(`${indent}</data>\n`);
  } else if (typeof value !== 'object' || value instanceof Date || value instanceof PlistReal) {
    out.push(`${indent}${scalar(value)}\n`);
  } else if (value instanceof PlistUid) {
    write(out, { CF$UID: value.value }, depth);
  } else {
    const keys = Object.keys(value);
    if (keys.length === 0) return void out.push(`${indent}<dict/>\n`);
    out.push(`${indent}<dict>\n`);
    for (const key of keys) {
      const item = value[key];
      if (item === undefined) throw new TypeError(`property list: ${key} is undefined`);
      out.push(`${indent}\t<key>${escapeXml(key)}</key>\n`);
      write(out, item, depth + 1);
    }
    out.push(`${indent}</dict>\n`);
  }
}

function scalar(value: string | number | bigint | boolean | Date | PlistReal): string {
  if (typeof value === 'boolean') return value ? '<true/>' : '<false/>';
  if (typeof value === 'string') return `<string>${escapeXml(value)}</string>`;
  if (value instanceof Date) return `<date>${value.toISOString().replace(/\.\d{3}Z$/, 'Z')}</date>`;
  if (value instanceof PlistReal) return `<real>${formatReal(value.value)}</real>`;
  if (typeof value === 'number' && !Number.isSafeInteger(value))
    throw new TypeError(`property list: ${value} is neither an integer nor a PlistReal`);
  return `<integer>${value}</integer>`;
}

/** As printf's %.17g: shortest form with 17 significant digits, no trailing zeros. */
function formatReal(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf';
  const text = value.toPrecision(17);
  const [mantissa = text, exponent] = text.split('e');
  const short = mantissa.includes('.') ? mantissa.replace(/\.?0+$/, '') : mantissa;
  if (exponent === undefined) return short;
  const digits = exponent.replace(/^[+-]/, '').padStart(2, '0');
  return `${short}e${exponent.startsWith('-') ? '-' : '+'}${digits}`;
}

/** What XML cannot hold, not even as an entity. Left out: strict readers (expat) refuse the whole document for one of them. */
const FORBIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g;

function escapeXml(text: string): string {
  return text
    .replace(FORBIDDEN, '')
    .replace(/[&<>]/g, (character) => (character === '&' ? '&amp;' : character === '<' ? '&lt;' : '&gt;'));
}
