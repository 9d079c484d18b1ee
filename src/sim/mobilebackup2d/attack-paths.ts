/** The paths of `attack=PATH`: each as a hostile phone would write it. */
import type { AttackPath } from '../scenarios/backup.js';

const OUTSIDE = 'escaped.txt';

/** @param udid the phone's own, which is also the name of its folder */
export function attackPath(kind: AttackPath, udid: string): string {
  switch (kind) {
    case 'parent':
      return `../${OUTSIDE}`;
    case 'parent-inside':
      return `${udid}/../../${OUTSIDE}`;
    case 'parent-middle':
      return `${udid}/Snapshot/../../../${OUTSIDE}`;
    case 'parent-itself':
      return `${udid}/..`;
    case 'absolute':
      return `/tmp/ibk-sim-${OUTSIDE}`;
    case 'absolute-own':
      return `/${udid}/Snapshot/x`;
    case 'double-slash':
      return `//${udid}/Snapshot/x`;
    case 'proc':
      return '/proc/self/environ';
    case 'other-device':
      return '00000000-0000000000000000/Status.plist';
    case 'ibk-folder':
      return `.ibk/${udid}/head`;
    case 'ibk-inside':
      return `${udid}/../.ibk/${udid}/head`;
    case 'ibk-below':
      return `${udid}/.ibk/head`;
    case 'ibk-case':
      return `.IBK/${udid}/head`;
    case 'drive':
      return `C:\\${OUTSIDE}`;
    case 'drive-inside':
      return `${udid}/C:${OUTSIDE}`;
    case 'share':
      return `\\\\server\\share\\${OUTSIDE}`;
    case 'nul':
      return `${udid}/Snapshot/a\0b`;
    case 'nul-first':
      return `${udid}\0/../../${OUTSIDE}`;
    case 'backslash':
      return `${udid}\\..\\..\\${OUTSIDE}`;
    case 'dot-first':
      return `./${udid}/Snapshot/x`;
    case 'home':
      return `~/${OUTSIDE}`;
    case 'lookalike':
      // A full-width zero: the same folder to a system that compares by compatibility.
      return `${udid.replace('0', '\uff10')}/Snapshot/x`;
    case 'lookalike-slash':
      return `${udid}\u2215..\u2215..\u2215${OUTSIDE}`;
    case 'longer-udid':
      return `${udid}0/Status.plist`;
    case 'udid-case':
      return `${swapCase(udid)}/Snapshot/x`;
    case 'udid-dot':
      return `${udid}./Snapshot/x`;
    case 'udid-space':
      return `${udid} /Snapshot/x`;
    case 'empty':
      return '';
    case 'folder':
      return `${udid}/./`;
    case 'long':
      return `${udid}/Snapshot/${'n'.repeat(4000)}`;
    case 'long-name':
      return `${udid}/Snapshot/${'\u00fc'.repeat(200)}`;
    case 'deep':
      return `${udid}/Snapshot/${'d/'.repeat(1900)}x`;
    case 'dos-device':
      return `${udid}/CON`;
    case 'dos-device-extension':
      return `${udid}/Snapshot/nul.plist`;
    case 'trailing-dot':
      return `${udid}/Status.plist.`;
    case 'trailing-space':
      return `${udid}/Manifest.plist `;
    case 'stream':
      return `${udid}/Status.plist::$DATA`;
    case 'case-twin':
      return `${udid}/status.PLIST`;
    case 'snapshot-twin':
      return `${udid}/SNAPSHOT/x`;
    case 'short-name':
      return `${udid}/STATUS~1.PLI`;
    case 'wildcard':
      return `${udid}/*`;
    case 'control':
      return `${udid}/Snapshot/a\u001b[2J\r\nb\u0007`;
    case 'bidi':
      return `${udid}/Snapshot/\u202egpj.exe`;
    case 'surrogate':
      return `${udid}/Snapshot/\ud800`;
    case 'composed-twin':
      return `${udid}/Snapshot/u\u0308`;
    case 'planted-link':
      return `${udid}/planted/x`;
  }
}

function swapCase(text: string): string {
  const upper = text.toUpperCase();
  const swapped = upper === text ? text.toLowerCase() : upper;
  // One of digits only has no other case.
  return swapped === text ? `x${text}` : swapped;
}
